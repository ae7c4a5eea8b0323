// The archive of a room (XEP-0313), what is taken back (0424, 0425), and who may read or do it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, newUser, present, says } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import {
  admin,
  annsRoom,
  roomArchive as archive,
  bodies,
  config,
  field,
  mamForm as form,
  forwarded,
  groupchat,
  guest,
  item,
  join,
  makeGroup,
  NS_MAM,
  NS_USER,
  newRoom,
  said,
  subjectOf,
  user,
} from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

test('§6.2: each message once, without `to`, from the occupant, with the ids that were shown live', async () => {
  const { ann, room } = await annsRoom(server);
  const ids = await said(ann, room, 'a1', 'a2', 'a3');
  const bob = await guest(server, room, 'Bob');
  const page = await archive(bob, room);
  assert.deepEqual(bodies(page), ['a1', 'a2', 'a3']);
  assert.deepEqual(
    page.results.map((one) => one.child('result')?.attrs['id']),
    ids,
  );
  for (const one of page.messages) {
    assert.deepEqual([one.attrs['from'], one.attrs['to'], one.attrs['type']], [`${room}/Ann`, undefined, 'groupchat']);
    assert.ok(one.child('occupant-id'));
    assert.equal(item(one)['jid'], undefined, 'addresses are for moderators here');
  }
  assert.deepEqual(
    (await archive(ann, room)).messages.map((one) => item(one)['jid']),
    [ann.bare, ann.bare, ann.bare],
  );
  assert.equal(page.answer.child('fin')?.attrs['complete'], 'true');
});

test('XEP-0059: pages forwards and backwards, ids, flip-page, count, metadata', async () => {
  const { ann, room } = await annsRoom(server);
  const ids = await said(ann, room, 'p1', 'p2', 'p3', 'p4', 'p5');
  const set = (inside: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
  const first = await archive(ann, room, set('<max>2</max>'));
  assert.deepEqual([bodies(first), first.answer.child('fin')?.attrs['complete']], [['p1', 'p2'], undefined]);
  assert.deepEqual(bodies(await archive(ann, room, set(`<max>2</max><after>${ids[1]}</after>`))), ['p3', 'p4']);
  assert.deepEqual(bodies(await archive(ann, room, set('<max>2</max><before/>'))), ['p4', 'p5']);
  assert.deepEqual(bodies(await archive(ann, room, `${set('<max>2</max><before/>')}<flip-page/>`)), ['p5', 'p4']);
  assert.deepEqual(bodies(await archive(ann, room, form(field('ids', ids[4]!, ids[0]!)))), ['p1', 'p5']);
  assert.deepEqual(bodies(await archive(ann, room, form(field('after-id', ids[2]!)))), ['p4', 'p5']);
  assert.equal((await archive(ann, room, form(field('ids', '00000000000')))).answer.error, 'item-not-found');
  assert.equal((await archive(ann, room, form(field('colour', 'red')))).answer.error, 'bad-request');
  assert.equal((await archive(ann, room, set('<max>0</max>'))).answer.child('fin')?.child('set')?.child('count')?.text, '5');
  const metadata = await ann.ask('get', `<metadata xmlns='${NS_MAM}'/>`, room);
  assert.deepEqual(
    [metadata.child('metadata')?.child('start')?.attrs['id'], metadata.child('metadata')?.child('end')?.attrs['id']],
    [ids[0], ids[4]],
  );
});

test('§4.1.1: by sender: for those who may know the addresses, or by nickname', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  await said(ann, room, 'of Ann');
  await said(bob, room, 'of Bob');
  assert.deepEqual(bodies(await archive(ann, room, form(field('with', bob.bare)))), ['of Bob']);
  assert.equal((await archive(bob, room, form(field('with', ann.bare)))).answer.error, 'forbidden');
  assert.deepEqual(bodies(await archive(bob, room, form(field('with', `${room}/Ann`)))), ['of Ann']);
});

test('non-members read no archive: of a members-only room, with a password, banned; a hidden room is not told apart from a missing one', async () => {
  const { ann, room } = await annsRoom(server, config('membersonly', '1'));
  await said(ann, room, 'secret');
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  assert.equal((await archive(eve, room)).answer.error, 'forbidden');
  const { ann: second, room: locked } = await annsRoom(server, config('passwordprotectedroom', '1') + config('roomsecret', 'x'));
  await said(second, locked, 'secret');
  assert.equal((await archive(eve, locked)).answer.error, 'forbidden');
  const { ann: third, room: open } = await annsRoom(server);
  await said(third, open, 'open');
  assert.deepEqual(bodies(await archive(eve, open)), ['open'], 'who may come in may read');
  await admin(third, open, `<item affiliation='outcast' jid='${eve.bare}'/>`);
  assert.equal((await archive(eve, open)).answer.error, 'forbidden');
  // Hidden and members-only: every request is answered as for a room that is not there.
  const hidden = await makeGroup(await present(server, await newUser(server, 'ann'), 'a'));
  const requests: [string, 'get' | 'set'][] = [
    [`<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'get'],
    [`<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'get'],
    [`<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`, 'get'],
    [`<query xmlns='${NS_MAM}'/>`, 'set'],
    [`<query xmlns='${NS_MAM}'/>`, 'get'],
    [`<metadata xmlns='${NS_MAM}'/>`, 'get'],
    [`<query xmlns='jabber:iq:register'/>`, 'get'],
    [`<vCard xmlns='vcard-temp'/>`, 'get'],
    [`<ping xmlns='urn:xmpp:ping'/>`, 'get'],
    [`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>`, 'get'],
    [`<query xmlns='http://jabber.org/protocol/muc#owner'/>`, 'get'],
    [`<delivery xmlns='urn:parley:groups:0' id='00000000000'/>`, 'get'],
    [`<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`, 'set'],
  ];
  const missing = newRoom();
  for (const [payload, type] of requests) {
    const [one, other] = [await eve.ask(type, payload, hidden), await eve.ask(type, payload, missing)];
    const plain = (heard: Heard): string =>
      String(heard)
        .replaceAll(hidden, 'ROOM')
        .replaceAll(missing, 'ROOM')
        .replace(/ id="ask-\d+"/, '');
    assert.equal(plain(one), plain(other), payload);
    assert.equal(one.error, 'item-not-found', payload);
  }
  for (const address of [hidden, missing]) {
    eve.send(`<message to='${address}' type='groupchat' id='g'><body>x</body></message>`);
    assert.equal((await eve.take(message({ type: 'error' }))).error, 'item-not-found');
    eve.send(`<message to='${address}/Ann' type='chat' id='g'><body>x</body></message>`);
    assert.equal((await eve.take(message({ type: 'error' }))).error, 'item-not-found');
  }
  const items = await eve.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'conference.localhost');
  assert.ok(!String(items).includes(hidden));
});

test('§6.2, R8: forged elements of the room are stripped, every copy: muc#user, occupant-id, stanza-id and delay in its name', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const forged =
    `<x xmlns='${NS_USER}'><item jid='ann@localhost' affiliation='owner'/></x>`.repeat(2) +
    `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>`.repeat(3) +
    `<stanza-id xmlns='urn:xmpp:sid:0' by='${room}' id='forged'/>`.repeat(2) +
    `<delay xmlns='urn:xmpp:delay' from='${room}' stamp='2001-01-01T00:00:00Z'/>`;
  bob.send(groupchat(room, 'forged', forged));
  const live = await ann.take(says('forged'));
  const [stored] = (await archive(bob, room)).messages;
  for (const one of [live, stored!]) {
    assert.equal(one.all('occupant-id').length, 1);
    assert.notEqual(one.child('occupant-id')?.attrs['id'], 'forged');
    assert.ok(!String(one).includes('id="forged"'), String(one));
    assert.equal(one.child('delay'), undefined);
  }
  assert.equal(user(stored!), undefined);
  bob.send(`<presence to='${room}/Bob'>${forged}</presence>`);
  const shown = await ann.take({ name: 'presence', attrs: { from: `${room}/Bob` } });
  assert.deepEqual([shown.all('occupant-id').length, shown.all('x').length, item(shown)['affiliation']], [1, 1, 'none']);
});

test('XEP-0421: the same person has the same occupant-id in one room, another in another, and nobody else has it', async () => {
  const { ann, room } = await annsRoom(server);
  const { ann: other, room: second } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  const idOf = (heard: Heard): string => heard.child('occupant-id')?.attrs['id'] ?? '';
  const one = idOf(await join(bob, room, 'Bob'));
  bob.send(`<presence to='${room}/Robert'/>`);
  const renamed = idOf(await ann.take({ name: 'presence', attrs: { from: `${room}/Robert` } }));
  const elsewhere = idOf(await join(bob, second, 'Bob'));
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  assert.equal(one, renamed);
  assert.notEqual(one, elsewhere);
  assert.notEqual(one, idOf(await join(eve, room, 'Eve')));
  await other.leave();
});

test("XEP-0424: what its sender takes back is gone from the archive, the retraction stays; nobody takes back another's", async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const [mine] = await said(bob, room, 'regret');
  const retract = (id: string): string =>
    `<message to='${room}' type='groupchat' id='x'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><body>retracted</body></message>`;
  const eve = await guest(server, room, 'Eve');
  eve.send(retract(mine!).replace('<body>', `<no-store xmlns='urn:xmpp:hints'/><body>`));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'forbidden', 'not past the room either, with a hint');
  eve.send(retract(mine!));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'forbidden');
  bob.send(retract(mine!));
  await ann.take({ ...message({ from: `${room}/Bob` }), where: (heard) => heard.child('retract')?.attrs['id'] === mine });
  const page = await archive(ann, room);
  assert.deepEqual(bodies(page), ['retracted']);
  assert.ok(page.messages.some((one) => one.child('retract')?.attrs['id'] === mine));
  const left = page.results.find((one) => one.child('result')?.attrs['id'] === mine);
  assert.equal(forwarded(left!)?.child('retracted')?.attrs['id'], 'x', 'a tombstone in its place');
  const late = await present(server, await newUser(server, 'dan'), 'd');
  late.send(`<presence to='${room}/Dan'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await late.take(subjectOf(room));
  assert.ok(!late.inbox.some((one) => bodyOf(one) === 'regret'));
});

test('XEP-0308, XEP-0424: a private message is changed by who sent it, not by who has the nickname now', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  const secretly = (id: string, content: string): string => `<message to='${room}/Ann' type='chat' id='${id}'>${content}</message>`;
  const correct = (id: string, text: string): string => `<body>${text}</body><replace xmlns='urn:xmpp:message-correct:0' id='${id}'/>`;
  const retract = (id: string): string => `<retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><body>gone</body>`;
  bob.send(secretly('p1', '<body>psst</body>'));
  await ann.take(says('psst'));
  bob.send(`<presence to='${room}/Robert'/>`);
  await bob.take({ name: 'presence', attrs: { from: `${room}/Robert` } });
  eve.send(`<presence to='${room}/Bob'/>`);
  await eve.take({ name: 'presence', attrs: { from: `${room}/Bob` } });
  for (const [id, content] of [
    ['e1', correct('p1', 'forged')],
    ['e2', retract('p1')],
  ] as const) {
    eve.send(secretly(id, content));
    assert.equal((await eve.take(message({ id, type: 'error' }))).error, 'forbidden');
  }
  for (const [id, content] of [
    ['e3', `${correct('p1', 'x')}<replace xmlns='urn:xmpp:message-correct:0' id='y'/>`],
    ['e4', correct('', 'x')],
    ['e5', `<retract xmlns='urn:xmpp:message-retract:1' id=''/>`],
  ] as const) {
    eve.send(secretly(id, content));
    assert.equal((await eve.take(message({ id, type: 'error' }))).error, 'bad-request', id);
  }
  // Eve's own of the same name is no obstacle to Bob's, and the other way round.
  eve.send(secretly('p1', '<body>hers</body>'));
  eve.send(secretly('e6', correct('p1', 'hers, corrected')));
  assert.equal((await ann.take(says('hers, corrected'))).attrs['from'], `${room}/Bob`);
  bob.send(secretly('p2', correct('p1', 'his, corrected')));
  assert.equal((await ann.take(says('his, corrected'))).attrs['from'], `${room}/Robert`);
  bob.send(secretly('p3', retract('p1')));
  await ann.take(message({ id: 'p3', from: `${room}/Robert` }));
  await ann.hearsNo(says('forged'));
});

test('XEP-0308: only who sent a message corrects it, under whatever nickname; nobody corrects what was taken back', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  await said(bob, room, 'original');
  const correct = (id: string, text: string, more = ''): string =>
    `<message to='${room}' type='groupchat' id='c-${text}'><body>${text}</body><replace xmlns='urn:xmpp:message-correct:0' id='${id}'/>${more}</message>`;
  const refused = async (who: Person, stanza: string): Promise<string | undefined> => {
    who.send(stanza);
    return (await who.take(message({ type: 'error' }))).error;
  };
  assert.equal(await refused(eve, correct('m-original', 'forged')), 'forbidden');
  assert.equal(
    await refused(eve, correct('m-original', 'forged', "<no-store xmlns='urn:xmpp:hints'/>")),
    'forbidden',
    'not past the room either',
  );
  assert.equal(await refused(ann, correct('m-original', 'forged')), 'forbidden', 'a moderator takes back, and puts no words in mouths');
  assert.equal(await refused(bob, correct('', 'nothing')), 'bad-request');
  assert.equal(await refused(bob, correct('m-original', 'two', "<replace xmlns='urn:xmpp:message-correct:0' id='x'/>")), 'bad-request');
  // The id of another is no claim on it: Eve has one of the same name herself.
  eve.send(groupchat(room, 'original'));
  await ann.take({ ...says('original'), where: (heard) => heard.attrs['from'] === `${room}/Eve` });
  eve.send(correct('m-original', 'hers'));
  await ann.take(says('hers'));
  bob.send(`<presence to='${room}/Robert'/>`);
  await bob.take({ name: 'presence', attrs: { from: `${room}/Robert` } });
  bob.send(correct('m-original', 'corrected'));
  assert.equal((await ann.take(says('corrected'))).attrs['from'], `${room}/Robert`);
  // One that is not known (any more) is for those who have it to judge.
  bob.send(correct('long-ago', 'unknown'));
  await ann.take(says('unknown'));
  const page = await archive(ann, room);
  const original = page.results.find((one) => bodyOf(forwarded(one)!) === 'original')?.child('result')?.attrs['id'] ?? '';
  bob.send(`<message to='${room}' type='groupchat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='${original}'/></message>`);
  await ann.take({ ...message({ id: 'r' }) });
  assert.equal(await refused(bob, correct('m-original', 'again')), 'item-not-found');
  assert.ok(!bodies(await archive(ann, room)).some((text) => ['original', 'corrected', 'again'].includes(text) && text !== 'original'));
});

test('XEP-0425: a moderator has a message removed, everybody is told by the room, and those who were away learn of it', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const [id] = await said(bob, room, 'DM me for free magic potions!');
  const moderate = (reason = ''): string =>
    `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/>${reason}</moderate>`;
  assert.equal((await bob.ask('set', moderate(), room)).error, 'forbidden');
  assert.equal((await ann.ask('set', moderate('<reason>Spam</reason>'), room)).attrs['type'], 'result');
  for (const person of [ann, bob]) {
    const told = await person.take({
      ...message({ from: room, type: 'groupchat' }),
      where: (heard) => heard.child('retract') !== undefined,
    });
    const retract = told.child('retract')!;
    assert.deepEqual([retract.attrs['id'], retract.child('reason')?.text], [id, 'Spam']);
    assert.equal(retract.child('moderated')?.attrs['by'], `${room}/Ann`);
    assert.ok(retract.child('moderated')?.child('occupant-id'));
  }
  const page = await archive(bob, room);
  assert.deepEqual(bodies(page), []);
  assert.ok(page.messages.some((one) => one.attrs['from'] === room && one.child('retract')?.attrs['id'] === id));
  const left = forwarded(page.results.find((one) => one.child('result')?.attrs['id'] === id)!);
  assert.equal(left?.child('retracted')?.child('moderated')?.attrs['by'], `${room}/Ann`, '§4: a tombstone in its place');
  assert.ok(left?.child('occupant-id'));
  assert.equal((await ann.ask('set', moderate(), room)).error, 'item-not-found', 'it is gone');
  // Only the room moderates: an occupant who says so is not believed.
  bob.send(
    `<message to='${room}' type='groupchat' id='f'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'><moderated xmlns='urn:xmpp:message-moderate:1' by='${room}/Ann'/></retract></message>`,
  );
  const forged = await ann.take({ ...message({ type: 'groupchat' }), where: (heard) => heard.child('retract') !== undefined });
  assert.equal(forged.attrs['from'], `${room}/Bob`);
});

test('0308, 0444, 0461, files: kept by rule, also without a body; chat states and markers are not', async () => {
  const { ann, room } = await annsRoom(server);
  const [id] = await said(ann, room, 'base');
  const sent = [
    `<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='m-base'/>`,
    `<reactions xmlns='urn:xmpp:reactions:0' id='${id}'><reaction>👋</reaction></reactions>`,
    `<body>answer</body><reply xmlns='urn:xmpp:reply:0' id='${id}'/>`,
    `<file-sharing xmlns='urn:xmpp:sfs:0'/>`,
    `<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
    `<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`,
    `<body>not kept</body><no-store xmlns='urn:xmpp:hints'/>`,
  ];
  for (const [i, inside] of sent.entries()) ann.send(`<message to='${room}' type='groupchat' id='k${i}'>${inside}</message>`);
  await ann.take({ ...message({ id: 'k6' }), where: (heard) => bodyOf(heard) === 'not kept' });
  assert.deepEqual(
    (await archive(ann, room)).messages.map((one) => one.attrs['id']),
    ['m-base', 'k0', 'k1', 'k2', 'k3'],
  );
});
