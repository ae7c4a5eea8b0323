// SCRAM-SHA-1 of a client that has its keys cached (RFC 5802 §3): what a phone does at each reconnect after the first.
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

interface Keys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
}

/** Keys by password, salt and iterations. Lives as long as the generator; {@link forgetKeys} between servers. */
const cache = new Map<string, Keys>();

export function forgetKeys(): void {
  cache.clear();
}

export function clientFirst(user: string): { bare: string; message: string } {
  const bare = `n=${user},r=${randomBytes(18).toString('base64')}`;
  return { bare, message: Buffer.from(`n,,${bare}`).toString('base64') };
}

/** The client-final message (base64) for a base64 challenge; a promise only when the keys of this account are not cached yet. */
export function clientFinal(password: string, bare: string, challenge: string): string | Promise<string> {
  const serverFirst = Buffer.from(challenge, 'base64').toString();
  const fields = new Map(serverFirst.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
  const salt = fields.get('s') ?? '';
  const iterations = Number(fields.get('i'));
  const withoutProof = `c=biws,r=${fields.get('r') ?? ''}`;
  const auth = `${bare},${serverFirst},${withoutProof}`;
  const id = `${password} ${salt} ${iterations}`;
  const known = cache.get(id);
  if (known !== undefined) return proof(known, auth, withoutProof);
  return derive(password, Buffer.from(salt, 'base64'), iterations, 20, 'sha1').then((salted) => {
    const clientKey = createHmac('sha1', salted).update('Client Key').digest();
    const keys = { clientKey, storedKey: createHash('sha1').update(clientKey).digest() };
    cache.set(id, keys);
    return proof(keys, auth, withoutProof);
  });
}

function proof(keys: Keys, auth: string, withoutProof: string): string {
  const signature = createHmac('sha1', keys.storedKey).update(auth).digest();
  for (let i = 0; i < signature.length; i++) signature[i] = (signature[i] ?? 0) ^ (keys.clientKey[i] ?? 0);
  return Buffer.from(`${withoutProof},p=${signature.toString('base64')}`).toString('base64');
}
