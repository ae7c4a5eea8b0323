// Words for the stories about signing in by SASL2 (XEP-0388): the client's half, spelt out.
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import type { TestServer } from '../support/server.ts';
import { type Heard, Person } from './people.ts';

export const NS_SASL2 = 'urn:xmpp:sasl:2';
export const NS_BIND2 = 'urn:xmpp:bind:0';
export const NS_FAST = 'urn:xmpp:fast:0';
const NS_STREAM = 'http://etherx.jabber.org/streams';

export const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');
const plain = (text: string): string => Buffer.from(text, 'base64').toString();

/** One installation of a client. */
export interface Phone {
  readonly user: string;
  readonly id: string;
}
export const phoneOf = (user: string): Phone => ({ user, id: randomUUID() });

export const streamHeader = (from?: string, to = 'localhost'): string =>
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${NS_STREAM}' to='${to}'${from === undefined ? '' : ` from='${from}'`} version='1.0'>`;

export const agent = (phone: Phone): string => `<user-agent id='${phone.id}'><software>Test</software><device>Desk</device></user-agent>`;

export const authenticate = (mechanism: string, response: string, inside: string): string =>
  `<authenticate xmlns='${NS_SASL2}' mechanism='${mechanism}'><initial-response>${response}</initial-response>${inside}</authenticate>`;

/** Connects and opens a stream in the name of the phone's owner. */
export async function dial(server: TestServer, phone: Phone): Promise<Person> {
  const person = await Person.dial(server);
  person.send(streamHeader(`${phone.user}@localhost`));
  return person;
}

const NODE = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const;
type Scram = keyof typeof NODE;
const BYTES = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** SCRAM by SASL2 on an open stream; answers success, failure or continue. */
export async function scram(
  person: Person,
  phone: Phone,
  inside: string,
  { password = 'secret', mechanism = 'SCRAM-SHA-256' }: { password?: string; mechanism?: Scram } = {},
): Promise<Heard> {
  const hash = NODE[mechanism];
  const nonce = randomBytes(12).toString('base64');
  const bare = `n=${phone.user},r=${nonce}`;
  person.send(authenticate(mechanism, base64(`n,,${bare}`), `${agent(phone)}${inside}`));
  const challenge = await person.take({ name: 'challenge' }, { name: 'failure' });
  if (challenge.name === 'failure') return challenge;
  const first = plain(challenge.text);
  const [, r = '', s = '', i = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(first) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), BYTES[hash], hash);
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  const without = `c=biws,r=${r}`;
  const signature = createHmac(hash, createHash(hash).update(clientKey).digest()).update(`${bare},${first},${without}`).digest();
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] as number));
  person.send(`<response xmlns='${NS_SASL2}'>${base64(`${without},p=${base64(proof)}`)}</response>`);
  return person.take({ name: 'success' }, { name: 'failure' }, { name: 'continue' });
}

/** A token use: `authenticate` with HT-SHA-256-NONE. */
export function tokenUse(
  phone: Phone,
  token: string,
  {
    count,
    inside = '',
    fast = '',
    mechanism = 'HT-SHA-256-NONE',
  }: { count?: number; inside?: string; fast?: string; mechanism?: string } = {},
): string {
  const proof = createHmac('sha256', token).update('Initiator').digest();
  const data = base64(Buffer.concat([Buffer.from(`${phone.user}\0`), proof]));
  const counted = count === undefined ? '' : ` count='${count}'`;
  return authenticate(mechanism, data, `${agent(phone)}<fast xmlns='${NS_FAST}'${counted}${fast}/>${inside}`);
}

export const bind2 = (inside = '', tag = 'Test'): string => `<bind xmlns='${NS_BIND2}'><tag>${tag}</tag>${inside}</bind>`;
export const askToken = (mechanism = 'HT-SHA-256-NONE'): string => `<request-token xmlns='${NS_FAST}' mechanism='${mechanism}'/>`;

/** The condition of a failure. */
export const conditionOf = (failure: Heard): string | undefined =>
  failure.children.find((child) => child.ns === 'urn:ietf:params:xml:ns:xmpp-sasl')?.name;
export const identifierOf = (success: Heard): string => success.child('authorization-identifier')?.text ?? '';

/** Signs in by SCRAM and Bind2 on a new connection; what is asked for besides is in `inside` and `binding`. */
export async function signIn(
  server: TestServer,
  phone: Phone,
  { inside = '', binding = '' }: { inside?: string; binding?: string } = {},
): Promise<{ person: Person; success: Heard }> {
  const person = await dial(server, phone);
  await person.take({ name: 'features' });
  const success = await scram(person, phone, `${bind2(binding)}${inside}`);
  assert.equal(success.name, 'success', String(success));
  person.jid = identifierOf(success);
  return { person, success };
}

/** A token of this phone, got by a sign-in that ends at once. */
export async function tokenFor(server: TestServer, phone: Phone, mechanism?: string): Promise<string> {
  const { person, success } = await signIn(server, phone, { inside: askToken(mechanism) });
  await person.leave();
  return success.child('token', NS_FAST)?.attrs['token'] ?? assert.fail(`no token in ${success}`);
}

/** One round trip: header and token use in one write. Answers what came of it. */
export async function byToken(
  server: TestServer,
  phone: Phone,
  token: string,
  options: Parameters<typeof tokenUse>[2] = {},
): Promise<{ person: Person; answer: Heard }> {
  const person = await Person.dial(server);
  person.send(`${streamHeader(`${phone.user}@localhost`)}${tokenUse(phone, token, options)}`);
  await person.take({ name: 'features' });
  const answer = await person.take({ name: 'success' }, { name: 'failure' });
  if (answer.name === 'success') person.jid = identifierOf(answer);
  return { person, answer };
}
