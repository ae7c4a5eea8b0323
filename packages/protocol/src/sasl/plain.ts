/** SASL PLAIN: RFC 4616. */
import { utf8Decode, utf8Encode } from '@parley/xml';
import { SaslError } from './error.ts';

export interface PlainMessage {
  /** '' when the client asked for its own. Compare it with the account; another one is `invalid-authzid`. */
  readonly authzid: string;
  readonly username: string;
  readonly password: string;
}

const PART_BYTES = 1023;

/** Reads `authzid NUL authcid NUL passwd`. Throws SaslError `malformed-request`. */
export function parsePlain(message: Uint8Array): PlainMessage {
  if (message.length > 3 * PART_BYTES + 2) throw new SaslError('malformed-request');
  let text: string;
  try {
    text = utf8Decode(message);
  } catch {
    throw new SaslError('malformed-request');
  }
  const parts = text.split('\0');
  const [authzid, username, password] = parts;
  if (parts.length !== 3 || !username || !password || authzid === undefined) throw new SaslError('malformed-request');
  return { authzid, username, password };
}

/** The message a client sends. Throws SaslError for a NUL inside. */
export function buildPlain(username: string, password: string, authzid = ''): Uint8Array {
  if (`${authzid}${username}${password}`.includes('\0')) throw new SaslError('malformed-request');
  return utf8Encode(`${authzid}\0${username}\0${password}`);
}
