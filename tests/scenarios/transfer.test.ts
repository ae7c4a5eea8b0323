// XEP-0227: a whole server moves to another one; and files that nobody should take.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { befriend, message, Person } from './people.ts';

const folder = await mkdtemp(join(tmpdir(), 'parley-transfer-'));
test.after(() => rm(folder, { recursive: true }));
const config = { 'auth.allowPlaintext': true, 'history.keep': 'forever' };
const old = await startServer({ config });
test.after(() => old.stop());

interface Result {
  readonly counts: Record<string, number>;
  readonly there: string[];
  readonly withoutKeys: string[];
  readonly left: string[];
  readonly leftCount: number;
}
async function json<T>(server: TestServer, ...args: string[]): Promise<T> {
  const { code, out, err } = await parley(server, [...args, '--json']);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return JSON.parse(out) as T;
}
const exported = (server: TestServer, to: string): Promise<{ counts: Record<string, number>; missing: string[] }> =>
  json(server, 'export', '--to', to);
async function refused(server: TestServer, text: string | Uint8Array, name = 'bad.xml'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  const { code, err, out } = await parley(server, ['import', file]);
  assert.equal(code, 1, `taken: ${out}`);
  assert.equal(err.trim().split('\n').length, 1, `one sentence, not: ${err}`);
  return err.trim();
}
const users = async (server: TestServer): Promise<string[]> =>
  (await json<{ jid: string }[]>(server, 'user', 'list')).map(({ jid }) => jid);
const archive = async (who: Person): Promise<string[]> => {
  await who.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
  const found = who.inbox.filter((heard) => heard.child('result', 'urn:xmpp:mam:2') !== undefined);
  return found.map((heard) => heard.child('result')?.child('forwarded')?.child('message')?.child('body')?.text ?? '');
};
const pie = (content: string, host = 'localhost'): string =>
  `<?xml version='1.0'?>\n<server-data xmlns='urn:xmpp:pie:0'><host jid='${host}'>${content}</host></server-data>`;
const file = join(folder, 'all.xml');
const BOOKMARK = `<conference xmlns='urn:xmpp:bookmarks:1' name='The Play' autojoin='true'><nick>Ann</nick></conference>`;

test('everything of every account goes to the file, which only its owner may read', async () => {
  for (const name of ['ann', 'bob', 'cora']) await old.createUser(name, 'secret');
  const ann = await Person.signIn(old, 'ann', { resource: 'phone' });
  const bob = await Person.signIn(old, 'bob', { resource: 'phone' });
  await befriend(ann, bob);
  await ann.ask(
    'set',
    `<query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bob &amp; Co'><group>Friends</group></item></query>`,
  );
  await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann Example</FN></vCard>`);
  await ann.ask('set', `<query xmlns='jabber:iq:private'><prefs xmlns='exodus:prefs'><defaultnick>Annie</defaultnick></prefs></query>`);
  await ann.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='spam@evil.example'/></block>`);
  const published = await ann.ask(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='play@rooms.example'>${BOOKMARK}</item></publish></pubsub>`,
  );
  assert.equal(published.attrs['type'], 'result', String(published));
  for (let i = 0; i < 5; i++)
    ann.send(`<message to='bob@localhost' type='chat' id='m${i}'><body>delivered ${i} &lt;&amp;&gt;</body></message>`);
  for (let i = 0; i < 5; i++) await bob.take(message({ id: `m${i}` }));
  await bob.settled();
  await bob.leave();
  for (let i = 0; i < 3; i++) ann.send(`<message to='bob@localhost' type='chat' id='w${i}'><body>waits ${i}</body></message>`);
  const cora = await Person.signIn(old, 'cora');
  cora.send(`<presence type='subscribe' to='ann@localhost'/>`);
  await ann.take({ name: 'presence', attrs: { type: 'subscribe' } });
  await cora.settled();
  await ann.settled();
  await cora.leave();
  await ann.leave();

  const { counts, missing } = await exported(old, file);
  assert.deepEqual(missing, []);
  assert.deepEqual(counts, {
    accounts: 3,
    contacts: 3,
    requests: 1,
    vCards: 1,
    privateElements: 1,
    blocked: 1,
    // The vCard is kept as a node of its own, too.
    items: counts['items'],
    nodes: counts['nodes'],
    nodeAffiliations: 0,
    nodeSubscriptions: 0,
    conversations: 0,
    offline: 3,
    archived: 16,
    files: 0,
    fileBytes: 0,
    identifiers: 0,
    pushRegistrations: 0,
    rooms: 0,
    roomAffiliations: 0,
    roomMessages: 0,
    serviceNodes: 0,
    serviceItems: 0,
  });
  assert.ok((counts['items'] ?? 0) >= 1);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.doesNotMatch(await readFile(file, 'utf8'), /secret/, 'no password');
});

test('another server takes it: the counts are the same, people sign in with their passwords and find everything', async (t) => {
  const fresh = await startServer({ config });
  t.after(() => fresh.stop());
  const result = await json<Result>(fresh, 'import', file);
  assert.deepEqual([result.there, result.withoutKeys, result.left, result.leftCount], [[], [], [], 0]);
  const again = join(folder, 'again.xml');
  // What was delivered there counts as read here, which is a setting of its own.
  assert.deepEqual({ ...result.counts, conversations: 1 }, (await exported(fresh, again)).counts);
  assert.deepEqual(
    (await readFile(again, 'utf8')).match(/<(server|stored)-key>[^<]*/g),
    (await readFile(file, 'utf8')).match(/<(server|stored)-key>[^<]*/g),
  );

  const bob = await Person.signIn(fresh, 'bob', { resource: 'new' });
  for (let i = 0; i < 3; i++) assert.equal((await bob.take(message({ type: 'chat' }))).child('body')?.text, `waits ${i}`);
  await bob.settled();
  assert.equal(bob.inbox.filter((heard) => heard.name === 'message').length, 0, 'what was delivered there does not come again');
  assert.deepEqual(await archive(bob), [...[0, 1, 2, 3, 4].map((i) => `delivered ${i} <&>`), ...[0, 1, 2].map((i) => `waits ${i}`)]);

  const ann = await Person.signIn(fresh, 'ann', { resource: 'new' });
  const [item] = await ann.roster();
  assert.deepEqual(
    [item?.attrs['jid'], item?.attrs['name'], item?.attrs['subscription'], item?.child('group')?.text],
    ['bob@localhost', 'Bob & Co', 'both', 'Friends'],
  );
  await ann.take({ name: 'presence', attrs: { type: 'subscribe', from: 'cora@localhost' } });
  assert.equal((await ann.ask('get', `<vCard xmlns='vcard-temp'/>`)).child('vCard')?.child('FN')?.text, 'Ann Example');
  const kept = await ann.ask('get', `<query xmlns='jabber:iq:private'><prefs xmlns='exodus:prefs'/></query>`);
  assert.equal(kept.child('query')?.child('prefs')?.child('defaultnick')?.text, 'Annie');
  const items = await ann.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>`);
  assert.equal(items.child('pubsub')?.child('items')?.child('item')?.child('conference')?.attrs['name'], 'The Play');
  const foreign = await bob.ask(
    'get',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>`,
    'ann@localhost',
  );
  assert.equal(foreign.attrs['type'], 'error', 'private there, private here');
  await ann.leave();
  await bob.leave();

  const second = await json<Result>(fresh, 'import', file);
  assert.deepEqual([second.counts['accounts'], second.there.length], [0, 3], 'nobody is changed by a second run');
});

test('plain passwords, accounts without keys, privacy lists, files that include others', async (t) => {
  const fresh = await startServer({ config });
  t.after(() => fresh.stop());
  await mkdir(join(folder, 'parts/localhost'), { recursive: true });
  await writeFile(
    join(folder, 'parts/main.xml'),
    `<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='localhost.xml'/></server-data>`,
  );
  await writeFile(
    join(folder, 'parts/localhost.xml'),
    `<host xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude' jid='localhost'><xi:include href='localhost/dan.xml'/><user name='eve'/></host>`,
  );
  await writeFile(
    join(folder, 'parts/localhost/dan.xml'),
    `<user xmlns='urn:xmpp:pie:0' name='dan' password='plain'><query xmlns='jabber:iq:privacy'><default name='x'/><list name='x'><item type='jid' value='spam@evil.example' action='deny' order='1'/></list></query><thing xmlns='urn:example'/></user>`,
  );
  const result = await json<Result>(fresh, 'import', join(folder, 'parts/main.xml'));
  assert.deepEqual([result.counts['accounts'], result.counts['blocked'], result.withoutKeys], [2, 1, ['eve@localhost']]);
  assert.match(result.left.join(), /<thing xmlns="urn:example"> is not known here/);
  const dan = await Person.signIn(fresh, 'dan', { password: 'plain' });
  assert.equal(
    (await dan.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).child('blocklist')?.child('item')?.attrs['jid'],
    'spam@evil.example',
  );
  await dan.leave();
  await assert.rejects(Person.signIn(fresh, 'eve', { password: '' }));
});

test('bad input: entity bombs, endless nesting, half a file, another host, escapes from the folder; one sentence, nothing written', async () => {
  const before = await users(old);
  const user = `<user name='mallory' password='x'/>`;
  const bomb = `<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a "${'b'.repeat(1000)}"><!ENTITY c "&a;&a;&a;">]>${pie(user).slice(21)}`;
  assert.match(await refused(old, bomb), /document type/);
  assert.match(await refused(old, pie(`${user}<user name='ann2'><vCard xmlns='vcard-temp'>${'<a>'.repeat(50_000)}`)), /nest/);
  assert.match(await refused(old, pie(`<user name='m'><vCard xmlns='vcard-temp'>&undefined;</vCard></user>`)), /not well-formed/);
  assert.match(await refused(old, pie(user).slice(0, -20)), /ends before its time/);
  assert.match(await refused(old, `${pie(user)}<more/>`), /something follows/);
  assert.match(await refused(old, pie(user, 'other.example')), /nothing for localhost but for other\.example/);
  assert.match(await refused(old, pie(`<user name='a@b'/>`)), /cannot be the name/);
  assert.match(await refused(old, `<html><body>${user}</body></html>`), /no export/);
  assert.match(await refused(old, 'hello'), /not an XML file/);
  assert.match(await refused(old, new Uint8Array(0)), /empty/);
  assert.match(
    await refused(old, pie(`${user}<user name='n'><vCard xmlns='vcard-temp'><FN>${'x'.repeat(9_000_000)}</FN></vCard></user>`)),
    /too large/,
  );
  for (const href of ['../../../../etc/passwd', '/etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1/x.xml', '..%2f..%2fx.xml'])
    assert.match(
      await refused(
        old,
        `<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='${href}'/></server-data>`,
      ),
      /not a file beside it/,
    );
  const itself = `<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='loop.xml'/></server-data>`;
  assert.match(await refused(old, itself, 'loop.xml'), /not a file beside it/);
  assert.match((await parley(old, ['import', join(folder, 'none.xml')])).err, /there is no such file/);
  assert.deepEqual(await users(old), before);
});

test('forged owners: messages of others, keys that are none, an account that is there are left alone', async () => {
  const forged = pie(
    `<user name='ann'><vCard xmlns='vcard-temp'><FN>Mallory</FN></vCard></user>` +
      `<user name='fred' password='pw'>` +
      `<offline-messages><message xmlns='jabber:client' from='x@y.example' to='bob@localhost' type='chat'><body>for Bob</body></message>` +
      `<message xmlns='jabber:client' from='fred@localhost' to='ann@localhost' type='chat'><body>from Fred</body></message></offline-messages>` +
      `<archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>` +
      `<message xmlns='jabber:client' from='ann@localhost/x' to='bob@localhost' type='chat'><body>never said</body></message></forwarded></result></archive>` +
      `<query xmlns='jabber:iq:roster'><item jid='fred@localhost' subscription='both'/><item jid='not a jid' subscription='both'/><item jid='gus@localhost' subscription='root'/></query>` +
      `</user>` +
      `<user name='hal'><scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>1</iter-count><salt>AA==</salt><server-key>AA==</server-key><stored-key>AA==</stored-key></scram-credentials></user>`,
  );
  const path = join(folder, 'forged.xml');
  await writeFile(path, forged);
  const result = await json<Result>(old, 'import', path);
  assert.deepEqual(result.there, ['ann@localhost']);
  assert.deepEqual(result.withoutKeys, ['hal@localhost']);
  assert.deepEqual([result.counts['contacts'], result.counts['offline'], result.counts['archived']], [0, 0, 0]);
  assert.ok(result.leftCount >= 5, result.left.join('\n'));
  const ann = await Person.signIn(old, 'ann');
  assert.equal((await ann.ask('get', `<vCard xmlns='vcard-temp'/>`)).child('vCard')?.child('FN')?.text, 'Ann Example');
  assert.ok(!(await archive(ann)).includes('never said'));
  await ann.leave();
});

test('a node with more than goes into one answer is exported and taken over whole', async (t) => {
  const config = { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 };
  const [from, to] = [await startServer({ config }), await startServer({ config })];
  t.after(() => from.stop());
  t.after(() => to.stop());
  await from.createUser('ann', 'secret');
  const ann = await Person.signIn(from, 'ann');
  const options = `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#max_items'><value>max</value></field></x></publish-options>`;
  for (let i = 0; i < 8; i++) {
    const item = `<item id='i${i}'><note xmlns='urn:test'>${'x'.repeat(180_000)}</note></item>`;
    const answer = await ann.ask(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:test:notes'>${item}</publish>${options}</pubsub>`,
    );
    assert.equal(answer.attrs['type'], 'result', String(answer).slice(0, 500));
  }
  const file = join(folder, 'large-node.xml');
  assert.equal((await exported(from, file)).counts['items'], 8);
  assert.deepEqual(
    [...(await readFile(file, 'utf8')).matchAll(/<item id="(i\d)"/g)].map(([, id]) => id),
    ['i0', 'i1', 'i2', 'i3', 'i4', 'i5', 'i6', 'i7'],
  );
  assert.equal((await json<Result>(to, 'import', file)).counts['items'], 8);
});
