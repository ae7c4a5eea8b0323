// XEP-0198 §5 over the end of the process: a session waits on disk, and goes on with nothing lost and nothing repeated (D14, D4, D8, D12, D13).
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { bodyOf, chat, countOf, NS_SM, newUser, present, quietly, resume, says, stanzaIds, until } from './messages.ts';
import { befriend, Person, presence } from './people.ts';

const CARBONS = `<enable xmlns='urn:xmpp:carbons:2'/>`;
const config = { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 };
const server = await startServer({ config });
test.after(() => server.stop());

/** Available, resumable, with `count` messages of somebody on their way that it has not acknowledged. */
async function away(on: TestServer, texts: readonly string[]): Promise<{ user: string; id: string; phone: Person; ids: string[] }> {
  const user = await newUser(on, 'bob');
  const phone = await quietly(on, user, 'phone');
  const id = await phone.makeResumable();
  phone.send('<presence/>');
  await phone.take(presence({ from: phone.jid }));
  const ann = await present(on, await newUser(on, 'ann'));
  for (const text of texts) ann.send(chat(phone.bare, text));
  const ids: string[] = [];
  for (const text of texts) ids.push(...stanzaIds(await phone.take(says(text)), phone.bare));
  return { user, id, phone, ids };
}
async function refused(user: string, id: string): Promise<string | undefined> {
  const person = await Person.authenticate(server, user);
  person.send(`<resume xmlns='${NS_SM}' previd='${id}' h='0'/>`);
  const answer = await person.take({ name: 'resumed' }, { name: 'failed' });
  person.cut();
  return answer.name === 'failed' ? answer.children[0]?.name : answer.name;
}
/** Waits until the session is in the database, as somebody reads who looks into it now. */
async function onDisk(on: TestServer, id: string): Promise<void> {
  const database = new DatabaseSync(join(on.dataDir, 'parley.db'), { readOnly: true });
  try {
    const row = database.prepare("SELECT 1 FROM key_value WHERE kind = 'sessions' AND key = ?");
    await until('the session to be on disk', () => row.get(id) !== undefined);
  } finally {
    database.close();
  }
}
const textsIn = (person: Person): string[] => person.inbox.filter((one) => one.name === 'message').map((one) => bodyOf(one) ?? '');

test('an orderly restart: a connected session goes on, with both counts, what was not acknowledged, and what came meanwhile', async () => {
  const { user, id, phone, ids } = await away(server, ['a0', 'a1', 'a2']);
  phone.send(chat(phone.bare, 'to myself'));
  await phone.take(says('to myself'));
  const counted = await countOf(phone);
  await server.restart();
  await phone.gone();
  const ann = await present(server, await newUser(server, 'ann'));
  ann.send(chat(phone.bare, 'meanwhile'));
  await ann.settled();
  // The presence, and the first message.
  const { person, h } = await resume(server, user, id, 2);
  assert.equal(h, counted);
  await person.take({ ...says('meanwhile') });
  assert.deepEqual(textsIn(person), ['a1', 'a2', 'to myself'], 'a0 was acknowledged by h');
  const again = await person.take(says('a1'));
  assert.deepEqual(stanzaIds(again, phone.bare), ids.slice(1, 2));
  assert.equal(await countOf(person), counted, 'nothing is counted twice');
  await person.settled();
});

test('kill -9 while the device was away: the session goes on', async () => {
  const { user, id, phone } = await away(server, ['k0', 'k1']);
  phone.cut();
  await onDisk(server, id);
  const ann = await present(server, await newUser(server, 'ann'));
  ann.send(chat(phone.bare, 'k2'));
  await ann.settled();
  await server.kill();
  await server.restart();
  const { person } = await resume(server, user, id, 2);
  await person.take(says('k2'));
  assert.deepEqual(textsIn(person), ['k1']);
});

test('kill -9 while it was connected: refused, because what it had acknowledged cannot be known; everything comes after a bind', async () => {
  const { user, id, phone } = await away(server, ['c0']);
  await server.kill();
  await phone.gone();
  await server.restart();
  assert.equal(await refused(user, id), 'item-not-found');
  const back = await present(server, user, 'phone');
  await back.take(says('c0'));
});

test('kill -9 after a resumption: the row of before is not used again', async () => {
  const { user, id, phone } = await away(server, ['r0']);
  phone.cut();
  await onDisk(server, id);
  const { person } = await resume(server, user, id, 1);
  await person.take(says('r0'));
  await server.kill();
  await server.restart();
  assert.equal(await refused(user, id), 'item-not-found');
});

test('what the session had switched on is on, and its presence is what it was', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const friend = await present(server, await newUser(server, 'ann'), 'phone');
  const id = await phone.makeResumable();
  await phone.ask('set', CARBONS);
  phone.send('<presence><show>dnd</show></presence>');
  await phone.take(presence({ from: phone.jid }));
  await befriend(phone, friend);
  const friendId = await friend.makeResumable();
  await server.restart();
  const again = await resume(server, friend.bare.split('@')[0] ?? '', friendId, 0);
  // Told anew who is there: the session that waits still is.
  const shown = await again.person.take(presence({ type: undefined, from: phone.jid }));
  assert.equal(shown.child('show')?.text, 'dnd');
  const laptop = await present(server, user, 'laptop');
  laptop.send(chat(friend.bare, 'from the laptop'));
  await laptop.settled();
  const { person } = await resume(server, user, id, 0);
  await person.take({ name: 'message', where: (one) => one.child('sent', 'urn:xmpp:carbons:2') !== undefined });
});

test('those who do not come back are unavailable in the end', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-stored-'));
  const settings = join(folder, 'parley.yaml');
  await writeFile(settings, '');
  const own = await startServer({ config: { ...config, config: settings } });
  t.after(async () => {
    await own.stop();
    await rm(folder, { recursive: true });
  });
  const watcher = await quietly(own, await newUser(own, 'ann'), 'phone');
  const gone = await quietly(own, await newUser(own, 'bob'), 'phone');
  for (const one of [watcher, gone]) {
    one.send('<presence/>');
    await one.take(presence({ from: one.jid }));
  }
  await befriend(watcher, gone);
  const id = await watcher.makeResumable();
  const lost = await gone.makeResumable();
  await own.restart();
  const { person } = await resume(own, watcher.bare.split('@')[0] ?? '', id, 0);
  await person.hearsNo(presence({ type: 'unavailable', from: gone.jid }));
  // Its time is up once it is shortened to less than has passed.
  await writeFile(settings, 'limits:\n  resumeTime: 1s\n');
  assert.equal((await parley(own, ['config', 'reload'])).code, 0);
  await person.take(presence({ type: 'unavailable', from: gone.jid }));
  const late = await Person.authenticate(own, gone.bare.split('@')[0] ?? '');
  late.send(`<resume xmlns='${NS_SM}' previd='${lost}' h='0'/>`);
  await late.take({ name: 'failed' });
});

// --- bad input, by the name of the threat ---

test("session theft: a stored session is its own account's only", async () => {
  const { id, phone } = await away(server, []);
  phone.cut();
  await server.restart();
  assert.equal(await refused(await newUser(server, 'eve'), id), 'item-not-found');
});

test('a stored session ends with the password and with the account (D13)', async () => {
  const changed = await away(server, []);
  const removed = await away(server, []);
  for (const one of [changed, removed]) one.phone.cut();
  const other = await quietly(server, changed.user, 'laptop');
  await other.ask(
    'set',
    `<query xmlns='jabber:iq:register'><username>${changed.user}</username><password>secret</password></query>`,
    'localhost',
  );
  const last = await quietly(server, removed.user, 'laptop');
  await last.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`, 'localhost');
  await last.gone();
  await server.createUser(removed.user, 'secret');
  await server.restart();
  assert.equal(await refused(changed.user, changed.id), 'item-not-found');
  assert.equal(await refused(removed.user, removed.id), 'item-not-found');
  await until('a sign-in', async () => (await quietly(server, changed.user)).jid !== '');
});
