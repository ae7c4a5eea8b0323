// docs/protocol/groups.md: being a member is enough.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { acknowledge, bodyOf, isLate, newUser, present, quietly, resume, says, stanzaIds, until } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import {
  admin,
  config,
  configure,
  device,
  field,
  groupchat,
  groupTexts,
  item,
  join,
  makeGroup,
  NS_FORM,
  NS_GROUPS,
  NS_OWNER,
  newRoom,
  notice,
  refusedEntry,
  subjectOf,
  takeGroups,
  user,
} from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

test('a group is made with one request, without joining; its members are told and have its messages without joining', async () => {
  const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((one) => newUser(server, one)));
  const anns = (await device(server, ann!, 'a')).person;
  const bobs = (await device(server, bob!, 'b')).person;
  const eves = await present(server, eve!, 'e');
  const room = await makeGroup(anns, [`${bob}@localhost`, `${eve}@localhost`]);
  assert.equal((await anns.take(notice(room))).child('group')?.attrs['affiliation'], 'owner');
  assert.equal((await bobs.take(notice(room))).child('group')?.attrs['affiliation'], 'member');
  // A client that knows nothing of this is invited.
  await eves.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('invite') !== undefined });
  anns.send(groupchat(room, 'hello'));
  for (const person of [anns, bobs]) {
    const heard = await person.take(says('hello'));
    assert.deepEqual([heard.attrs['from'], heard.attrs['to'], heard.attrs['type']], [`${room}/${ann}`, person.jid, 'groupchat']);
    assert.deepEqual([item(heard)['jid'], stanzaIds(heard, room).length], [`${ann}@localhost`, 1]);
  }
  await eves.hearsNo(says('hello'));
  // She comes in like anywhere, and has what was said.
  eves.send(`<presence to='${room}/Eve'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await eves.take(says('hello'));
  const list = await bobs.ask('get', `<groups xmlns='${NS_GROUPS}'/>`);
  assert.deepEqual(
    list
      .child('groups')
      ?.all('group')
      .map(({ attrs }) => [attrs['jid'], attrs['affiliation']]),
    [[room, 'member']],
  );
  const info = await anns.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, room);
  const features =
    info
      .child('query')
      ?.all('feature')
      .map(({ attrs }) => attrs['var']) ?? [];
  for (const wanted of ['muc_membersonly', 'muc_nonanonymous', 'muc_persistent', 'muc_hidden', NS_GROUPS])
    assert.ok(features.includes(wanted), wanted);
  const own = await anns.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, anns.bare);
  assert.ok(
    own
      .child('query')
      ?.all('feature')
      .some((one) => one.attrs['var'] === NS_GROUPS),
  );
});

test('D4, D5: a member that was away has all messages of the account and of its groups, in one order, once', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const first = (await device(server, bob, 'phone')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  const other = await makeGroup(anns, [`${bob}@localhost`]);
  await first.take(notice(other));
  anns.send(groupchat(room, 'before'));
  await first.take(says('before'));
  await acknowledge(first, 100).catch(() => {});
  first.cut();
  // The session is over for good when the device signs in anew.
  const chat = (text: string): string => `<message type='chat' to='${bob}@localhost' id='c-${text}'><body>${text}</body></message>`;
  for (let i = 0; i < 120; i++) anns.send(i % 3 === 0 ? chat(`t${i}`) : groupchat(i % 3 === 1 ? room : other, `t${i}`));
  await anns.take(says('t119'));
  const again = (await device(server, bob, 'phone')).person;
  await again.take(says('t119')).then((last) => again.inbox.push(last));
  const got = again.inbox.filter((one) => one.name === 'message' && bodyOf(one)?.startsWith('t') === true);
  assert.deepEqual(
    got.map((one) => bodyOf(one)),
    Array.from({ length: 120 }, (_, i) => `t${i}`),
  );
  assert.ok(got.every(isLate));
  assert.equal(got[1]?.child('delay')?.attrs['from'], room, 'the group says since when');
  assert.equal(item(got[1]!)['jid'], `${ann}@localhost`);
});

test('D8: after a resumption nothing is missing and nothing comes twice', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const { person: phone, id } = await device(server, bob, 'phone');
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await phone.take(notice(room));
  phone.send(`<r xmlns='urn:xmpp:sm:3'/>`);
  await phone.take({ name: 'a' });
  phone.cut();
  for (let i = 0; i < 5; i++) anns.send(groupchat(room, `r${i}`));
  await anns.take(says('r4'));
  const { person } = await resume(server, bob, id, 0);
  await person.take(says('r4')).then((last) => person.inbox.push(last));
  assert.deepEqual(groupTexts(person), ['r0', 'r1', 'r2', 'r3', 'r4']);
});

test('a cursor for each device: one that is new begins now, one that knows better says so', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  anns.send(groupchat(room, 'one'));
  const one = await anns.take(says('one'));
  anns.send(groupchat(room, 'two'));
  await anns.take(says('two'));
  const fresh = (await device(server, bob, 'fresh')).person;
  await fresh.hearsNo(says('two'));
  const knows = await present(server, bob, 'knows');
  await takeGroups(knows, stanzaIds(one, room)[0]);
  await knows.take(says('two'));
  await knows.hearsNo(says('one'));
  const disabled = await knows.ask('set', `<disable xmlns='${NS_GROUPS}'/>`);
  assert.equal(disabled.attrs['type'], 'result');
  anns.send(groupchat(room, 'three'));
  await fresh.take(says('three'));
  await knows.hearsNo(says('three'));
});

test('who is made a member has what is said from then on; who is one no more has nothing after (I22)', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns);
  anns.send(groupchat(room, 'before'));
  await anns.take(says('before'));
  await admin(anns, room, `<item affiliation='member' jid='${bob}@localhost'/>`);
  await bobs.take(notice(room));
  anns.send(groupchat(room, 'with'));
  await bobs.take(says('with'));
  await bobs.hearsNo(says('before'));
  await admin(anns, room, `<item affiliation='none' jid='${bob}@localhost'/>`);
  assert.equal((await bobs.take(notice(room))).child('group')?.attrs['affiliation'], 'none');
  anns.send(groupchat(room, 'without'));
  await anns.take(says('without'));
  await bobs.hearsNo(says('without'));
  bobs.send(groupchat(room, 'intruder'));
  assert.equal((await bobs.take(message({ type: 'error' }))).error, 'item-not-found', 'a hidden group looks missing to others');
  const later = (await device(server, bob, 'later')).person;
  await later.hearsNo(says('without'));
});

test('D3: a resend is stored once and shown again to the sender; other content under its id is a conflict; ids of others do not matter', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  const origin = `<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>`;
  anns.send(groupchat(room, 'once', origin));
  const first = await anns.take(says('once'));
  anns.send(groupchat(room, 'once', origin));
  const second = await anns.take(says('once'));
  assert.deepEqual(stanzaIds(second, room), stanzaIds(first, room));
  await bobs.take(says('once'));
  await bobs.hearsNo(says('once'));
  anns.send(groupchat(room, 'other', origin));
  assert.equal((await anns.take(message({ type: 'error' }))).error, 'conflict');
  bobs.send(groupchat(room, 'mine', origin));
  await anns.take(says('mine'));
});

test('D3: a resend of what was taken back meanwhile is no other message: it stays what it is', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  const sent = groupchat(room, 'regret', "<origin-id xmlns='urn:xmpp:sid:0' id='o-regret'/>");
  bobs.send(sent);
  const id = stanzaIds(await bobs.take(says('regret')), room)[0];
  const retraction = `<message to='${room}' type='groupchat' id='r1'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><origin-id xmlns='urn:xmpp:sid:0' id='o-r1'/></message>`;
  bobs.send(retraction);
  await bobs.take(message({ id: 'r1', type: 'groupchat' }));
  await anns.forget();
  bobs.send(sent + retraction);
  const shown = await bobs.take(message({ id: 'm-regret' }));
  assert.deepEqual([shown.error, bodyOf(shown), shown.child('retracted') !== undefined], [undefined, undefined, true]);
  assert.equal((await bobs.take(message({ id: 'r1' }))).error, undefined);
  await bobs.settled();
  await anns.hearsNo(message({ type: 'groupchat' }));
});

test('another name or picture is told at once to members who have not joined', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  await configure(anns, room, config('roomname', 'Climbers'));
  const renamed = (await bobs.take(notice(room))).child('group');
  assert.deepEqual([renamed?.attrs['name'], renamed?.attrs['affiliation']], ['Climbers', 'member']);
  const card = "<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>";
  assert.equal((await anns.ask('set', card, room)).attrs['type'], 'result');
  const pictured = (await bobs.take(notice(room))).child('group');
  assert.deepEqual([pictured?.attrs['name'], pictured?.attrs['avatar']], ['Climbers', 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d']);
  assert.equal((await anns.take(notice(room))).attrs['to'], anns.jid);
  // What others do not see is not told.
  await bobs.forget();
  await configure(anns, room, config('roomdesc', 'Ropes and rocks'));
  await anns.settled();
  await bobs.hearsNo(notice(room));
});

test('a group survives kill -9 with its members, its messages and the cursors of their devices', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  anns.send(groupchat(room, 'taken'));
  await bobs.take(says('taken'));
  bobs.send(`<a xmlns='urn:xmpp:sm:3' h='${4}'/>`);
  await bobs.settled();
  bobs.cut();
  for (const text of ['k1', 'k2']) anns.send(groupchat(room, text));
  anns.send(`<r xmlns='urn:xmpp:sm:3'/>`);
  await anns.take(says('k2'));
  await server.kill();
  await server.restart();
  const again = (await device(server, bob, 'b')).person;
  await again.take(says('k2')).then((last) => again.inbox.push(last));
  assert.deepEqual(
    groupTexts(again).filter((text) => text.startsWith('k')),
    ['k1', 'k2'],
  );
  const annAgain = (await device(server, ann, 'a')).person;
  annAgain.send(groupchat(room, 'alive'));
  await again.take(says('alive'));
});

test('delivered to all, read by all: by cursors and displayed markers, for members to ask', async () => {
  const [ann, bob, eve] = [await newUser(server, 'ann'), await newUser(server, 'bob'), await newUser(server, 'eve')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = await quietly(server, bob, 'b');
  await takeGroups(bobs);
  bobs.send('<presence/>');
  const room = await makeGroup(anns, [`${bob}@localhost`, `${eve}@localhost`]);
  await bobs.take(notice(room));
  anns.send(groupchat(room, 'who has it?'));
  const id = stanzaIds(await anns.take(says('who has it?')), room)[0]!;
  await bobs.take(says('who has it?'));
  const ask = async (person: Person): Promise<Heard> =>
    person.ask('get', `<delivery xmlns='${NS_GROUPS}' id='${id}'/>`, room).then((answer) => answer.child('delivery') ?? answer);
  assert.equal((await ask(anns)).attrs['delivered'], '0', 'D7: bytes written to a socket prove nothing');
  const proof = await bobs.take({ name: 'iq', attrs: { type: 'get' }, where: (iq) => iq.attrs['id']?.startsWith('proof-') === true });
  bobs.send(`<iq type='result' id='${proof.attrs['id']}' to='localhost'/>`);
  await bobs.settled();
  let now = await ask(anns);
  assert.deepEqual([now.attrs['members'], now.attrs['delivered'], now.attrs['read']], ['2', '1', '0']);
  assert.deepEqual(
    now.all('member').map(({ attrs }) => [attrs['jid'], attrs['delivered'], attrs['read']]),
    [
      [`${bob}@localhost`, 'true', undefined],
      [`${eve}@localhost`, undefined, undefined],
    ],
  );
  bobs.send(`<message to='${room}' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
  await bobs.settled();
  now = await ask(anns);
  assert.equal(now.attrs['read'], '1');
  const eves = await present(server, eve, 'e');
  await join(eves, room, 'Eve');
  eves.send(`<message to='${room}' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
  const seen = await anns.take({
    ...message({ from: room, type: 'headline' }),
    where: (heard) => heard.child('seen', NS_GROUPS)?.attrs['read'] === id,
  });
  assert.equal(seen.child('seen')?.attrs['delivered'], id, 'all have it, all have read it');
  const dan = await present(server, await newUser(server, 'dan'), 'd');
  assert.equal((await ask(dan)).error, 'item-not-found');
});

test('typing and the presence of occupants come to members of a small group; nothing of it is kept', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  const bobs = await present(server, bob, 'b');
  await join(bobs, room, 'Bob');
  assert.equal(item(await anns.take({ name: 'presence', attrs: { from: `${room}/Bob` } }))['jid'], bobs.jid);
  bobs.send(`<message to='${room}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  await anns.take({ ...message({ from: `${room}/Bob` }), where: (heard) => heard.child('composing') !== undefined });
  const archive = await anns.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`, room);
  assert.equal(archive.attrs['type'], 'result');
  assert.equal(
    anns.inbox.filter((one) => one.child('result')?.child('forwarded')?.child('message')?.child('composing') !== undefined).length,
    0,
  );
});

test('a member leaves for good; the last owner cannot', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  const leave = `<query xmlns='jabber:iq:register'><remove/></query>`;
  assert.equal((await anns.ask('set', leave, room)).error, 'conflict');
  assert.equal((await bobs.ask('set', leave, room)).attrs['type'], 'result');
  const told = await anns.take({ ...message({ from: room, type: 'groupchat' }), where: (heard) => item(heard)['affiliation'] === 'none' });
  assert.equal(item(told)['jid'], `${bob}@localhost`, 'an entry of the group');
  assert.equal(await refusedEntry(bobs, room, 'Bob'), 'registration-required');
});

test('an address that is taken, a form that is none, and a room that would not last are refused', async () => {
  const anns = await present(server, await newUser(server, 'ann'), 'a');
  const bobs = await present(server, await newUser(server, 'bob'), 'b');
  const room = await makeGroup(anns);
  assert.equal((await configure(bobs, room, config('roomname', 'x'))).error, 'item-not-found', 'not told apart from a missing one');
  assert.equal((await configure(anns, newRoom(), config('persistentroom', '0'))).error, 'not-acceptable');
  assert.equal((await configure(anns, newRoom(), config('whois', 'everybody'))).error, 'not-acceptable');
  const many = Array.from({ length: 600 }, (_, i) => `u${i}@localhost`);
  assert.equal((await configure(anns, newRoom(), field(`{${NS_GROUPS}}members`, ...many))).error, 'not-acceptable', 'oversize form');
  const wide = Array.from({ length: 300 }, (_, i) => `<field var='f${i}'/>`).join('');
  assert.equal(
    (await anns.ask('set', `<query xmlns='${NS_OWNER}'><x xmlns='${NS_FORM}' type='submit'>${wide}</x></query>`, newRoom())).error,
    'bad-request',
  );
  assert.equal((await anns.ask('set', `<enable xmlns='${NS_GROUPS}' after='nonsense'/>`)).error, 'bad-request');
});

test('R10: a namesake of a removed account inherits no membership and no ban', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  const bobs = await present(server, bob, 'b');
  bobs.send(`<iq type='set' id='rm'><query xmlns='jabber:iq:register'><remove/></query></iq>`);
  await bobs.gone();
  await until('the name to be free', async () => {
    try {
      await server.createUser(bob, 'secret');
      return true;
    } catch {
      return false;
    }
  });
  const namesake = await present(server, bob, 'b');
  assert.equal(await refusedEntry(namesake, room, 'Bob'), 'registration-required');
  assert.deepEqual((await namesake.ask('get', `<groups xmlns='${NS_GROUPS}'/>`)).child('groups')?.all('group'), []);
});

test('the subject and its change reach members that do not join', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const bobs = (await device(server, bob, 'b')).person;
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await bobs.take(notice(room));
  anns.send(`<message to='${room}' type='groupchat'><subject>Lunch</subject></message>`);
  assert.equal((await bobs.take(subjectOf(room))).child('subject')?.text, 'Lunch');
});

test('D14: a session that outlives its process goes on with its groups; its visits to rooms are over (332)', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const anns = (await device(server, ann, 'a')).person;
  const { person: phone, id } = await device(server, bob, 'phone');
  const room = await makeGroup(anns, [`${bob}@localhost`]);
  await phone.take(notice(room));
  await join(phone, room, 'Bob');
  anns.send(groupchat(room, 'unacknowledged'));
  await phone.take(says('unacknowledged'));
  await phone.settled();
  await server.restart();
  const again = (await device(server, ann, 'a2')).person;
  again.send(groupchat(room, 'meanwhile'));
  await again.take(says('meanwhile'));
  const { person } = await resume(server, bob, id, 0);
  await person.take(says('meanwhile')).then((last) => person.inbox.push(last));
  assert.deepEqual(
    groupTexts(person).filter((text) => text !== ''),
    ['unacknowledged', 'meanwhile'],
  );
  await person.take({ name: 'presence', attrs: { from: `${room}/Bob`, type: 'unavailable' } });
});
