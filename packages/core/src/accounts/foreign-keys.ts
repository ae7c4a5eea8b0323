/**
 * Sign-in keys that were made elsewhere (XEP-0227). An account may lack keys for a hash: a client that takes the strongest mechanism that
 * is offered could not sign in. So a hash is offered when all accounts have keys for it; the list says nothing of a single one. And
 * the rounds and salts of such keys look like those of the other server: names without an account are given the same share of them.
 */
import type { ScramHash, ScramKeys } from '@parley/protocol';
import type { Awaitable, KeyValueStore, Storage } from '@parley/storage';
import { utf8Encode } from '@parley/xml';

export const SCRAM_HASHES: readonly ScramHash[] = ['SHA-512', 'SHA-256', 'SHA-1'];
type KeysByHash = { readonly [H in ScramHash]?: ScramKeys };

/** What a challenge shows of keys. */
export interface KeyShape {
  readonly iterations: number;
  /** Bytes; Prosody's salts are UUIDs as text. */
  readonly salt: number | 'uuid';
}

/** Of one account, or the sum of all: how many have no keys for this hash, and how many have keys of this shape (`hash iterations salt`). */
interface Row {
  readonly lacks: { readonly [H in ScramHash]?: number };
  readonly shapes: { readonly [shape: string]: number };
}
const NONE: Row = { lacks: {}, shapes: {} };
const OWN_SALT = 16;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
/** An account's row, and that of the host. */
const KEY = 'keys';

function add<K extends string>(
  sum: { readonly [key in K]?: number },
  part: { readonly [key in K]?: number },
  sign: 1 | -1,
): { [key in K]?: number } {
  const out: { [key in K]?: number } = { ...sum };
  for (const [key, count] of Object.entries(part) as [K, number][]) {
    const value = (out[key] ?? 0) + sign * count;
    if (value > 0) out[key] = value;
    else delete out[key];
  }
  return out;
}

export class ForeignKeys {
  readonly #store: KeyValueStore;
  readonly #owner: number;
  #sum: Row = NONE;
  /** Told when another set of hashes is usable. */
  onChanged: () => void = () => {};

  constructor(storage: Storage, owner: number) {
    this.#store = storage.keyValue('foreign_keys');
    this.#owner = owner;
    const loaded = this.reload();
    if (loaded instanceof Promise) loaded.catch(() => undefined);
  }

  /** Reads the sum anew: a commit was refused. */
  reload(): Awaitable<void> {
    const take = (text: string | undefined): void => {
      this.#sum = text === undefined ? NONE : (JSON.parse(text) as Row);
      this.onChanged();
    };
    const found = this.#store.get(this.#owner, KEY);
    return found instanceof Promise ? found.then(take) : take(found);
  }

  /** Hashes that every account can sign in with, strongest first; all of them when there is none. */
  usable(): readonly ScramHash[] {
    const found = SCRAM_HASHES.filter((hash) => this.lacking(hash) === 0);
    return found.length === 0 ? SCRAM_HASHES : found;
  }

  /** How many accounts have keys, but none for this hash. */
  lacking(hash: ScramHash): number {
    return this.#sum.lacks[hash] ?? 0;
  }

  /** The account has these keys now (none: it is gone). Joins the commit of the turn. `own`: rounds of keys that are made here. */
  set(account: number, keys: KeysByHash | undefined, own: (hash: ScramHash) => number): Awaitable<void> {
    const found = this.#store.get(account, KEY);
    const write = (text: string | undefined): void => {
      const before = text === undefined ? NONE : (JSON.parse(text) as Row);
      const after = keys === undefined ? NONE : rowOf(keys, own);
      if (after === NONE && before === NONE) return;
      const usable = this.usable().join();
      this.#sum = {
        lacks: add(add(this.#sum.lacks, before.lacks, -1), after.lacks, 1),
        shapes: add(add(this.#sum.shapes, before.shapes, -1), after.shapes, 1) as Record<string, number>,
      };
      if (after === NONE) this.#store.delete(account, KEY);
      else this.#store.set(account, KEY, JSON.stringify(after));
      this.#store.set(this.#owner, KEY, JSON.stringify(this.#sum));
      if (this.usable().join() !== usable) this.onChanged();
    };
    return found instanceof Promise ? found.then(write) : write(found);
  }

  /**
   * What keys of a name without an account look like, undefined for those made here. `share`: a number from 0 to 1 that belongs to the name;
   * `accounts`: how many there are.
   */
  shape(hash: ScramHash, share: number, accounts: () => number): KeyShape | undefined {
    let from = 0;
    for (const [text, count] of Object.entries(this.#sum.shapes)) {
      const [of, iterations, salt] = text.split(' ');
      if (of !== hash) continue;
      from += count / Math.max(accounts(), count);
      if (share < from) return { iterations: Number(iterations), salt: salt === 'uuid' ? salt : Number(salt) };
    }
    return undefined;
  }
}

function rowOf(keys: KeysByHash, own: (hash: ScramHash) => number): Row {
  const there = SCRAM_HASHES.filter((hash) => keys[hash] !== undefined);
  // Nobody can sign in to it with whatever hash.
  if (there.length === 0) return NONE;
  const lacks = Object.fromEntries(SCRAM_HASHES.filter((hash) => keys[hash] === undefined).map((hash) => [hash, 1]));
  const shapes: Record<string, number> = {};
  for (const hash of there) {
    const { iterations, salt } = keys[hash] as ScramKeys;
    if (iterations !== own(hash) || salt.length !== OWN_SALT) shapes[`${hash} ${iterations} ${isUuid(salt) ? 'uuid' : salt.length}`] = 1;
  }
  return Object.keys(lacks).length + Object.keys(shapes).length === 0 ? NONE : { lacks, shapes };
}

const isUuid = (salt: Uint8Array): boolean => salt.length === 36 && UUID.test(String.fromCharCode(...salt));

/** A salt of this shape made of these bytes, of which there are 64. */
export function saltOf(shape: KeyShape, bytes: Uint8Array): Uint8Array {
  if (shape.salt !== 'uuid') return bytes.slice(0, Math.min(shape.salt, bytes.length));
  const hex = [...bytes.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  // Version 4, as it makes them.
  const variant = '89ab'[(bytes[16] ?? 0) & 3];
  return utf8Encode(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`);
}
