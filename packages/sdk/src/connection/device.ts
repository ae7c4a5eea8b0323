import type { Platform } from '../platform.ts';
import type { ChatStore, StoredValue } from '../store/store.ts';
import { randomId } from './session.ts';

const KEY = 'device.sign-in';
/** How long to wait for the word that this tab is the first one. */
const CLAIM_MS = 50;

/** A token of this device (XEP-0484). */
export interface KeptToken {
  readonly mechanism: string;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiry: number;
  /** How often it was used. */
  readonly count: number;
  /** What the server offered when it was given, by kind of connection (XEP-0509): a sign-in may then go out at once. */
  readonly offer: Readonly<Record<string, string>>;
}

interface Kept {
  readonly id: string;
  readonly user: string;
  readonly token: KeptToken | null;
}

/**
 * Who this installation is towards the server: an id and a token. They stand for one session at a time, so of several tabs of a browser
 * the first one has them, and the others are devices of a moment.
 */
export class Device {
  readonly #platform: Platform;
  readonly #store: ChatStore;
  #claim: Promise<boolean> | undefined;
  #release: (() => void) | undefined;
  #kept: Kept | undefined;
  #passing = '';
  #passingToken: KeptToken | undefined;
  /** Asks another tab for a token, for accounts that have nothing else to sign in with. */
  onPassing: ((device: string) => Promise<KeptToken>) | undefined;

  /** Gets another token in place of one that is over, where there is a way to. */
  onExpired: ((device: string) => Promise<KeptToken>) | undefined;

  constructor(platform: Platform, store: ChatStore) {
    this.#platform = platform;
    this.#store = store;
  }

  /** The id, and the token of this account when there is one. */
  async of(user: string): Promise<{ readonly id: string; readonly token: KeptToken | undefined }> {
    if (!(await this.isFirst())) {
      const id = (this.#passing ||= uuid(this.#platform));
      if (this.onPassing !== undefined)
        this.#passingToken ??= await this.onPassing(id).catch((error: unknown) => {
          // No first tab answers: it may have gone, or be this one before it was loaded again. The next try claims its place.
          this.#claim = undefined;
          throw error;
        });
      return { id, token: this.#passingToken };
    }
    this.#kept ??= (await this.#store.value(KEY)) as unknown as Kept | undefined;
    if (this.#kept === undefined || this.#kept.user !== user) await this.#keep({ id: uuid(this.#platform), user, token: null });
    const { id, token } = this.#kept as Kept;
    return { id, token: token === null || token.expiry <= this.#platform.now() ? undefined : token };
  }

  /** This installation is a device of `user` now, by this id and token. */
  async adopt(id: string, user: string, token: KeptToken): Promise<void> {
    if (await this.isFirst()) return this.#keep({ id, user, token });
    this.#passing = id;
    this.#passingToken = token;
  }

  /** Another token for this device, asked for where `onExpired` says; undefined when there is no such way. */
  async renewed(id: string): Promise<KeptToken | undefined> {
    const token = await this.onExpired?.(id);
    if (token !== undefined) await this.setToken(token);
    return token;
  }

  /** Whether a token may be there, without asking for the id. */
  async mayHaveToken(): Promise<boolean> {
    if (this.#passingToken !== undefined) return true;
    if (this.#kept === undefined) this.#kept = (await this.#store.value(KEY)) as unknown as Kept | undefined;
    return this.#kept !== undefined && this.#kept.token !== null;
  }

  /** Keeps a token, or forgets it. A count must be kept before it is used. */
  async setToken(token: KeptToken | undefined): Promise<void> {
    if (!(await this.isFirst())) this.#passingToken = token;
    else if (this.#kept !== undefined) await this.#keep({ ...this.#kept, token: token ?? null });
  }

  /** Another tab may be the first one now. */
  close(): void {
    this.#release?.();
    this.#release = this.#claim = this.#kept = this.#passingToken = undefined;
  }

  async #keep(kept: Kept): Promise<void> {
    this.#kept = kept;
    await this.#store.commit({ values: { [KEY]: kept as unknown as StoredValue } });
  }

  /** Of several tabs this is the one that stands for the device. */
  isFirst(): Promise<boolean> {
    const { exclusively } = this.#platform;
    if (exclusively === undefined) return Promise.resolve(true);
    this.#claim ??= new Promise((resolve) => {
      let late = false;
      const timer = this.#platform.setTimer(() => {
        late = true;
        resolve(false);
      }, CLAIM_MS);
      exclusively
        .call(this.#platform, 'parley device', () => {
          // Whoever said to be no first one stays that.
          if (late) return Promise.resolve();
          this.#platform.clearTimer(timer);
          resolve(true);
          return new Promise<void>((release) => {
            this.#release = release;
          });
        })
        .catch(() => resolve(false));
    });
    return this.#claim;
  }
}

/** A UUID v4 (RFC 9562 §5.4). */
export function uuid(platform: Platform): string {
  const hex = randomId(platform);
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
