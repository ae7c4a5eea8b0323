// Words for the stories about messages: what is written, and what was heard.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { PATIENCE_MS } from '../support/process.ts';
import type { TestServer } from '../support/server.ts';
import { type Heard, Person, type Wanted } from './people.ts';

export const NS_SM = 'urn:xmpp:sm:3';
export const NS_SID = 'urn:xmpp:sid:0';
export const NS_DELAY = 'urn:xmpp:delay';

/** `<message to=… type=chat><body>…` with more content behind the body. */
export function chat(to: string, text: string, more = '', type = 'chat'): string {
  return `<message to='${to}' type='${type}' id='m-${text}'><body>${text}</body>${more}</message>`;
}

export const bodyOf = (heard: Heard): string | undefined => heard.child('body', 'jabber:client')?.text;
/** A message (no error) with this body. */
export const says = (text: string): Wanted => ({
  name: 'message',
  where: (heard) => heard.attrs['type'] !== 'error' && bodyOf(heard) === text,
});
/** Any message that is shown as such: not an error, not a carbon, not an archive result. */
export const anyMessage: Wanted = { name: 'message', where: (heard) => heard.attrs['type'] !== 'error' };
export const refused = (condition: string): Wanted => ({ name: 'message', where: (heard) => heard.error === condition });

/** The XEP-0359 ids of the server in a message. */
export const stanzaIds = (heard: Heard, by: string): string[] =>
  heard.children
    .filter((child) => child.name === 'stanza-id' && child.ns === NS_SID && child.attrs['by'] === by)
    .map((c) => c.attrs['id'] ?? '');
export const isLate = (heard: Heard): boolean => heard.child('delay', NS_DELAY) !== undefined;

/** The texts of all messages in the inbox, in the order they came; empties the inbox. */
export async function textsOf(person: Person): Promise<string[]> {
  await person.settled();
  const texts = person.inbox.filter((one) => one.name === 'message' && one.attrs['type'] !== 'error').map((one) => bodyOf(one) ?? '');
  person.inbox.length = 0;
  return texts;
}

/** What the archive of somebody has (the first page), oldest first, as stored. */
export async function archive(who: Person): Promise<Heard[]> {
  await who.settled();
  who.inbox.length = 0;
  await who.ask('set', "<query xmlns='urn:xmpp:mam:2'/>");
  const found = who.inbox.flatMap((one) => one.child('result')?.child('forwarded')?.child('message') ?? []);
  who.inbox.length = 0;
  return found;
}

let people = 0;
/** Makes an account of a fresh name. */
export async function newUser(server: TestServer, prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}

/** Signs in, sends nothing but binding. */
export function quietly(server: TestServer, user: string, resource?: string): Promise<Person> {
  return Person.signIn(server, user, { ...(resource === undefined ? {} : { resource }), roster: false, presence: false });
}

/** Available at once, roster or not. */
export function present(server: TestServer, user: string, resource?: string, xml = '<presence/>'): Promise<Person> {
  return Person.signIn(server, user, { ...(resource === undefined ? {} : { resource }), roster: false, presence: xml });
}

/** Acknowledges h stanzas and waits until the server has taken that. */
export async function acknowledge(person: Person, h: number): Promise<void> {
  person.send(`<a xmlns='${NS_SM}' h='${h}'/>`);
  await person.settled();
}

/** Asks for the server's count, and answers it (XEP-0198 §4). */
export async function countOf(person: Person): Promise<number> {
  person.send(`<r xmlns='${NS_SM}'/>`);
  return Number((await person.take({ name: 'a' })).attrs['h']);
}

/** Resumes on a new connection; answers the person with what came since in the inbox, and the server's count. */
export async function resume(server: TestServer, user: string, id: string, h: number): Promise<{ person: Person; h: number }> {
  const person = await Person.authenticate(server, user);
  person.send(`<resume xmlns='${NS_SM}' previd='${id}' h='${h}'/>`);
  const answer = await person.take({ name: 'resumed' }, { name: 'failed' });
  assert.equal(answer.name, 'resumed', String(answer));
  assert.equal(answer.attrs['previd'], id);
  return { person, h: Number(answer.attrs['h']) };
}

export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Waits (bounded) until this is true. */
export async function until(what: string, check: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
