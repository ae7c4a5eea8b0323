// Negative tests that are named after their class of attack and belong to no single feature. tests/threats.md says which test covers
// which class.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { startServer } from '../support/server.ts';
import { chat, newUser, present, says, until } from './messages.ts';
import { capsOf, publish } from './nodes.ts';
import { befriend, type Heard, Person } from './people.ts';
import { admin, annsRoom, config, configure, join as enter, field, guest, HOST, list, makeGroup, NS_MUC, takeGroups } from './rooms.ts';
import { Wire } from './wire.ts';

const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    'features.user-search.allowed': true,
    'features.roster.maxContacts': 50,
    'features.roster.maxRequests': 5,
    'limits.bytesPerSecond': 0,
    'features.web-push.allowLoopback': true,
  },
});
test.after(() => server.stop());

const NS_RSM = 'http://jabber.org/protocol/rsm';
const NS_FORM = 'jabber:x:data';

test('X7: nobody is offered compression, and no frame is compressed', async () => {
  const plain = await Wire.plain(server);
  assert.doesNotMatch(await plain.open(), /compress/);
  plain.send(`<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>`);
  await plain.expect(/<(unsupported-stanza-type|not-authorized) /);
  const person = await Person.authenticate(server, await newUser(server, 'ann'));
  person.send(`<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>`);
  await person.take({ name: 'error', where: (error) => error.children.some(({ name }) => name === 'unsupported-stanza-type') });
  await person.gone();
  const socket = new WebSocket(server.webSocket, ['xmpp'], { perMessageDeflate: true, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  assert.equal(socket.extensions, '');
  socket.terminate();
});

test('A10: renegotiation without end is ended, or is not there at all', async () => {
  const wire = await Wire.direct(server, { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' });
  let done = 0;
  const once = (): Promise<boolean> =>
    new Promise((resolve) => {
      wire.socket.once('close', () => resolve(false));
      if (wire.socket.destroyed || !wire.socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error === null)))
        resolve(false);
    });
  while (done < 10 && (await once())) done++;
  assert.ok(done < 10, `${done} renegotiations`);
  wire.socket.destroy();
  const other = await Wire.direct(server);
  await other.open();
  other.socket.destroy();
});

test('R4: a forged result of an archive is a message from its sender, and is not kept as anything else', async () => {
  const [ann, eve] = [await present(server, await newUser(server, 'ann'), 'a'), await present(server, await newUser(server, 'eve'), 'e')];
  const forged = `<result xmlns='urn:xmpp:mam:2' queryid='q1' id='1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='bob@localhost' to='${ann.bare}' type='chat'><body>pay me</body></message></forwarded></result>`;
  for (const type of ['chat', 'normal', 'headline']) eve.send(`<message to='${ann.jid}' type='${type}'>${forged}</message>`);
  eve.send(`<message to='${ann.jid}' from='${ann.bare}'>${forged}</message>`);
  await eve.gone();
  await ann.settled();
  for (const heard of ann.inbox.filter((one) => one.child('result') !== undefined)) assert.equal(heard.attrs['from'], eve.jid);
  ann.inbox.length = 0;
  await ann.ask('set', `<query xmlns='urn:xmpp:mam:2' queryid='q1'/>`);
  assert.deepEqual(
    ann.inbox.filter((one) => String(one).includes('pay me')).map(String),
    [],
    'the archive holds nothing in the name of Bob',
  );
});

test('R9, affiliation escalation: nobody does to anybody in a room what their affiliation and role do not allow (XEP-0045 §5)', async () => {
  const { ann: owner, room } = await annsRoom(server, config('moderatedroom', '1'));
  const named = async (nick: string, affiliation?: string): Promise<Person> => {
    const person = await guest(server, room, nick);
    if (affiliation !== undefined) await admin(owner, room, `<item affiliation='${affiliation}' jid='${person.bare}'/>`);
    return person;
  };
  const people = {
    Owner: await named('Owner', 'owner'),
    Admin: await named('Admin', 'admin'),
    Member: await named('Member', 'member'),
    Moderator: await named('Moderator'),
    Visitor: await named('Visitor'),
  };
  const targets = { Owner2: 'owner', Admin2: 'admin', Member2: 'member', Guest2: undefined } as const;
  const addresses: Record<string, string> = {};
  for (const [nick, affiliation] of Object.entries(targets)) addresses[nick] = (await named(nick, affiliation)).bare;
  await admin(owner, room, `<item role='moderator' nick='Moderator'/>`);
  const rank = { owner: 3, admin: 2, member: 1, none: 0 } as const;
  const lists = async (): Promise<string> => {
    const all: string[] = [];
    for (const what of ['owner', 'admin', 'member', 'outcast'])
      all.push(String((await list(owner, room, `affiliation='${what}'`)).child('query')).replaceAll(/ role="\w+"/g, ''));
    return all.join('\n');
  };
  const before = await lists();
  const mayNot: string[] = [];
  for (const [actor, person] of Object.entries(people)) {
    if (actor === 'Owner') continue;
    for (const [nick, affiliation = 'none'] of Object.entries(targets)) {
      const admins = actor === 'Admin';
      const reaches = admins && rank[affiliation as keyof typeof rank] < rank.admin;
      for (const wanted of ['owner', 'admin', 'member', 'none', 'outcast']) {
        // §5.2.2: admins make members, and ban, those below them; owners alone make admins and owners.
        if ((reaches && wanted !== 'owner' && wanted !== 'admin') || wanted === affiliation) continue;
        const what = `${actor} makes ${nick} ${wanted}`;
        mayNot.push(what);
        const answer = await admin(person, room, `<item affiliation='${wanted}' jid='${addresses[nick]}'/>`);
        assert.match(answer.error ?? String(answer), /^(forbidden|not-allowed)$/, what);
      }
      for (const wanted of ['none', 'visitor', 'participant', 'moderator']) {
        // Moderators kick those whose affiliation is not above theirs (§8.2), and give and take voice of those who are no admins
        // (§8.3, §8.4); admins make moderators of them (§9.6).
        const [own, theirs] = [admins ? rank.admin : rank.none, rank[affiliation as keyof typeof rank]];
        const moderates = (admins || actor === 'Moderator') && own >= theirs;
        if (moderates && (wanted === 'none' || (theirs < rank.admin && (wanted !== 'moderator' || admins)))) continue;
        const what = `${actor} gives ${nick} the role ${wanted}`;
        mayNot.push(what);
        const answer = await admin(person, room, `<item role='${wanted}' nick='${nick}'/>`);
        const has = theirs >= rank.admin ? 'moderator' : theirs === rank.member ? 'participant' : 'visitor';
        // Saying what is so already changes nothing.
        if (answer.attrs['type'] === 'result') assert.equal(wanted, has, what);
        else assert.match(answer.error ?? '', /^(forbidden|not-allowed)$/, what);
      }
    }
    if (actor !== 'Admin') {
      assert.equal((await list(person, room, `affiliation='outcast'`)).error, 'forbidden', `${actor} reads the bans`);
      assert.equal((await configure(person, room)).error, 'forbidden');
    }
    assert.equal((await configure(person, room, config('roomname', 'Mine'))).error, 'forbidden', `${actor} configures`);
    const destroy = `<query xmlns='${NS_MUC}#owner'><destroy/></query>`;
    assert.equal((await person.ask('set', destroy, room)).error, 'forbidden', `${actor} destroys`);
  }
  assert.ok(mayNot.length > 100, String(mayNot.length));
  assert.equal(await lists(), before, 'nothing has changed');
  for (const nick of Object.keys(targets)) {
    const there = await owner.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, room);
    assert.ok(String(there).includes(`/${nick}`), `${nick} is still there`);
  }
});

test('R10: nothing with the id of a removed account is left in the database, and its namesake has another id', async () => {
  const user = await newUser(server, 'gone');
  const person = await Person.signIn(server, user, { resource: 'phone' });
  const friend = await present(server, await newUser(server, 'friend'), 'f');
  const { bare } = person;
  await befriend(friend, person);
  const caps = capsOf(['urn:example:x']);
  person.send(caps.presence);
  const asks: ReadonlyArray<readonly ['get' | 'set', string]> = [
    ['set', publish('urn:example:notes', 'current', `<note xmlns='urn:example:notes'>x</note>`, { access_model: 'whitelist' })],
    ['set', publish('urn:xmpp:bookmarks:1', `r@${HOST}`, `<conference xmlns='urn:xmpp:bookmarks:1'/>`)],
    ['set', `<query xmlns='jabber:iq:private'><x xmlns='urn:example:private'>y</x></query>`],
    ['set', `<vCard xmlns='vcard-temp'><FN>Gone</FN></vCard>`],
    ['set', `<block xmlns='urn:xmpp:blocking'><item jid='eve@localhost'/></block>`],
    ['set', `<prefs xmlns='urn:xmpp:mam:2' default='roster'><always/><never/></prefs>`],
    ['set', `<enable xmlns='urn:xmpp:push:0' jid='${friend.jid}' node='n'/>`],
  ];
  for (const [type, payload] of asks) assert.equal((await person.ask(type, payload)).attrs['type'], 'result', payload);
  await takeGroups(person);
  await makeGroup(person, [friend.bare]);
  await enter(person, `public-${user}@${HOST}`, 'Gone');
  friend.send(chat(bare, 'hello'));
  await person.take(says('hello'));
  person.send(chat(friend.bare, 'goodbye'));
  await friend.take(says('goodbye'));

  const database = new DatabaseSync(join(server.dataDir, 'parley.db'), { readOnly: true });
  const idOf = (): number =>
    Number((database.prepare('SELECT id FROM account WHERE localpart = ?').get(user) as { id: number } | undefined)?.id);
  const id = idOf();
  const columns = [
    ['key_value', 'owner'],
    ['conversation', 'mailbox'],
    ['entry', 'mailbox'],
    ['origin', 'mailbox'],
    ['cursor', 'mailbox'],
  ] as const;
  const rows = (): string[] =>
    columns.flatMap(([table, column]) =>
      (database.prepare(`SELECT * FROM ${table} WHERE ${column} = ?`).all(id) as object[]).map((row) => `${table}: ${JSON.stringify(row)}`),
    );
  assert.ok(rows().some((row) => row.startsWith('key_value')) && rows().some((row) => row.startsWith('cursor')), 'there was something');
  await person.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`, 'localhost');
  await person.gone();
  await until(`nothing to be left, but there is:\n${rows().join('\n')}`, () => rows().length === 0);
  await server.createUser(user, 'secret');
  assert.notEqual(idOf(), id);
  database.close();
});

test('R15, paging injection: what is no page is an error or an empty page, everywhere, and never a crash', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  await takeGroups(ann);
  const room = await makeGroup(ann);
  const sets = [
    '<max>-1</max>',
    '<max>1e9</max>',
    '<max>99999999999999999999</max>',
    '<max></max>',
    '<max>0</max>',
    `<max>5</max><after>' OR 1=1 --</after>`,
    '<max>5</max><after>%00</after>',
    '<max>5</max><after>\u202e\ud83d\ude00</after>',
    `<max>5</max><after>${'9'.repeat(5000)}</after>`,
    '<max>5</max><before>[]{}$ne</before>',
    '<max>5</max><before>-1</before><after>-1</after>',
    '<max>5</max><index>-3</index>',
    '<max>5</max><index>18446744073709551616</index>',
    '<max><max>5</max></max>',
  ];
  const places: ReadonlyArray<readonly [type: 'get' | 'set', payload: (set: string) => string, to?: string]> = [
    ['set', (set) => `<query xmlns='urn:xmpp:mam:2' queryid='q'>${set}</query>`],
    ['set', (set) => `<query xmlns='urn:xmpp:mam:2' queryid='q'>${set}</query>`, room],
    ['get', (set) => `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/>${set}</pubsub>`],
    ['get', (set) => `<conversations xmlns='urn:parley:conversations:0'>${set}</conversations>`],
    ['set', (set) => `<inbox xmlns='urn:xmpp:inbox:1'>${set}</inbox>`],
    ['get', (set) => `<query xmlns='http://jabber.org/protocol/disco#items'>${set}</query>`, HOST],
    ['get', (set) => `<query xmlns='http://jabber.org/protocol/disco#items'>${set}</query>`, room],
    ['get', (set) => `<search xmlns='urn:xmpp:channel-search:0:search'>${set}</search>`, HOST],
  ];
  let asked = 0;
  for (const [type, payload, to] of places)
    for (const set of sets) {
      const answer = await ann.ask(type, payload(`<set xmlns='${NS_RSM}'>${set}</set>`), to);
      asked++;
      if (answer.attrs['type'] === 'error')
        assert.match(
          answer.error ?? '',
          /^(bad-request|item-not-found|not-acceptable|feature-not-implemented|policy-violation|service-unavailable)$/,
          set,
        );
    }
  assert.equal(asked, places.length * sets.length);
  await ann.settled();
});

test('oversize forms: thousands of fields are refused or left alone by whatever takes a form', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  await takeGroups(ann);
  const room = await makeGroup(ann);
  const fields = Array.from({ length: 900 }, (_, i) => field(`x${i}`, 'y')).join('');
  const form = (type: string): string => `<x xmlns='${NS_FORM}' type='submit'>${field('FORM_TYPE', type)}${fields}</x>`;
  const pubsub = 'http://jabber.org/protocol/pubsub';
  const places: ReadonlyArray<readonly [payload: string, to?: string]> = [
    [`<query xmlns='${NS_MUC}#owner'>${form(`${NS_MUC}#roomconfig`)}</query>`, room],
    [`<query xmlns='urn:xmpp:mam:2'>${form('urn:xmpp:mam:2')}</query>`],
    [`<query xmlns='urn:xmpp:mam:2'>${form('urn:xmpp:mam:2')}</query>`, room],
    [`<query xmlns='jabber:iq:search'>${form('jabber:iq:search')}</query>`, 'localhost'],
    [`<pubsub xmlns='${pubsub}'><create node='n'/><configure>${form(`${pubsub}#node_config`)}</configure></pubsub>`],
    [
      `<pubsub xmlns='${pubsub}'><publish node='m'><item/></publish><publish-options>${form(`${pubsub}#publish-options`)}</publish-options></pubsub>`,
    ],
    [`<enable xmlns='urn:xmpp:push:0' jid='${ann.jid}' node='n'>${form(`${pubsub}#publish-options`)}</enable>`],
    [`<query xmlns='jabber:iq:register'>${form(`${NS_MUC}#register`)}</query>`, room],
  ];
  for (const [payload, to] of places) {
    const answer = await ann.ask('set', payload, to);
    assert.notEqual(answer.error, 'internal-server-error', payload.slice(0, 120));
  }
  // Beyond what any stanza may hold, the stream ends.
  const endless = Array.from({ length: 20_000 }, (_, i) => `<field var='${i}'/>`).join('');
  ann.send(`<iq type='set' id='endless'><query xmlns='urn:xmpp:mam:2'><x xmlns='${NS_FORM}'>${endless}</x></query></iq>`);
  await ann.take({ name: 'error', where: (error: Heard) => error.child('policy-violation') !== undefined });
});

test('roster and subscription floods: a roster and the requests that wait have an end, and others are not hurt', async () => {
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  await eve.roster();
  for (let k = 0; k < 60; k++)
    eve.send(`<iq type='set' id='r${k}'><query xmlns='jabber:iq:roster'><item jid='x${k}@localhost'/></query></iq>`);
  await eve.settled();
  assert.equal((await eve.roster()).length, 50);
  assert.deepEqual([...new Set(eve.inbox.flatMap((one) => one.error ?? []))], ['policy-violation']);
  // Requests of many accounts to one: the first ones wait, and an answer makes room.
  await bob.roster();
  const askers: Person[] = [];
  for (let i = 0; i < 8; i++) askers.push(await present(server, await newUser(server, 'asker'), 'a'));
  for (const one of askers) {
    one.send(`<presence type='subscribe' to='${bob.bare}'/>`);
    await one.settled();
  }
  await bob.settled();
  const asked = bob.inbox.filter((one) => one.name === 'presence' && one.attrs['type'] === 'subscribe').map(({ attrs }) => attrs['from']);
  assert.deepEqual(
    asked,
    askers.slice(0, 5).map(({ bare }) => bare),
  );
  bob.send(chat(bob.bare, 'still here'));
  await bob.take(says('still here'));
});

test('the table of threats names tests that are there', async () => {
  const page = await readFile(new URL('../threats.md', import.meta.url), 'utf8');
  const cited = [...page.matchAll(/`([\w./-]+\.test\.ts)`(?: › "([^"]+)")?/g)];
  assert.ok(cited.length > 60, String(cited.length));
  for (const [, file = '', title] of cited) {
    const source = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
    if (title !== undefined) assert.ok(source.includes(title), `${file} has no test "${title}"`);
  }
});
