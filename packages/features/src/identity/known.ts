/**
 * Who has proved an identifier before, so that strangers who ask for its codes cannot keep its owner out: a device remembers a token that says
 * nothing to anybody else, the account remembers keyed hashes of a few address groups.
 */
import { base64UrlDecode, base64UrlEncode, type Crypto } from '@parley/protocol';
import { utf8Encode } from '@parley/xml';

const NONCE_BYTES = 12;
const MAC_BYTES = 32;
const HASH_BYTES = 12;
/** Address groups of one identifier; the newest. */
export const MOST_NETWORKS = 8;
/** Tokens that a device may bring with one request. */
export const MOST_KNOWN = 5;

/** Makes and reads them under one key. */
export class Acquaintance {
  readonly #crypto: Pick<Crypto, 'hmac' | 'timingSafeEqual'>;
  readonly #key: Uint8Array | Promise<Uint8Array>;

  constructor(crypto: Pick<Crypto, 'hmac' | 'timingSafeEqual'>, key: Uint8Array | Promise<Uint8Array>) {
    this.#crypto = crypto;
    this.#key = key;
  }

  async #mac(...words: readonly string[]): Promise<Uint8Array> {
    return this.#crypto.hmac('SHA-256', await this.#key, utf8Encode(JSON.stringify(words)));
  }

  /** For a device that has just proved `identifier` (kind and value). The token names neither. */
  async token(identifier: string, nonce: Uint8Array): Promise<string> {
    const name = base64UrlEncode(nonce.subarray(0, NONCE_BYTES));
    return `${name}.${base64UrlEncode(await this.#mac('device', name, identifier))}`;
  }

  /** The name in the first of these tokens that is of this identifier. */
  async deviceOf(identifier: string, tokens: readonly string[]): Promise<string | undefined> {
    for (const token of tokens.slice(0, MOST_KNOWN)) {
      const [name = '', mac = ''] = token.split('.');
      const given = base64UrlDecode(mac);
      if (name.length > 2 * NONCE_BYTES || given?.length !== MAC_BYTES) continue;
      if (this.#crypto.timingSafeEqual(given, await this.#mac('device', name, identifier))) return name;
    }
    return undefined;
  }

  /** What is kept of an address group: of no use without the key. */
  async network(group: string): Promise<string> {
    return base64UrlEncode((await this.#mac('network', group)).subarray(0, HASH_BYTES));
  }
}

/** The list with this one in front. */
export function withNetwork(networks: readonly string[], network: string): readonly string[] {
  return [network, ...networks.filter((one) => one !== network)].slice(0, MOST_NETWORKS);
}
