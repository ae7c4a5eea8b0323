/** What is remembered of the devices of an account, and for how long (XEP-0494). */

export interface DeviceRow {
  readonly software?: string;
  readonly device?: string;
  /** Milliseconds since 1970. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** It has proved to know the password, so it can come back until that is changed. */
  readonly password: boolean;
}

export interface SignInOfDevice {
  readonly software: string | undefined;
  readonly device: string | undefined;
  readonly byPassword: boolean;
  readonly now: number;
}

/** When a device was last here is kept this coarsely: a sign-in that says nothing new costs no write. */
const COARSE_MS = 3_600_000;

/** The row after a sign-in; undefined when it says nothing new. */
export function afterSignIn(row: DeviceRow | undefined, { software, device, byPassword, now }: SignInOfDevice): DeviceRow | undefined {
  const password = byPassword || row?.password === true;
  if (
    row !== undefined &&
    row.software === software &&
    row.device === device &&
    row.password === password &&
    now - row.lastSeen < COARSE_MS
  )
    return undefined;
  return {
    ...(software === undefined ? undefined : { software }),
    ...(device === undefined ? undefined : { device }),
    firstSeen: row?.firstSeen ?? now,
    lastSeen: now,
    password,
  };
}

/** Devices that are forgotten to keep at most so many, those seen longest ago first. */
export function toForget(rows: ReadonlyArray<{ key: string; value: DeviceRow }>, most: number): string[] {
  return [...rows]
    .sort((a, b) => b.value.lastSeen - a.value.lastSeen)
    .slice(most)
    .map(({ key }) => key);
}
