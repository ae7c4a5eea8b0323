import {
  base64Decode,
  base64Encode,
  buildPlain,
  NS,
  preparePassword,
  SaslError,
  ScramClient,
  type ScramClientKeys,
  type ScramHash,
} from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Platform } from '../platform.ts';
import type { XmppStream } from './stream.ts';

const STEP_TIMEOUT_MS = 20_000;
/** Strongest first. */
const MECHANISMS: readonly { readonly name: string; readonly hash: ScramHash }[] = [
  { name: 'SCRAM-SHA-512', hash: 'SHA-512' },
  { name: 'SCRAM-SHA-256', hash: 'SHA-256' },
  { name: 'SCRAM-SHA-1', hash: 'SHA-1' },
];

/** What is kept instead of the password: keys for one mechanism, salt and iteration count (RFC 5802 §3). Base64. */
export interface KeptKeys {
  readonly mechanism: string;
  /** The cache key of `ScramClient`: names hash, iterations, salt and user. */
  readonly slot: string;
  readonly clientKey: string;
  readonly storedKey: string;
  readonly serverKey: string;
}

/** Who signs in, and with what. */
export interface Secret {
  readonly username: string;
  /** Only in memory, and only for the first sign-in. */
  readonly password: string | undefined;
  readonly keys: KeptKeys | undefined;
}

/**
 * Authenticates on a stream whose features are `features` (RFC 6120 §6). Resolves with the keys to keep.
 * SCRAM whenever the server offers one; PLAIN only when it offers no SCRAM, the connection is protected, and a password was given.
 * Rejects with `wrong-credentials`, `session-expired` (kept keys do not fit), `insecure-connection` or `not-supported`.
 */
export async function authenticate(
  platform: Platform,
  stream: XmppStream,
  features: Element,
  secret: Secret,
): Promise<KeptKeys | undefined> {
  const offered = new Set(
    features
      .child('mechanisms', NS.sasl)
      ?.childrenNamed('mechanism', NS.sasl)
      .map((mechanism) => mechanism.text().trim()),
  );
  const { keys, password } = secret;
  if (password === undefined) {
    // Keys of one mechanism are of no use for another: a server that suddenly offers less than before gets nothing from us.
    const kept = MECHANISMS.find((mechanism) => mechanism.name === keys?.mechanism);
    if (kept === undefined || !offered.has(kept.name)) throw expired();
    return scram(platform, stream, kept, secret);
  }
  const strongest = MECHANISMS.find((mechanism) => offered.has(mechanism.name));
  if (strongest !== undefined) return scram(platform, stream, strongest, secret);
  if (!offered.has('PLAIN')) throw new ChatError('not-supported', 'The server offers no sign-in method that this app knows');
  if (!stream.secure) throw new ChatError('insecure-connection', 'Refused to send the password over an unprotected connection');
  const prepared = preparePassword(password);
  if (prepared === undefined) throw wrong();
  stream.send(el('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, base64Encode(buildPlain(secret.username, prepared))));
  const answer = await stream.next(STEP_TIMEOUT_MS);
  if (!isSasl(answer, 'success')) throw failure(answer, false);
  return undefined;
}

/** The mechanism to use with this secret: the strongest one, or the one that the kept keys are for. */
export function chooseScram(offered: readonly string[], secret: Secret): (typeof MECHANISMS)[number] | undefined {
  const wanted = secret.password === undefined ? MECHANISMS.filter(({ name }) => name === secret.keys?.mechanism) : MECHANISMS;
  return wanted.find(({ name }) => offered.includes(name));
}

/** The client's side of one exchange; `keys` are those to keep, once it is over. */
export function scramClient(
  platform: Platform,
  mechanism: { readonly name: string; readonly hash: ScramHash },
  secret: Secret,
): { readonly client: ScramClient; keys(): KeptKeys | undefined } {
  const { keys, password, username } = secret;
  let result: KeptKeys | undefined;
  const client = new ScramClient({
    crypto: platform.crypto,
    alg: mechanism.hash,
    username,
    password: password ?? '',
    binding: 'n',
    cache: {
      get: (slot) => {
        if (keys !== undefined && keys.mechanism === mechanism.name && keys.slot === slot) {
          result = keys;
          return thaw(keys);
        }
        // Salt or iterations have changed, so the password has: without it there is nothing to try.
        if (password === undefined) throw expired();
        return undefined;
      },
      set: (slot, derived) => {
        result = freeze(mechanism.name, slot, derived);
      },
    },
  });
  return { client, keys: () => result };
}

async function scram(
  platform: Platform,
  stream: XmppStream,
  mechanism: { readonly name: string; readonly hash: ScramHash },
  secret: Secret,
): Promise<KeptKeys | undefined> {
  const { password } = secret;
  const { client, keys } = scramClient(platform, mechanism, secret);
  try {
    stream.send(el('auth', { xmlns: NS.sasl, mechanism: mechanism.name }, base64Encode(client.first())));
    const challenge = await stream.next(STEP_TIMEOUT_MS);
    if (!isSasl(challenge, 'challenge')) throw failure(challenge, password === undefined);
    const proof = await client.final(decoded(challenge));
    stream.send(el('response', { xmlns: NS.sasl }, base64Encode(proof)));
    const success = await stream.next(STEP_TIMEOUT_MS);
    if (!isSasl(success, 'success')) throw failure(success, password === undefined);
    client.verify(decoded(success));
  } catch (error) {
    if (error instanceof SaslError)
      throw new ChatError('protocol-violation', `The server failed to prove who it is: ${error.message}`, { cause: error });
    throw error;
  }
  return keys();
}

function isSasl(element: Element, name: string): boolean {
  return element.ns === NS.sasl && element.name === name;
}

function decoded(element: Element): Uint8Array {
  const bytes = base64Decode(element.text().trim());
  if (bytes === undefined) throw new ChatError('protocol-violation', 'The server sent a malformed sign-in answer');
  return bytes;
}

function failure(answer: Element, withKeys: boolean): ChatError {
  return failureOf(isSasl(answer, 'failure') ? answer.elements().find((child) => child.name !== 'text')?.name : undefined, withKeys);
}

/** What a refused sign-in means for the one who tried. */
export function failureOf(condition: string | undefined, withKeys: boolean): ChatError {
  switch (condition) {
    case 'not-authorized':
    case 'credentials-expired':
    case 'invalid-authzid':
      return withKeys ? expired(condition) : wrong(condition);
    case 'account-disabled':
      return new ChatError('not-allowed', 'This account is disabled', { condition });
    case 'temporary-auth-failure':
      return new ChatError('server-error', 'The server cannot sign anybody in right now', { condition, retryable: true });
    case 'encryption-required':
      return new ChatError('insecure-connection', 'The server wants an encrypted connection', { condition });
    case undefined:
      return new ChatError('protocol-violation', 'The server answered the sign-in with something else');
    default:
      return new ChatError('server-error', `The server refused the sign-in (${condition})`, { condition });
  }
}

function wrong(condition?: string): ChatError {
  return new ChatError('wrong-credentials', 'User name or password is wrong', condition === undefined ? {} : { condition });
}

export function expired(condition?: string): ChatError {
  return new ChatError('session-expired', 'Sign in again with your password', condition === undefined ? {} : { condition });
}

function freeze(mechanism: string, slot: string, keys: ScramClientKeys): KeptKeys {
  return {
    mechanism,
    slot,
    clientKey: base64Encode(keys.clientKey),
    storedKey: base64Encode(keys.storedKey),
    serverKey: base64Encode(keys.serverKey),
  };
}

function thaw(keys: KeptKeys): ScramClientKeys {
  const bytes = (text: string): Uint8Array => base64Decode(text) ?? new Uint8Array(0);
  return { clientKey: bytes(keys.clientKey), storedKey: bytes(keys.storedKey), serverKey: bytes(keys.serverKey) };
}
