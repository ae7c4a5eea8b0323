// XEP-0045: making a room, coming in, being there, going.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, isLate, newUser, present, says, stanzaIds } from './messages.ts';
import { message, Person, presence } from './people.ts';
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
  list,
  NS_MUC,
  NS_OWNER,
  newRoom,
  occupant,
  refusedEntry,
  self,
  subjectOf,
  user,
} from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

test('§6.1, §6.2: the service is listed by the host and says what it is', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const items = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'localhost');
  assert.ok(
    items
      .child('query')
      ?.all('item')
      .some((one) => one.attrs['jid'] === HOST),
  );
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, HOST);
  assert.deepEqual(
    info
      .child('query')
      ?.all('identity')
      .map(({ attrs }) => `${attrs['category']}/${attrs['type']}`),
    ['conference/text'],
  );
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((one) => one.attrs['var'] === NS_MUC),
  );
});

test('§10.1: a room is there for its creator alone until it is configured (201), then for others', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  const room = newRoom();
  const own = await join(ann, room, 'Ann');
  assert.deepEqual(codes(own), ['110', '201']);
  assert.deepEqual([item(own)['affiliation'], item(own)['role']], ['owner', 'moderator']);
  assert.equal(await refusedEntry(bob, room, 'Bob'), 'item-not-found', '§7.2.10');
  assert.equal((await configure(ann, room)).attrs['type'], 'result');
  assert.deepEqual(codes(await join(bob, room, 'Bob')), ['110']);
});

test('§10.1.3: a cancelled configuration destroys the room, and so does going before', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const room = newRoom();
  await join(ann, room, 'Ann');
  await ann.ask('set', `<query xmlns='${NS_OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query>`, room);
  const gone = await ann.take(presence({ type: 'unavailable', from: `${room}/Ann` }));
  assert.ok(user(gone)?.child('destroy'));
  const other = newRoom();
  await join(ann, other, 'Ann');
  ann.send(`<presence type='unavailable' to='${other}/Ann'/>`);
  await ann.take(presence({ type: 'unavailable', from: `${other}/Ann` }));
  assert.deepEqual(codes(await join(ann, other, 'Ann')), ['110', '201'], 'made anew');
});

test('§7.1: first those who are there, then oneself, the history, the subject, then what happens', async () => {
  const { ann, room } = await annsRoom(server);
  ann.send(`<message to='${room}' type='groupchat'><subject>Spells</subject></message>`);
  await ann.take(subjectOf(room));
  for (const text of ['one', 'two']) ann.send(groupchat(room, text));
  await ann.take(says('two'));
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  bob.send(`<presence to='${room}/Bob' id='j1'><x xmlns='${NS_MUC}'/></presence>`);
  await bob.take(subjectOf(room)).then((subject) => bob.inbox.push(subject));
  const heard = bob.inbox.filter((one) => (one.attrs['from'] ?? '').startsWith(room));
  assert.deepEqual(
    heard.map((one) => `${one.name} ${one.attrs['from']?.split('/')[1]} ${bodyOf(one) ?? one.child('subject')?.text ?? ''}`.trim()),
    ['presence Ann', 'presence Bob', 'message Ann one', 'message Ann two', 'message Ann Spells'],
  );
  assert.equal(heard[1]?.attrs['id'], 'j1', '§7.2.3: the id of the request is reflected');
  for (const late of heard.slice(2)) assert.equal(late.child('delay')?.attrs['from'], room, '§7.2.13: since when, of the room');
  assert.equal(stanzaIds(heard[2]!, room).length, 1);
});

test('§7.2: a room without a subject says so with an empty one', async () => {
  const { ann, room } = await annsRoom(server);
  ann.send(`<presence to='${room}/Ann'><x xmlns='${NS_MUC}'/></presence>`);
  const subject = await ann.take(subjectOf(room));
  assert.equal(subject.child('subject')?.text, '');
  assert.equal(isLate(subject), false);
});

test('§7.2.13: the newcomer says how much history: maxstanzas, maxchars, seconds, since, none', async () => {
  const { ann, room } = await annsRoom(server);
  for (let i = 0; i < 5; i++) ann.send(groupchat(room, `h${i}`));
  await ann.take(says('h4'));
  const shown = async (limits: string): Promise<string[]> => {
    const bob = await present(server, await newUser(server, 'bob'), 'b');
    bob.send(`<presence to='${room}/Bob'><x xmlns='${NS_MUC}'><history ${limits}/></x></presence>`);
    await bob.take(subjectOf(room));
    const texts = bob.inbox.filter((one) => one.name === 'message').map((one) => bodyOf(one) ?? '');
    await bob.leave();
    return texts;
  };
  assert.deepEqual(await shown(`maxstanzas='2'`), ['h3', 'h4']);
  assert.deepEqual(await shown(`maxstanzas='0'`), []);
  assert.deepEqual(await shown(`maxchars='0'`), []);
  assert.deepEqual(await shown(`seconds='3600'`), ['h0', 'h1', 'h2', 'h3', 'h4']);
  assert.deepEqual(await shown(`since='1970-01-01T00:00:00Z' maxstanzas='1'`), ['h4'], 'the smallest of all that is asked');
  assert.deepEqual(await shown(`since='2099-01-01T00:00:00Z'`), []);
  const some = await shown(`maxchars='900'`);
  assert.ok(some.length > 0 && some.length < 5 && some.at(-1) === 'h4', `whole stanzas only: ${some}`);
});

test('§7.2.2: without a nickname, and without the wish to come in', async () => {
  const { room } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  bob.send(`<presence to='${room}'><x xmlns='${NS_MUC}'/></presence>`);
  const refusal = await bob.take(presence({ type: 'error', from: room }));
  assert.equal(refusal.error, 'jid-malformed');
  assert.ok(refusal.child('x', NS_MUC), 'it shows what it answers');
  bob.send(`<presence to='${room}/Bob'/>`);
  const kick = await bob.take(presence({ type: 'unavailable', from: `${room}/Bob` }));
  assert.deepEqual(codes(kick), ['110', '307', '333'], '§7.2.16');
});

test('§7.2.4, §7.2.5: who is shown whose address', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const toAnn = await ann.take(occupant(room, 'Bob'));
  assert.equal(item(toAnn)['jid'], bob.jid, 'moderators see it');
  const eve = await guest(server, room, 'Eve');
  assert.equal(item(await bob.take(occupant(room, 'Eve')))['jid'], undefined);
  await configure(ann, room, config('whois', 'anyone'));
  assert.deepEqual(codes(await bob.take({ ...message({ from: room }), where: has('172') })), ['172'], '§10.2.1');
  const dan = await guest(server, room, 'Dan');
  assert.equal(item(await bob.take(occupant(room, 'Dan')))['jid'], dan.jid);
  const own = await join(dan, room, 'Dan');
  assert.ok(codes(own).includes('100'), 'warned at the door');
  await eve.leave();
});

test('§7.2.6 to §7.2.9: password, members only, banned, full', async () => {
  const { ann, room } = await annsRoom(server, config('roomsecret', 'cauldronburn') + config('passwordprotectedroom', '1'));
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  assert.equal(await refusedEntry(bob, room, 'Bob'), 'not-authorized');
  assert.equal(await refusedEntry(bob, room, 'Bob', '<password>wrong</password>'), 'not-authorized');
  await join(bob, room, 'Bob', '<password>cauldronburn</password>');
  await configure(ann, room, config('passwordprotectedroom', '0') + config('membersonly', '1'));
  const thrown = await bob.take(presence({ type: 'unavailable', from: `${room}/Bob` }));
  assert.ok(codes(thrown).includes('322'), '§10.2: not a member of what is for members now');
  assert.equal(await refusedEntry(bob, room, 'Bob'), 'registration-required');
  await admin(ann, room, `<item affiliation='member' jid='${bob.bare}'/>`);
  await bob.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('invite') !== undefined });
  await join(bob, room, 'Bob');
  await admin(ann, room, `<item affiliation='outcast' jid='${bob.bare}'><reason>Treason</reason></item>`);
  const banned = await bob.take(presence({ type: 'unavailable', from: `${room}/Bob` }));
  assert.ok(codes(banned).includes('301'));
  assert.equal(user(banned)?.child('item')?.child('reason')?.text, 'Treason');
  assert.equal(await refusedEntry(bob, room, 'Bob'), 'forbidden');
  await configure(ann, room, config('membersonly', '0') + config('maxusers', '1'));
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  assert.equal(await refusedEntry(eve, room, 'Eve'), 'service-unavailable');
});

test('§7.2.8: a nickname in use is refused, one that looks the same too (confusables); the own second device comes in under it', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  // Latin, capital, Cyrillic А, zero width and full width, spaces.
  for (const nick of ['Ann', 'ANN', 'Аnn', 'Ａｎｎ', ' Ann', 'A nn']) assert.equal(await refusedEntry(bob, room, nick), 'conflict', nick);
  assert.equal(await refusedEntry(bob, room, 'A\u{1F468}\u200D'), 'jid-malformed', 'what cannot be seen is no name');
  const second = await Person.signIn(server, ann.jid.split('@')[0]!, { resource: 'second' });
  await join(second, room, 'Ann');
  await bob.hearsNo(occupant(room, 'Ann'));
  await join(bob, room, 'Bob');
  bob.send(groupchat(room, 'both'));
  await ann.take(says('both'));
  await second.take(says('both'));
  second.send(`<presence type='unavailable' to='${room}/Ann'/>`);
  await second.take(presence({ type: 'unavailable' }));
  await bob.hearsNo(occupant(room, 'Ann', { type: 'unavailable' }));
});

test('§7.4: a message goes to everybody, from the occupant, with the same id, a stanza-id and an occupant-id; outsiders and visitors may not', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  bob.send(groupchat(room, 'hello'));
  for (const person of [ann, bob]) {
    const heard = await person.take(says('hello'));
    assert.deepEqual(
      [heard.attrs['from'], heard.attrs['to'], heard.attrs['id'], heard.attrs['type']],
      [`${room}/Bob`, person.jid, 'm-hello', 'groupchat'],
    );
    assert.equal(stanzaIds(heard, room).length, 1);
    assert.match(heard.child('occupant-id')?.attrs['id'] ?? '', /^[0-9a-f]{40}$/);
  }
  eve.send(groupchat(room, 'from outside'));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'not-acceptable');
  await configure(ann, room, config('moderatedroom', '1'));
  assert.equal(item(await bob.take({ ...self(room), where: (heard) => item(heard)['role'] === 'visitor' }))['role'], 'visitor');
  bob.send(groupchat(room, 'unheard'));
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'forbidden');
  await ann.hearsNo(says('unheard'));
  bob.send(`<message to='${room}'><body>x</body></message>`);
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'bad-request');
});

test('§7.5: a private message goes to one occupant, and is told apart by the room', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  await ann.forget();
  bob.send(`<message to='${room}/Ann' type='chat' id='p'><body>psst</body></message>`);
  const heard = await ann.take(says('psst'));
  assert.deepEqual([heard.attrs['from'], heard.attrs['to'], heard.attrs['type']], [`${room}/Bob`, ann.jid, 'chat']);
  assert.ok(user(heard));
  await eve.hearsNo(says('psst'));
  bob.send(`<message to='${room}/Ann' type='groupchat'><body>x</body></message>`);
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'bad-request');
  bob.send(`<message to='${room}/Nobody' type='chat'><body>x</body></message>`);
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'item-not-found');
  await configure(ann, room, config('allowpm', 'moderators'));
  bob.send(`<message to='${room}/Ann' type='chat'><body>not allowed</body></message>`);
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'forbidden', 'private messages disallowed');
  await ann.hearsNo(says('not allowed'));
});

test('§7.6, §7.7: another nickname (303), another status', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  await ann.forget();
  bob.send(`<presence to='${room}/Robert'/>`);
  const old = await ann.take(occupant(room, 'Bob', { type: 'unavailable' }));
  assert.deepEqual([codes(old), item(old)['nick']], [['303'], 'Robert']);
  await ann.take(occupant(room, 'Robert'));
  assert.deepEqual(codes(await bob.take(occupant(room, 'Bob', { type: 'unavailable' }))), ['110', '303']);
  assert.deepEqual(codes(await bob.take(occupant(room, 'Robert'))), ['110']);
  bob.send(`<presence to='${room}/Ann'/>`);
  assert.equal((await bob.take(presence({ type: 'error' }))).error, 'conflict');
  bob.send(`<presence to='${room}/Robert'><show>xa</show><status>gone</status></presence>`);
  const away = await ann.take(occupant(room, 'Robert'));
  assert.equal(away.child('show')?.text, 'xa');
});

test('§7.14: going, and being cut off', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  await ann.forget();
  bob.send(`<presence type='unavailable' to='${room}/Bob'><status>bye</status></presence>`);
  assert.deepEqual(codes(await bob.take(occupant(room, 'Bob', { type: 'unavailable' }))), ['110']);
  const left = await ann.take(occupant(room, 'Bob', { type: 'unavailable' }));
  assert.deepEqual([item(left)['role'], left.child('status')?.text], ['none', 'bye']);
  eve.cut();
  await ann.take(occupant(room, 'Eve', { type: 'unavailable' }));
  // A second presence that ends everything, in one go.
  const dan = await guest(server, room, 'Dan');
  await ann.forget();
  dan.send(`<presence type='unavailable'/>`);
  await ann.take(occupant(room, 'Dan', { type: 'unavailable' }));
});

test('§7.14: a temporary room ends with its last occupant; a persistent one stays, also over a kill (rooms survive kill -9)', async () => {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const [temporary, lasting] = [newRoom(), newRoom()];
  for (const room of [temporary, lasting]) {
    await join(ann, room, 'Ann');
    await configure(ann, room, config('persistentroom', room === lasting ? '1' : '0') + config('roomname', 'A Dark Cave'));
    ann.send(groupchat(room, 'kept'));
    await ann.take(says('kept'));
  }
  await ann.settled();
  await server.kill();
  await server.restart();
  const again = await present(server, ann.bare.split('@')[0]!, 'a');
  assert.deepEqual(codes(await join(again, temporary, 'Ann')), ['110', '201'], 'nobody was there any more');
  again.send(`<presence to='${lasting}/Ann'><x xmlns='${NS_MUC}'/></presence>`);
  const own = await again.take(self(lasting));
  assert.deepEqual([codes(own), item(own)['affiliation']], [['110'], 'owner']);
  await again.take(says('kept'));
  const info = await again.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, lasting);
  assert.equal(info.child('query')?.child('identity')?.attrs['name'], 'A Dark Cave');
});

test('§8.2 to §8.5: kick (307), voice, and who may not', async () => {
  const { ann, room } = await annsRoom(server, config('moderatedroom', '1'));
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  await ann.forget();
  assert.equal((await admin(bob, room, `<item nick='Eve' role='none'/>`)).error, 'forbidden');
  assert.equal(
    (await admin(ann, room, `<item nick='Bob' role='participant'><reason>A worthy witch</reason></item>`)).attrs['type'],
    'result',
  );
  const voiced = await eve.take(occupant(room, 'Bob'));
  assert.deepEqual([item(voiced)['role'], user(voiced)?.child('item')?.child('reason')?.text], ['participant', 'A worthy witch']);
  const voices = await list(ann, room, `role='participant'`);
  assert.deepEqual(
    voices
      .child('query')
      ?.all('item')
      .map(({ attrs }) => attrs['nick']),
    ['Bob'],
  );
  assert.equal((await list(bob, room, `role='participant'`)).error, 'forbidden');
  await admin(ann, room, `<item nick='Eve' role='none'><reason>Avaunt</reason></item>`);
  const kicked = await eve.take(occupant(room, 'Eve', { type: 'unavailable' }));
  assert.deepEqual(codes(kicked), ['110', '307']);
  assert.equal(user(kicked)?.child('item')?.child('actor')?.attrs['nick'], 'Ann');
  assert.deepEqual(codes(await bob.take(occupant(room, 'Eve', { type: 'unavailable' }))), ['307']);
  await join(eve, room, 'Eve');
  assert.equal((await admin(ann, room, `<item nick='Nobody' role='none'/>`)).error, 'item-not-found');
});

test('§7.13, §8.6: a visitor asks for voice, a moderator grants it', async () => {
  const { ann, room } = await annsRoom(server, config('moderatedroom', '1'));
  const bob = await guest(server, room, 'Bob');
  const form = (type: string, inside: string): string =>
    `<message to='${room}' id='v'><x xmlns='jabber:x:data' type='${type}'><field var='FORM_TYPE'><value>${NS_MUC}#request</value></field>${inside}</x></message>`;
  const value = (name: string, text: string): string => `<field var='${name}'><value>${text}</value></field>`;
  bob.send(form('submit', value('muc#role', 'participant')));
  const asked = await ann.take({ ...message({ from: room }), where: (heard) => heard.child('x', 'jabber:x:data') !== undefined });
  const fields = Object.fromEntries(
    asked
      .child('x')!
      .all('field')
      .map((one) => [one.attrs['var'], one.child('value')?.text]),
  );
  assert.deepEqual([fields['muc#jid'], fields['muc#roomnick'], fields['muc#role']], [bob.jid, 'Bob', 'participant']);
  // Nobody grants it to oneself.
  const grant =
    value('muc#role', 'participant') + value('muc#jid', bob.jid) + value('muc#roomnick', 'Bob') + value('muc#request_allow', 'true');
  bob.send(form('submit', grant));
  await bob.settled();
  bob.send(groupchat(room, 'no'));
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'forbidden');
  ann.send(form('submit', grant));
  await bob.take({ ...occupant(room, 'Bob'), where: (heard) => item(heard)['role'] === 'participant' });
  bob.send(groupchat(room, 'yes'));
  await ann.take(says('yes'));
});

test('§9, §10: the lists of people: bans, members, admins, owners, each with its rights', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const eve = await guest(server, room, 'Eve');
  await ann.forget();
  assert.equal((await admin(ann, room, `<item affiliation='admin' jid='${bob.bare}'/>`)).attrs['type'], 'result');
  const own = await bob.take({ ...occupant(room, 'Bob'), where: (heard) => item(heard)['affiliation'] === 'admin' });
  assert.equal(item(own)['role'], 'moderator', 'an admin is a moderator');
  // Affiliation escalation.
  for (const now of ['owner', 'admin'])
    assert.equal((await admin(bob, room, `<item affiliation='${now}' jid='${eve.bare}'/>`)).error, 'forbidden', `an admin makes no ${now}`);
  for (const now of ['owner', 'admin', 'member'])
    assert.equal((await admin(eve, room, `<item affiliation='${now}' jid='${eve.bare}'/>`)).error, 'forbidden');
  assert.equal((await admin(bob, room, `<item affiliation='none' jid='${ann.bare}'/>`)).error, 'conflict', 'the last owner stays');
  assert.equal((await admin(bob, room, `<item affiliation='outcast' jid='${bob.bare}'/>`)).error, 'conflict', '§9.1: not oneself');
  assert.equal((await admin(bob, room, `<item nick='Ann' role='none'/>`)).error, 'not-allowed', '§8.2');
  assert.equal((await admin(ann, room, `<item affiliation='none' jid='${ann.bare}'/>`)).error, 'conflict', '§10.4: the last owner stays');
  // All or nothing (§9.2).
  const both = `<item affiliation='outcast' jid='${eve.bare}'/><item affiliation='outcast' jid='${ann.bare}'/>`;
  assert.ok(['not-allowed', 'conflict'].includes((await admin(bob, room, both)).error ?? ''));
  assert.deepEqual((await list(bob, room, `affiliation='outcast'`)).child('query')?.all('item'), []);
  assert.equal((await admin(bob, room, `<item affiliation='member' jid='${eve.bare}' nick='Eve'/>`)).attrs['type'], 'result');
  assert.deepEqual(
    (await list(ann, room, `affiliation='member'`))
      .child('query')
      ?.all('item')
      .map(({ attrs }) => [attrs['jid'], attrs['nick'], attrs['role']]),
    [[eve.bare, 'Eve', 'participant']],
  );
  for (const which of ['owner', 'admin', 'member', 'outcast'])
    assert.equal((await list(eve, room, `affiliation='${which}'`)).error, 'forbidden', `${which}: addresses are hidden in this room`);
  await admin(ann, room, `<item affiliation='owner' jid='${bob.bare}'/>`);
  await bob.take({ ...occupant(room, 'Bob'), where: (heard) => item(heard)['affiliation'] === 'owner' });
  assert.equal(
    (await admin(ann, room, `<item affiliation='none' jid='${ann.bare}'/>`)).attrs['type'],
    'result',
    'with another owner one may go',
  );
});

test('§10.9: destroyed: everybody is told why and where to; the address is gone', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const destroy = `<query xmlns='${NS_OWNER}'><destroy jid='coven@${HOST}'><reason>Macbeth doth come.</reason></destroy></query>`;
  assert.equal((await bob.ask('set', destroy, room)).error, 'forbidden');
  assert.equal((await ann.ask('set', destroy, room)).attrs['type'], 'result');
  for (const person of [ann, bob]) {
    const told = await person.take({ ...presence({ type: 'unavailable' }), where: (heard) => user(heard)?.child('destroy') !== undefined });
    assert.equal(user(told)?.child('destroy')?.attrs['jid'], `coven@${HOST}`);
    assert.equal(user(told)?.child('destroy')?.child('reason')?.text, 'Macbeth doth come.');
  }
  bob.send(groupchat(room, 'anybody?'));
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'item-not-found');
  assert.equal(await refusedEntry(bob, room, 'Bob'), 'gone');
});
