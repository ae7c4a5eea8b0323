// What other specifications add to rooms: affiliation versions, hats, pictures, slow mode, search, direct invitations; and floods.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { newUser, present, says } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import {
  admin,
  annsRoom,
  codes,
  config,
  configure,
  groupchat,
  guest,
  HOST,
  has,
  item,
  join,
  NS_MUC,
  occupant,
  self,
  subjectOf,
  user,
} from './rooms.ts';

const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'features.muc.messagesPerSecond': 5, 'features.muc.messageBytes': '16KiB' },
});
test.after(() => server.stop());

const version = (heard: Heard): Heard | undefined => user(heard)?.child('mav');

test('XEP-0463: all affiliations at the door, or what has changed since a version; changes carry theirs', async () => {
  const { ann, room } = await annsRoom(server, config('whois', 'anyone'));
  const bob = await guest(server, room, 'Bob');
  const mav = (since = ''): string => `<mav xmlns='urn:xmpp:muc:affiliations:1'${since === '' ? '' : ` since='${since}'`}/>`;
  await admin(ann, room, `<item affiliation='member' jid='${bob.bare}'/>`);
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  await admin(ann, room, `<item affiliation='member' jid='${eve.bare}'/>`);
  const come = async (person: Person, nick: string, inside: string): Promise<{ self: Heard; lists: Heard[] }> => {
    person.inbox.length = 0;
    person.send(`<presence to='${room}/${nick}'><x xmlns='${NS_MUC}'>${inside}</x></presence>`);
    await person.take(subjectOf(room));
    const at = person.inbox.findIndex((one) => one.name === 'presence');
    const lists = person.inbox.filter((one) => one.name === 'message' && version(one) !== undefined);
    for (const one of lists) assert.ok(person.inbox.indexOf(one) < at, 'before any presence');
    return { self: person.inbox.find(self(room).where!)!, lists };
  };
  const all = await come(eve, 'Eve', mav());
  const items = (heard: Heard | undefined): string[] =>
    (user(heard!)?.all('item') ?? []).map(({ attrs }) => `${attrs['jid']} ${attrs['affiliation']}`).sort();
  assert.deepEqual(items(all.lists[0]), [`${ann.bare} owner`, `${bob.bare} member`, `${eve.bare} member`]);
  const until = version(all.self)?.attrs['until'] ?? '';
  assert.equal(version(all.lists[0]!)?.attrs['until'], until);
  const same = await come(eve, 'Eve', mav(until));
  assert.deepEqual([same.lists.length, version(same.self)?.attrs['until']], [0, until]);
  await bob.forget();
  await admin(ann, room, `<item affiliation='none' jid='${bob.bare}'/>`);
  const change = await eve.take({ ...occupant(room, 'Bob'), where: (heard) => version(heard) !== undefined });
  assert.deepEqual([version(change)?.attrs['since'], item(change)['affiliation']], [until, 'none']);
  // For one who is not there, by a message of the room.
  const dan = await newUser(server, 'dan');
  await admin(ann, room, `<item affiliation='admin' jid='${dan}@localhost'/>`);
  const told = await eve.take({ ...message({ from: room }), where: (heard) => version(heard) !== undefined });
  assert.deepEqual(items(told), [`${dan}@localhost admin`]);
  const difference = await come(eve, 'Eve', mav(until));
  assert.deepEqual(items(difference.lists[0]), [`${bob.bare} none`, `${dan}@localhost admin`]);
  const unknown = await come(eve, 'Eve', mav('vzzzzzz'));
  assert.equal(version(unknown.lists[0]!)?.attrs['since'], undefined, 'an unknown version gets everything');
  // The wish is nobody else's business.
  assert.ok(!String(ann.inbox.filter((one) => one.attrs['from'] === `${room}/Eve`)).includes("since='"));
});

test('XEP-0463 §5.3: where addresses are hidden the list is for admins', async () => {
  const { room } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  bob.send(`<presence to='${room}/Bob'><x xmlns='${NS_MUC}'><mav xmlns='urn:xmpp:muc:affiliations:1'/></x></presence>`);
  assert.equal((await bob.take(message({ type: 'error', from: room }))).error, 'forbidden');
});

test('XEP-0317: an admin makes a hat, gives it, everybody sees it; others may not', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const command = (node: string, fields = ''): string =>
    `<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:${node}'>${
      fields === '' ? '' : `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`
    }</command>`;
  const value = (name: string, text: string): string => `<field var='${name}'><value>${text}</value></field>`;
  const uri = 'http://tech.example.edu/hats#TeacherAssistant';
  const form = await ann.ask('set', command('create'), room);
  assert.equal(form.child('command')?.attrs['status'], 'executing');
  assert.equal((await bob.ask('set', command('create', value('hats#title', 'King') + value('hats#uri', 'x:y')), room)).error, 'forbidden');
  const made = await ann.ask(
    'set',
    command('create', value('hats#title', 'Assistant') + value('hats#uri', uri) + value('hats#hue', '327.25')),
    room,
  );
  assert.equal(made.child('command')?.attrs['status'], 'completed');
  await bob.take({ ...message({ from: room }), where: has('104') });
  await ann.ask('set', command('assign', value('hats#jid', bob.bare) + value('hats#uri', uri)), room);
  const seen = await ann.take({ ...occupant(room, 'Bob'), where: (heard) => heard.child('hats') !== undefined });
  assert.deepEqual(
    seen
      .child('hats', 'urn:xmpp:hats:0')
      ?.all('hat')
      .map(({ attrs }) => [attrs['title'], attrs['uri'], attrs['hue']]),
    [['Assistant', uri, '327.25']],
  );
  const list = await bob.ask('set', command('list'), room);
  assert.ok(String(list).includes('Assistant'));
  assert.equal((await bob.ask('set', command('list-assigned'), room)).error, 'forbidden');
  // Nobody puts a hat on by himself.
  await ann.forget();
  bob.send(`<presence to='${room}/Bob'><hats xmlns='urn:xmpp:hats:0'><hat title='King' uri='x:king'/></hats></presence>`);
  const tried = await ann.take(occupant(room, 'Bob'));
  assert.deepEqual(
    tried
      .child('hats')
      ?.all('hat')
      .map(({ attrs }) => attrs['title']),
    ['Assistant'],
  );
  await ann.ask('set', command('unassign', value('hats#jid', bob.bare) + value('hats#uri', uri)), room);
  assert.equal((await ann.take(occupant(room, 'Bob'))).child('hats'), undefined);
  await ann.ask('set', command('destroy', value('hats#uri', uri)), room);
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, room);
  assert.ok(!String(info).includes('hats#hash'));
});

test('XEP-0486: an owner sets the picture; its hash is in the room information', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const card = `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>AQID</BINVAL></PHOTO></vCard>`;
  assert.equal((await bob.ask('set', card, room)).error, 'forbidden');
  assert.equal((await ann.ask('set', card, room)).attrs['type'], 'result');
  await bob.take({ ...message({ from: room }), where: has('104') });
  const info = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, room);
  const fields = info.child('query')?.child('x')?.all('field') ?? [];
  const hash = fields.find((one) => one.attrs['var'] === 'muc#roominfo_avatarhash')?.child('value')?.text;
  assert.equal(hash, '7037807198c22a7d2b0807371d763779a84fdfcf');
  assert.ok(String(await bob.ask('get', `<vCard xmlns='vcard-temp'/>`, room)).includes('AQID'));
  await ann.ask('set', `<vCard xmlns='vcard-temp'/>`, room);
  assert.ok(!String(await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, room)).includes('avatarhash'));
});

test('XEP-0500: slow mode holds back texts of those who are no admins', async () => {
  const { ann, room } = await annsRoom(server, config('slow_mode_duration', '3600'));
  const bob = await guest(server, room, 'Bob');
  const form = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/muc#owner'/>`, room);
  const slow = form
    .child('query')
    ?.child('x')
    ?.all('field')
    .find((one) => one.attrs['var'] === 'muc#roomconfig_slow_mode_duration');
  assert.deepEqual([slow?.child('value')?.text, slow?.child('validate')?.attrs['datatype']], ['3600', 'xs:integer']);
  bob.send(groupchat(room, 'first'));
  await ann.take(says('first'));
  bob.send(groupchat(room, 'second'));
  const refusal = await bob.take(message({ type: 'error' }));
  assert.deepEqual([refusal.error, refusal.child('error')?.attrs['type']], ['policy-violation', 'wait']);
  bob.send(`<message to='${room}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  await ann.take({ ...message({ from: `${room}/Bob` }), where: (heard) => heard.child('composing') !== undefined });
  for (const text of ['x1', 'x2']) ann.send(groupchat(room, text));
  await bob.take(says('x2'));
  await ann.hearsNo(says('second'));
});

test('XEP-0433 and §6.3: public rooms are found by words and listed by pages; hidden ones are in neither', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  for (const name of ['Chess of Verona', 'Chess hidden', 'Checkers']) {
    const { room, ann: owner } = await annsRoom(
      server,
      config('roomname', name) + config('publicroom', name.includes('hidden') ? '0' : '1'),
    );
    assert.ok(room);
    void owner;
  }
  const search = (fields: string, more = ''): Promise<Heard> =>
    ann.ask(
      'get',
      `<search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:channel-search:0:search-params</value></field>${fields}</x>${more}</search>`,
      HOST,
    );
  const value = (name: string, text: string): string => `<field var='${name}'><value>${text}</value></field>`;
  const names = (heard: Heard): string[] => (heard.child('result')?.all('item') ?? []).map((one) => one.child('name')?.text ?? '');
  assert.deepEqual(names(await search(value('q', 'chess'))), ['Chess of Verona']);
  assert.deepEqual(names(await search(value('q', 'nothing such'))), [], 'no result is an empty result');
  assert.ok(names(await search(value('all', 'true'))).includes('Checkers'));
  assert.ok((await ann.ask('get', `<search xmlns='urn:xmpp:channel-search:0:search'/>`, HOST)).child('search')?.child('x'));
  const condition = (heard: Heard): string[] =>
    (heard.child('error')?.children ?? []).filter((one) => one.ns.startsWith('urn:xmpp:channel')).map((one) => one.name);
  assert.deepEqual(condition(await search(value('all', '1') + value('q', 'chess'))), ['conflicting-fields']);
  assert.deepEqual(condition(await search('')), ['no-search-conditions']);
  assert.deepEqual(condition(await search(value('q', 'a'))), ['invalid-search-terms']);
  assert.deepEqual(condition(await search(value('q', 'chess') + value('key', 'magic'))), ['invalid-sort-key']);
  const items = await ann.ask(
    'get',
    `<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>`,
    HOST,
  );
  assert.equal(items.child('query')?.all('item').length, 1);
  assert.ok(Number(items.child('query')?.child('set')?.child('count')?.text) >= 2);
});

test('XEP-0249: a direct invitation is a message like others, and waits for who is away', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await newUser(server, 'bob');
  ann.send(`<message to='${bob}@localhost'><x xmlns='jabber:x:conference' jid='${room}' reason='Come'/></message>`);
  await ann.settled();
  const phone = await present(server, bob, 'p');
  const invited = await phone.take({
    ...message({ from: ann.jid }),
    where: (heard) => heard.child('x', 'jabber:x:conference') !== undefined,
  });
  assert.equal(invited.child('x')?.attrs['jid'], room);
  assert.deepEqual(codes(await join(phone, room, 'Bob')), ['110']);
});

test('a flood of messages, presences or requests of one occupant is refused, and hurts nobody else', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  // All at once: what is allowed grows again with every moment in between.
  const flood = Array.from({ length: 300 }, (_, i) => groupchat(room, `f${i}`));
  bob.send(`${flood.join('')}<presence to='${room}/Bob2'/>`);
  const refusal = await bob.take(message({ type: 'error' }));
  assert.deepEqual([refusal.error, refusal.child('error')?.attrs['type']], ['policy-violation', 'wait']);
  await bob.settled();
  await ann.settled();
  const heard = ann.inbox.filter((one) => one.attrs['type'] === 'groupchat' && one.child('body') !== undefined).length;
  assert.ok(heard >= 40 && heard < 300, `${heard} of 300 came through`);
  assert.equal((await bob.take({ name: 'presence', attrs: { type: 'error' } })).error, 'policy-violation');
  ann.send(groupchat(room, 'unhurt'));
  await bob.take(says('unhurt'));
});

test('an oversize message is refused and not kept', async () => {
  const { ann, room } = await annsRoom(server);
  ann.send(groupchat(room, 'x'.repeat(20_000)));
  assert.equal((await ann.take(message({ type: 'error' }))).error, 'policy-violation');
  const many = Array.from({ length: 300 }, (_, i) => `<item affiliation='member' jid='u${i}@localhost'/>`).join('');
  assert.equal((await admin(ann, room, many)).error, 'resource-constraint');
  assert.equal((await configure(ann, room, config('roomname', 'x'.repeat(300)))).error, 'not-acceptable');
});
