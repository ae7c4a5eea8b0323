/** XEP-0082: XMPP Date and Time Profiles. */

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Milliseconds since 1970 as a UTC DateTime (§3.2), with milliseconds. Throws RangeError outside the years 0 to 9999. */
export function formatDateTime(ms: number): string {
  const text = new Date(ms).toISOString();
  if (text.length !== 24) throw new RangeError('time outside the years 0 to 9999');
  return text;
}

/** Milliseconds since 1970 of a DateTime (§3.2), or undefined. Finer fractions are cut. */
export function parseDateTime(text: string): number | undefined {
  const match = text.length > 64 ? null : DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || Number(zoneHour ?? 0) > 14 || Number(zoneMinute ?? 0) > 59)
    return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  // A leap second is the last millisecond before the next minute.
  const leap = second === '60';
  const millis = leap ? 999 : Number(fraction.slice(0, 3).padEnd(3, '0'));
  date.setUTCHours(Number(hour), Number(minute), leap ? 59 : Number(second), millis);
  const offset = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * 60_000;
  return date.getTime() - (sign === '-' ? -offset : offset);
}
