// XEP-0227 and beyond: rooms, uploaded files, personal nodes with who may use them, and what was read move to another server.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as pathJoin } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { befriend, type Heard, message, Person } from './people.ts';
import { admin, config, configure, field, groupchat, HOST, item, join, list, NS_GROUPS, NS_MUC } from './rooms.ts';

const folder = await mkdtemp(pathJoin(tmpdir(), 'parley-transfer-rooms-'));
test.after(() => rm(folder, { recursive: true }));
const settings = { 'auth.allowPlaintext': true, 'history.keep': 'forever' };
const old = await startServer({ config: settings });
test.after(() => old.stop());
const fresh = await startServer({ config: settings });
test.after(() => fresh.stop());

interface Result {
  readonly counts: Record<string, number>;
  readonly there: string[];
  readonly left: string[];
  readonly leftCount: number;
}
async function json<T>(server: TestServer, ...args: string[]): Promise<T> {
  const { code, out, err } = await parley(server, [...args, '--json']);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return JSON.parse(out) as T;
}
const file = pathJoin(folder, 'all.xml');
const ROOM = `play@${HOST}`;
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const PICTURE = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) % 251);
let address = '';

const node = (form: string): string => `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', `${PUBSUB}#node_config`)}${form}</x>`;
async function bodies(who: Person, to: string | undefined): Promise<string[]> {
  const before = who.inbox.length;
  const answer = await who.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`, to);
  assert.equal(answer.attrs['type'], 'result', String(answer));
  return who.inbox.slice(before).flatMap((heard) => {
    const result = heard.child('result', 'urn:xmpp:mam:2');
    return result === undefined ? [] : [result.child('forwarded')?.child('message')?.child('body')?.text ?? ''];
  });
}
const unread = async (who: Person): Promise<Record<string, string | undefined>> => {
  const answer = await who.ask('get', `<conversations xmlns='urn:parley:conversations:0'/>`);
  const rows: Heard[] = answer.child('conversations')?.all('conversation') ?? [];
  return Object.fromEntries(rows.map((one) => [one.attrs['jid'] ?? '', one.attrs['unread']]));
};

test('a life on the old server', async () => {
  for (const name of ['ann', 'bob', 'cora', 'dan']) await old.createUser(name, 'secret');
  const ann = await Person.signIn(old, 'ann', { resource: 'phone' });
  const bob = await Person.signIn(old, 'bob', { resource: 'phone' });
  await befriend(ann, bob);

  // A room with everything.
  await join(ann, ROOM, 'Ann');
  const made = await configure(
    ann,
    ROOM,
    config('roomname', 'The Play') + config('persistentroom', '1') + config('membersonly', '1') + config('whois', 'moderators'),
  );
  assert.equal(made.attrs['type'], 'result', String(made));
  ann.send(`<message to='${ROOM}' type='groupchat' id='s1'><subject>Act one</subject></message>`);
  await ann.take({ name: 'message', where: (heard) => heard.child('subject')?.text === 'Act one' });
  for (const text of ['before', 'also-before']) ann.send(groupchat(ROOM, text));
  await ann.settled();
  await admin(ann, ROOM, `<item affiliation='member' jid='bob@localhost' nick='Bob'/>`);
  await admin(ann, ROOM, `<item affiliation='outcast' jid='cora@localhost'><reason>noise</reason></item>`);
  await join(bob, ROOM, 'Bob');
  bob.send(groupchat(ROOM, 'hello'));
  await ann.take(message({ id: 'm-hello' }));
  ann.send(groupchat(ROOM, 'unread'));
  await bob.take(message({ id: 'm-unread' }));
  bob.send(`<message to='${ROOM}' type='groupchat' id='d1'><displayed xmlns='urn:xmpp:chat-markers:0' id='none'/></message>`);
  await bob.settled();

  // A node with people on its lists.
  const created = await ann.ask(
    'set',
    `<pubsub xmlns='${PUBSUB}'><create node='news'/><configure>${node(field('pubsub#access_model', 'authorize') + field('pubsub#title', 'News') + field('pubsub#max_items', '5'))}</configure></pubsub>`,
  );
  assert.equal(created.attrs['type'], 'result', String(created));
  await ann.ask(
    'set',
    `<pubsub xmlns='${PUBSUB}#owner'><affiliations node='news'><affiliation jid='bob@localhost' affiliation='publisher'/><affiliation jid='cora@localhost' affiliation='outcast'/></affiliations></pubsub>`,
  );
  await bob.ask('set', `<pubsub xmlns='${PUBSUB}'><subscribe node='news' jid='bob@localhost'/></pubsub>`, 'ann@localhost');
  const published = await bob.ask(
    'set',
    `<pubsub xmlns='${PUBSUB}'><publish node='news'><item id='n1'><note xmlns='urn:test'>by Bob</note></item></publish></pubsub>`,
    'ann@localhost',
  );
  assert.equal(published.attrs['type'], 'result', String(published));

  // A node of the service.
  const service = (who: Person, content: string, owner = ''): Promise<Heard> =>
    who.ask('set', `<pubsub xmlns='${PUBSUB}${owner}'>${content}</pubsub>`, 'pubsub.localhost');
  await service(ann, `<create node='alerts'/><configure>${node(field('pubsub#access_model', 'whitelist'))}</configure>`);
  await service(ann, `<affiliations node='alerts'><affiliation jid='bob@localhost' affiliation='publisher'/></affiliations>`, '#owner');
  await service(bob, `<subscribe node='alerts' jid='bob@localhost'/>`);
  const alert = await service(bob, `<publish node='alerts'><item id='a1'><note xmlns='urn:test'>beware</note></item></publish>`);
  assert.equal(alert.attrs['type'], 'result', String(alert));

  // A file, and the message that shows it.
  const slot = await ann.ask(
    'get',
    `<request xmlns='urn:xmpp:http:upload:0' filename='a &amp; b.jpg' size='${PICTURE.length}' content-type='image/jpeg'/>`,
    'localhost',
  );
  const urls = slot.child('slot');
  address = urls?.child('get')?.attrs['url'] ?? '';
  const put = await fetch(urls?.child('put')?.attrs['url'] ?? '', { method: 'PUT', body: PICTURE });
  assert.equal(put.status, 201);
  ann.send(
    `<message to='bob@localhost' type='chat' id='f1'><body>${address}</body><x xmlns='jabber:x:oob'><url>${address}</url></x></message>`,
  );
  const shown = await bob.take(message({ id: 'f1' }));
  ann.send(`<message to='bob@localhost' type='chat' id='u1'><body>not read</body></message>`);
  await bob.take(message({ id: 'u1' }));

  // Read up to the file; the conversation is pinned, and its messages disappear after a year.
  const id = shown.all('stanza-id').find((one) => one.attrs['by'] === 'bob@localhost')?.attrs['id'];
  const set = await bob.ask(
    'set',
    `<conversation xmlns='urn:parley:conversations:0' jid='ann@localhost' pinned='true' displayed='${id}' timer='3600'/>`,
  );
  assert.equal(set.attrs['type'], 'result', String(set));
  await bob.ask('set', `<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>dan@localhost</jid></always><never/></prefs>`);
  await bob.settled();
  await bob.leave();
  await ann.settled();
  await ann.leave();
});

test('all of it is in the file, with the uploaded files in a folder beside it, for its owner only', async () => {
  const { counts, missing } = await json<{ counts: Record<string, number>; missing: string[] }>(old, 'export', '--to', file);
  assert.deepEqual(missing, []);
  const { serviceNodes, serviceItems } = counts;
  assert.deepEqual([serviceNodes, serviceItems], [1, 1]);
  const { accounts, rooms, roomAffiliations, roomMessages, files, fileBytes, nodeAffiliations, nodeSubscriptions, conversations } = counts;
  assert.deepEqual(
    { accounts, rooms, roomAffiliations, roomMessages, files, fileBytes, nodeAffiliations, nodeSubscriptions, conversations },
    {
      accounts: 4,
      rooms: 1,
      roomAffiliations: 3,
      roomMessages: 5,
      files: 1,
      fileBytes: PICTURE.length,
      nodeAffiliations: 2,
      nodeSubscriptions: 1,
      conversations: 1,
    },
  );
  assert.deepEqual(await readdir(folder), ['all.xml', 'all.xml.files'], 'nothing half written');
  assert.equal((await stat(`${file}.files`)).mode & 0o777, 0o700);
  const [key = ''] = await readdir(`${file}.files`);
  assert.deepEqual(new Uint8Array(await readFile(pathJoin(`${file}.files`, key))), PICTURE);
});

test('another server has it all: the same counts, the room, the node, the file, and what was read', async () => {
  const result = await json<Result>(fresh, 'import', file);
  assert.deepEqual([result.there, result.left, result.leftCount], [[], [], 0]);
  const again = await json<{ counts: Record<string, number> }>(fresh, 'export', '--to', pathJoin(folder, 'again.xml'));
  assert.deepEqual(again.counts, { ...result.counts, conversations: again.counts['conversations'] });

  const bob = await Person.signIn(fresh, 'bob', { resource: 'new' });
  const lines = await unread(bob);
  assert.equal(lines['ann@localhost'], '1', 'read up to the file');
  assert.equal((await bodies(bob, undefined)).at(-1), 'not read');
  assert.match(String(await bob.ask('get', `<prefs xmlns='urn:xmpp:mam:2'/>`)), /roster.*dan@localhost/s);
  assert.match(String(await bob.ask('get', `<conversations xmlns='urn:parley:conversations:0'/>`)), /pinned="true".*timer="3600"/s);

  // The room: for its members, with its lists, subject and history.
  const found = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM);
  assert.match(String(found), /The Play/);
  assert.match(String(found), /muc_membersonly.*muc_semianonymous|muc_semianonymous.*muc_membersonly/s);
  const groups = await bob.ask('get', `<groups xmlns='${NS_GROUPS}'/>`);
  assert.equal(groups.child('groups')?.child('group')?.attrs['jid'], ROOM);
  const own = await join(bob, ROOM, 'Bob');
  assert.equal(item(own)['affiliation'], 'member');
  const before = bob.inbox.length;
  await bob.ask('set', `<enable xmlns='${NS_GROUPS}' after='00000000001'/>`);
  await bob.settled();
  const heard = bob.inbox.slice(before).filter(({ attrs }) => attrs['type'] === 'groupchat');
  assert.deepEqual(
    heard.map((one) => one.child('body')?.text),
    ['hello', 'unread'],
    'what was said before he was a member is not for him',
  );
  const ann = await Person.signIn(fresh, 'ann', { resource: 'new' });
  const annOwn = await join(ann, ROOM, 'Ann');
  assert.equal(item(annOwn)['affiliation'], 'owner');
  assert.deepEqual(await bodies(ann, ROOM), ['', 'before', 'also-before', 'hello', 'unread']);
  const banned = await list(ann, ROOM, `affiliation='outcast'`);
  assert.match(String(banned), /cora@localhost.*noise/s);
  const cora = await Person.signIn(fresh, 'cora');
  cora.send(`<presence to='${ROOM}/Cora'><x xmlns='${NS_MUC}'/></presence>`);
  assert.equal((await cora.take({ name: 'presence', attrs: { type: 'error' } })).error, 'forbidden');
  await ann.forget();
  bob.send(groupchat(ROOM, 'here'));
  await ann.take(message({ id: 'm-here' }));

  // The node: who may what.
  const owned = await ann.ask('get', `<pubsub xmlns='${PUBSUB}#owner'><configure node='news'/></pubsub>`);
  assert.match(String(owned), /authorize/);
  assert.match(String(owned), /News/);
  const people = String(await ann.ask('get', `<pubsub xmlns='${PUBSUB}#owner'><affiliations node='news'/></pubsub>`));
  assert.match(people, /bob@localhost/);
  assert.match(people, /outcast/);
  const mine = String(await bob.ask('get', `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`, 'ann@localhost'));
  assert.match(mine, /subscription="subscribed"/);
  const items = await bob.ask('get', `<pubsub xmlns='${PUBSUB}'><items node='news'/></pubsub>`, 'ann@localhost');
  assert.match(String(items), /publisher="bob@localhost".*by Bob/s);

  // The node of the service: its lists, its items, and for nobody else.
  const alerts = `<pubsub xmlns='${PUBSUB}'><items node='alerts'/></pubsub>`;
  assert.match(String(await ann.ask('get', alerts, 'pubsub.localhost')), /publisher="bob@localhost".*beware/s);
  assert.equal((await cora.ask('get', alerts, 'pubsub.localhost')).error, 'not-allowed');
  await ann.ask(
    'set',
    `<pubsub xmlns='${PUBSUB}'><publish node='alerts'><item id='a2'><note xmlns='urn:test'>again</note></item></publish></pubsub>`,
    'pubsub.localhost',
  );
  await bob.take({ ...message({ from: 'pubsub.localhost' }), where: (heard) => String(heard).includes('again') });

  // The file, under the address that the messages have.
  const served = await fetch(`${fresh.httpOrigin}${new URL(address).pathname}`);
  assert.deepEqual([served.status, served.headers.get('content-type')], [200, 'image/jpeg']);
  assert.deepEqual(new Uint8Array(await served.arrayBuffer()), PICTURE);
  for (const person of [ann, bob, cora]) await person.leave();
});

test('a second run changes nothing, and nobody waits for a device that stands for the archive', async () => {
  const second = await json<Result>(fresh, 'import', file);
  assert.deepEqual(
    second.there.sort(),
    ['ann@localhost', 'bob@localhost', 'cora@localhost', 'dan@localhost', 'pubsub.localhost alerts', ROOM].sort(),
  );
  assert.deepEqual([second.counts['accounts'], second.counts['rooms'], second.counts['files']], [0, 0, 0]);
  const queues = await json<{ jid: string; device: string; queueLength: number }[]>(fresh, 'queue');
  assert.deepEqual(
    queues.filter(({ device }) => device === 'imported'),
    [],
  );
  assert.ok(!queues.some(({ jid, device }) => jid === 'bob@localhost' && device === ''), JSON.stringify(queues));
});

test('bad input: files of elsewhere, links, damaged ones, rooms of others, forged messages and owners; each is left out, and said', async () => {
  const T = `xmlns='urn:parley:transfer:0'`;
  const hash = 'a'.repeat(64);
  const key = (c: string): string => c.repeat(32);
  await writeFile(pathJoin(folder, 'outside'), 'secret');
  await symlink(pathJoin(folder, 'outside'), pathJoin(folder, 'link'));
  const entry = (id: string, k: string, href: string, size = 6): string =>
    `<file key='${k}' name='${id}' size='${size}' type='text/html' sha256='${hash}' stamp='2026-01-01T00:00:00Z' href='${href}'/>`;
  const said = (from: string, text: string): string =>
    `<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/><message xmlns='jabber:client' from='${from}' type='groupchat'><body>${text}</body></message></forwarded></result>`;
  const room = (name: string, inside: string): string => `<room name='${name}'>${inside}</room>`;
  const bad = pathJoin(folder, 'bad.xml');
  await writeFile(
    bad,
    `<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='eve'><uploads ${T}>` +
      entry('away', key('a'), '../../etc/passwd') +
      entry('root', key('b'), '/etc/passwd') +
      entry('web', key('c'), 'http://127.0.0.1/x') +
      entry('linked', key('d'), 'link') +
      entry('damaged', key('e'), 'outside') +
      entry('short', key('f'), 'outside', 5) +
      entry('folder', key('g'), 'all.xml.files') +
      entry('gone', key('h'), 'nothing') +
      entry('key', '../../../x', 'outside') +
      `</uploads></user><rooms ${T} jid='${HOST}'>` +
      room('nobody', `<person jid='eve@localhost' affiliation='member'/>`) +
      room('a@b', `<person jid='eve@localhost' affiliation='owner'/>`) +
      room(
        'forged',
        `<person jid='eve@localhost' affiliation='owner'/><person jid='x y' affiliation='owner'/><person jid='dan@localhost' affiliation='king'/>` +
          `<archive xmlns='urn:xmpp:pie:0#mam'>${said(`${ROOM}/Ann`, 'never said')}${said('eve@localhost', 'nor this')}${said(`forged@${HOST}/Eve`, 'this')}</archive>`,
      ) +
      `</rooms><rooms ${T} jid='rooms.elsewhere.example'>${room('other', `<person jid='eve@localhost' affiliation='owner'/>`)}</rooms>` +
      `</host></server-data>`,
  );
  const result = await json<Result>(fresh, 'import', bad);
  assert.deepEqual([result.counts['files'], result.counts['rooms'], result.counts['roomMessages']], [0, 1, 1], result.left.join('\n'));
  const left = result.left.join('\n');
  for (const name of ['away', 'root', 'web']) assert.match(left, new RegExp(`"${name}": it is not beside the export`));
  assert.match(left, /"linked": it cannot be read/);
  assert.match(left, /"damaged": it is damaged/);
  assert.match(left, /"short": it is damaged/);
  assert.match(left, /"folder": it is damaged/);
  assert.match(left, /"gone": it is missing/);
  assert.match(left, /"key": what is told of it is not whole/);
  assert.match(left, /nobody@conference\.localhost: it has no owner/);
  assert.match(left, /"a@b" cannot be the name of a room/);
  assert.match(left, /rooms of rooms\.elsewhere\.example: those of this server are at conference\.localhost/);
  assert.equal(left.match(/a message that is not of this room/g)?.length, 2);
  assert.equal(left.match(/forged@conference\.localhost: the place of/g)?.length, 2);
  assert.equal((await fetch(`${fresh.httpOrigin}/media/${key('e')}/x`)).status, 404);
});
