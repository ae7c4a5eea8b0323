import {
  type Crypto,
  deriveScramKeys,
  fakeScramBytes,
  Jid,
  preparePassword,
  type ScramHash,
  type ScramKeys,
  type ScramUpgradeSalt,
  scramKeysOf,
} from '@parley/protocol';
import { type AccountRecord, type AccountStore, type Awaitable, type Storage, StorageError } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import { AccountError } from '../errors.ts';
import type { Clock } from '../ports/index.ts';
import { Derivations } from './derivations.ts';
import { ForeignKeys, SCRAM_HASHES, saltOf } from './foreign-keys.ts';

/** SCRAM keys of an account by hash; base64 inside. The password itself is never kept. */
export interface Credentials {
  readonly scram: { readonly [H in ScramHash]?: ScramKeys };
}

const CACHE = 50_000;
const SHA1_ITERATIONS = 4096;

function toText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
function toBytes(text: string): Uint8Array {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

interface StoredKeys {
  salt: string;
  iterations: number;
  storedKey: string;
  serverKey: string;
}

function encode(credentials: Credentials): string {
  const scram: Record<string, StoredKeys> = {};
  for (const [hash, keys] of Object.entries(credentials.scram))
    scram[hash] = {
      salt: toText(keys.salt),
      iterations: keys.iterations,
      storedKey: toText(keys.storedKey),
      serverKey: toText(keys.serverKey),
    };
  return JSON.stringify({ scram });
}

function decode(text: string): Credentials {
  const raw = JSON.parse(text) as { scram?: Record<string, StoredKeys> };
  const scram: { [H in ScramHash]?: ScramKeys } = {};
  for (const hash of ['SHA-1', 'SHA-256', 'SHA-512'] as const) {
    const keys = raw.scram?.[hash];
    if (keys !== undefined)
      scram[hash] = {
        salt: toBytes(keys.salt),
        iterations: keys.iterations,
        storedKey: toBytes(keys.storedKey),
        serverKey: toBytes(keys.serverKey),
      };
  }
  return { scram };
}

/** The accounts of the domain: names, SCRAM keys, a cache of those in use. */
export class Accounts {
  readonly #store: AccountStore;
  readonly #storage: Storage;
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #domain: string;
  /** PBKDF2 rounds for new SCRAM-SHA-256/-512 keys. */
  iterations: number;
  readonly #byName = new Map<string, AccountRecord>();
  /** Names whose row has a write that is not durable yet: what is read of them meanwhile may never have been, and is not remembered. */
  readonly #changing = new Map<string, number>();
  readonly #removals = new Map<number, Promise<void>>();
  /** By record, not by id: a record never changes, so nothing outlives the sign-in keys it was made of. */
  readonly #credentials = new WeakMap<AccountRecord, Credentials>();
  /** Proof that a password was right before, so that PLAIN need not run PBKDF2 at each sign-in. HMACs under a key of this process. */
  readonly #proved = new WeakMap<AccountRecord, Uint8Array>();
  readonly #proofKey: Uint8Array;
  /** The salts of names without an account are made with it. */
  readonly #pretenceKey: Uint8Array;
  readonly #derivations = new Derivations();
  /** Keys that were made elsewhere. */
  readonly foreignKeys: ForeignKeys;
  /** How many accounts there are; undefined before somebody needs it. */
  #count: number | undefined;
  /** Told of accounts that come and go. */
  onCreated: (account: AccountRecord) => void = () => {};
  /** Before an account goes: everything about it is still there. */
  onRemoving: (account: AccountRecord) => Awaitable<void> = () => {};
  /** The account is gone, and with it the right to act for it. */
  onRemoved: (account: AccountRecord) => void = () => {};
  /** The sign-in keys are others now, or none; `by` is the session that asked for it. */
  onKeysChanged: (account: AccountRecord, by: object | undefined) => void = () => {};

  constructor(storage: Storage, crypto: Crypto, clock: Clock, domain: string, iterations: number, hostOwner = 0, pretenceKey?: Uint8Array) {
    this.#storage = storage;
    this.#store = storage.accounts;
    this.#crypto = crypto;
    this.#clock = clock;
    this.#domain = domain;
    this.iterations = iterations;
    this.#proofKey = crypto.randomBytes(32);
    this.#pretenceKey = pretenceKey ?? this.#proofKey;
    this.foreignKeys = new ForeignKeys(storage, hostOwner);
  }

  /** The account of this (prepared) name. Synchronous when it is in use or the engine is. */
  get(localpart: string): Awaitable<AccountRecord | undefined> {
    if (localpart === '') return undefined;
    const there = this.#byName.get(localpart);
    if (there !== undefined) return there;
    const found = this.#store.get(localpart, this.#domain);
    if (found instanceof Promise) return found.then((record) => this.#remember(record));
    return this.#remember(found);
  }

  #remember(record: AccountRecord | undefined): AccountRecord | undefined {
    if (record === undefined || this.#changing.has(record.localpart)) return record;
    if (this.#byName.size >= CACHE) this.#byName.clear();
    this.#byName.set(record.localpart, record);
    return record;
  }

  /** Runs writes about a name and waits until they are durable. */
  async #change<T>(localpart: string, write: () => Awaitable<T>): Promise<T> {
    this.#changing.set(localpart, (this.#changing.get(localpart) ?? 0) + 1);
    this.#byName.delete(localpart);
    try {
      const result = await write();
      await this.#durable();
      return result;
    } catch (error) {
      await this.foreignKeys.reload();
      throw error;
    } finally {
      const left = (this.#changing.get(localpart) ?? 1) - 1;
      if (left === 0) this.#changing.delete(localpart);
      else this.#changing.set(localpart, left);
    }
  }

  /** Whether the account is still there with the keys that this record has. Whoever signed in with it may go on only then (R10). */
  isCurrent(record: AccountRecord): Awaitable<boolean> {
    const same = (now: AccountRecord | undefined): boolean =>
      now !== undefined && now.id === record.id && !now.disabled && now.credentials === record.credentials;
    const found = this.get(record.localpart);
    return found instanceof Promise ? found.then(same) : same(found);
  }

  /** An account of this domain; tables know those of all domains by their numbers. */
  async byId(id: number): Promise<AccountRecord | undefined> {
    const found = await this.#store.byId(id);
    return found?.domain === this.#domain ? found : undefined;
  }

  /** Pages of accounts by name. */
  async list(options: { after?: string; limit?: number } = {}): Promise<AccountRecord[]> {
    return this.#store.list({ domain: this.#domain, after: options.after, limit: options.limit ?? 1000 });
  }

  async count(): Promise<number> {
    return this.#store.count(this.#domain);
  }

  /** SCRAM keys, decoded once. */
  credentials(account: AccountRecord): Credentials {
    const there = this.#credentials.get(account);
    if (there !== undefined) return there;
    const decoded = decode(account.credentials);
    this.#credentials.set(account, decoded);
    return decoded;
  }

  /** Makes an account; resolves when it is durable. Throws AccountError. */
  async create(name: string, password: string): Promise<AccountRecord> {
    return this.#create(name, () => this.#derive(password));
  }

  /**
   * The same with sign-in keys that were made elsewhere (XEP-0227), or none: then nobody can sign in with a password before one is set.
   * What `also` writes about the new account is durable with it, or not at all.
   */
  createWithKeys(name: string, credentials: Credentials, also?: (made: AccountRecord) => void): Promise<AccountRecord> {
    return this.#create(name, async () => credentials, also);
  }

  async #create(name: string, keys: () => Promise<Credentials>, also?: (made: AccountRecord) => void): Promise<AccountRecord> {
    const jid = Jid.tryParse(`${name}@${this.#domain}`);
    if (jid === undefined || jid.local === '' || jid.resource !== '' || jid.domain !== this.#domain)
      throw new AccountError(
        'bad-name',
        'This user name has characters that addresses cannot have; use letters, digits, dots and hyphens.',
      );
    const text = encode(await keys());
    if ((await this.get(jid.local)) !== undefined) throw new AccountError('conflict', 'This user name is taken; choose another.');
    const noted = (made: AccountRecord | undefined): Awaitable<AccountRecord | undefined> => {
      if (made === undefined) return undefined;
      also?.(made);
      const keys = this.#noteKeys(made.id, decode(text));
      return keys instanceof Promise ? keys.then(() => made) : made;
    };
    const record = await this.#change(jid.local, () => {
      const made = this.#store.create({ localpart: jid.local, domain: this.#domain, createdAt: this.#clock.now(), credentials: text });
      return made instanceof Promise ? made.then(noted) : noted(made);
    });
    if (record === undefined) throw new AccountError('conflict', 'This user name is taken; choose another.');
    this.onCreated(record);
    return record;
  }

  /** Gives the account other sign-in keys. Every session of it ends but the one that asked (`by`). Throws AccountError. */
  async setPassword(account: AccountRecord, password: string, by?: object): Promise<void> {
    const credentials = encode(await this.#derive(password));
    await this.#setKeys(account, credentials);
    this.onKeysChanged(account, by);
  }

  /**
   * Adds sign-in keys for another hash, made from the SaltedPassword of a client that has proved the password (XEP-0480 §3), or replaces
   * weaker ones. Answers the changed account once it is durable; undefined when these cannot be keys of this hash. Sessions and tokens stay.
   */
  async upgradeKeys(
    account: AccountRecord,
    hash: ScramHash,
    salted: Uint8Array,
    made: ScramUpgradeSalt,
  ): Promise<AccountRecord | undefined> {
    const keys = await scramKeysOf(this.#crypto, hash, salted, made.salt, made.iterations);
    if (keys === undefined) return undefined;
    const credentials = encode({ scram: { ...this.credentials(account).scram, [hash]: keys } });
    await this.#setKeys(account, credentials);
    return this.get(account.localpart);
  }

  async #setKeys(account: AccountRecord, credentials: string): Promise<void> {
    await this.#change(account.localpart, async () => {
      this.#store.update(account.id, { credentials });
      await this.#noteKeys(account.id, decode(credentials));
    });
  }

  #noteKeys(account: number, credentials: Credentials | undefined): Awaitable<void> {
    this.#count = undefined;
    return this.foreignKeys.set(account, credentials?.scram, (hash) => this.#iterationsFor(hash));
  }

  #iterationsFor(hash: ScramHash): number {
    return hash === 'SHA-1' ? SHA1_ITERATIONS : this.iterations;
  }

  /**
   * The password of an account that lacks keys for a hash was shown to be right: it has them all from now on. Answers the account as it is
   * then; keys that cannot be kept are made another time.
   */
  async completeKeys(account: AccountRecord, password: string): Promise<AccountRecord> {
    const { scram } = this.credentials(account);
    if (SCRAM_HASHES.every((hash) => scram[hash] !== undefined)) return account;
    try {
      await this.#setKeys(account, encode({ scram: { ...(await this.#derive(password)).scram, ...scram } }));
      return (await this.get(account.localpart)) ?? account;
    } catch (error) {
      if (error instanceof StorageError || (error instanceof AccountError && error.code === 'busy')) return account;
      throw error;
    }
  }

  /** What a challenge shows for a name without an account; `bytes`: 64 that belong to the name. */
  pretendedKeys(hash: ScramHash, bytes: Uint8Array): { salt: Uint8Array; iterations: number } {
    const share = new DataView(bytes.buffer, bytes.byteOffset + 60, 4).getUint32(0) / 2 ** 32;
    const shape = this.foreignKeys.shape(hash, share, () => this.#known());
    if (shape === undefined) return { salt: bytes.slice(0, 16), iterations: this.#iterationsFor(hash) };
    return { salt: saltOf(shape, bytes), iterations: shape.iterations };
  }

  #known(): number {
    if (this.#count === undefined) {
      const count = this.#store.count(this.#domain);
      if (typeof count === 'number') this.#count = count;
      else count.then((known) => (this.#count = known)).catch(() => undefined);
    }
    return this.#count ?? 0;
  }

  /**
   * Says which password an account has, without telling anything of it: another one after each change. What is signed with it dies with
   * the password.
   */
  keysMark(account: AccountRecord): string {
    const { scram } = this.credentials(account);
    const keys = scram['SHA-1'] ?? scram['SHA-256'] ?? scram['SHA-512'];
    return keys === undefined ? '' : toText(keys.storedKey);
  }

  /** A disabled account keeps all it has, and nobody can sign in to it. */
  async setDisabled(account: AccountRecord, disabled: boolean): Promise<void> {
    await this.#change(account.localpart, () => this.#store.update(account.id, { disabled }));
    if (disabled) this.onKeysChanged(account, undefined);
  }

  /** Removes the account with its roster, mailbox and all else; once, whoever asks meanwhile. */
  remove(account: AccountRecord): Promise<void> {
    const under = this.#removals.get(account.id);
    if (under !== undefined) return under;
    const removal = this.#change(account.localpart, async () => {
      await this.onRemoving(account);
      await this.#noteKeys(account.id, undefined);
      this.#store.remove(account.id);
      this.onRemoved(account);
    }).finally(() => this.#removals.delete(account.id));
    this.#removals.set(account.id, removal);
    return removal;
  }

  #durable(): Promise<void> {
    return new Promise((resolve, reject) => this.#storage.afterCommit(resolve, reject));
  }

  async #derive(password: string): Promise<Credentials> {
    const prepared = preparePassword(password);
    if (prepared === undefined || prepared.length === 0)
      throw new AccountError('bad-password', 'This password is empty or has characters that cannot be typed everywhere.');
    if (prepared.length > 1024) throw new AccountError('bad-password', 'This password is too long; use at most 1024 characters.');
    const make = async (hash: ScramHash, iterations: number): Promise<ScramKeys> =>
      this.#derivations.run(() => deriveScramKeys(this.#crypto, hash, prepared, this.#crypto.randomBytes(16), iterations));
    const [sha1, sha256, sha512] = await Promise.all([
      make('SHA-1', this.#iterationsFor('SHA-1')),
      make('SHA-256', this.#iterationsFor('SHA-256')),
      make('SHA-512', this.#iterationsFor('SHA-512')),
    ]);
    return { scram: { 'SHA-1': sha1, 'SHA-256': sha256, 'SHA-512': sha512 } };
  }

  /** For PLAIN. Takes as long for unknown accounts (pass undefined) as for known ones; `name` as asked for. Throws AccountError `busy`. */
  async verifyPassword(account: AccountRecord | undefined, password: string, name = ''): Promise<boolean> {
    const prepared = preparePassword(password);
    if (prepared === undefined || prepared.length > 1024) return false;
    const scram = account === undefined || account.disabled ? {} : this.credentials(account).scram;
    // The one that every account has, as far as there is one.
    const hash =
      (['SHA-1', 'SHA-256', 'SHA-512'] as const).find((one) => scram[one] !== undefined) ?? this.foreignKeys.usable().at(-1) ?? 'SHA-1';
    const known = scram[hash];
    const proof = await this.#crypto.hmac('SHA-256', this.#proofKey, utf8Encode(`${account?.id ?? 0}:${prepared}`));
    if (account !== undefined && known !== undefined) {
      const before = this.#proved.get(account);
      if (before !== undefined && this.#crypto.timingSafeEqual(before, proof)) return true;
    }
    // The rounds of a name without an account are those that its challenge shows, too.
    const pretended = this.pretendedKeys(hash, await fakeScramBytes(this.#crypto, hash, this.#pretenceKey, name));
    const { salt, iterations } = known ?? pretended;
    const keys = await this.#derivations.run(() => deriveScramKeys(this.#crypto, hash, prepared, salt, iterations));
    const right = known !== undefined && this.#crypto.timingSafeEqual(keys.storedKey, known.storedKey);
    if (right && account !== undefined) this.#proved.set(account, proof);
    return right;
  }
}
