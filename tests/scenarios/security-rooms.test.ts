// Bad input to rooms, by class of attack (§1C of the threat list): the answer is the specified error, nothing is stored, nothing leaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { archive, bodyOf, newUser, present, quietly, says } from './messages.ts';
import { message, type Person, presence } from './people.ts';
import {
  admin,
  annsRoom,
  bodies,
  codes,
  config,
  configure,
  device,
  field,
  groupchat,
  guest,
  item,
  join,
  list,
  makeGroup,
  NS_FORM,
  NS_GROUPS,
  NS_MAM,
  NS_MUC,
  NS_OWNER,
  newRoom,
  notice,
  occupant,
  refusedEntry,
  roomArchive,
} from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'features.muc.roomsPerAccount': 6 } });
test.after(() => server.stop());

const COMMANDS = 'http://jabber.org/protocol/commands';
const items = async (person: Person, room: string, what: string): Promise<(string | undefined)[]> =>
  ((await list(person, room, what)).child('query')?.all('item') ?? []).map(({ attrs }) => attrs['jid']);

test('R1 forged from: who speaks in the name of another occupant, of the room or of the server is cut off, and nobody hears it', async () => {
  const { ann, room } = await annsRoom(server);
  const forged = [
    (from: string) => `<message from='${from}' to='${room}' type='groupchat'><body>forged</body></message>`,
    (from: string) => `<presence from='${from}' to='${room}/Bob'><status>forged</status></presence>`,
  ];
  for (const from of [`${room}/Ann`, room, ann.jid, 'localhost'])
    for (const stanza of forged) {
      const bob = await guest(server, room, 'Bob');
      bob.send(stanza(from));
      assert.ok((await bob.take({ name: 'error' })).child('invalid-from') !== undefined, from);
      await bob.gone();
      await ann.take(occupant(room, 'Bob', { type: 'unavailable' }));
    }
  await ann.hearsNo(message({ type: 'groupchat' }));
  assert.ok(!ann.inbox.some((one) => one.child('status')?.text === 'forged'));
  assert.deepEqual((await roomArchive(ann, room)).messages, []);
});

test('R2, R3, R4 forged pushes, carbons and archives: an occupant speaks as itself, with whatever it wraps', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const inner = `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='eve@localhost/x' to='${ann.bare}'><body>inner</body></message></forwarded>`;
  const forged = [
    `<received xmlns='urn:xmpp:carbons:2'>${inner}</received>`,
    `<result xmlns='${NS_MAM}' id='1' queryid='q'>${inner}</result>`,
    `<group xmlns='${NS_GROUPS}' jid='${room}' affiliation='owner'/>`,
    `<seen xmlns='${NS_GROUPS}' delivered='1' read='1'/>`,
    "<conversations xmlns='urn:parley:conversations:0'/>",
  ];
  for (const [i, content] of forged.entries()) {
    bob.send(`<message to='${room}' type='groupchat' id='f${i}'><body>f${i}</body>${content}</message>`);
    const heard = await ann.take(says(`f${i}`));
    assert.equal(heard.attrs['from'], `${room}/Bob`);
    assert.ok(
      heard.children.every(({ ns }) => ns !== NS_GROUPS),
      'what only the group says is left out',
    );
    bob.send(`<message to='${room}/Ann' type='chat' id='p${i}'><body>p${i}</body>${content}</message>`);
    assert.equal((await ann.take(says(`p${i}`))).attrs['from'], `${room}/Bob`);
  }
  // A request to another occupant is answered by that one or by nobody; a roster push is not.
  const push = await bob.ask(
    'set',
    "<query xmlns='jabber:iq:roster'><item jid='eve@localhost' subscription='both'/></query>",
    `${room}/Ann`,
  );
  assert.notEqual(push.attrs['type'], 'result');
  assert.deepEqual(await ann.roster(), []);
});

test('R9 affiliation escalation: by no door', async () => {
  const { ann, room } = await annsRoom(server, config('allowinvites', '0'));
  const [bob, eve] = [await guest(server, room, 'Bob'), await guest(server, room, 'Eve')];
  await admin(ann, room, `<item affiliation='admin' jid='${bob.bare}'/>`);
  await bob.take({ ...occupant(room, 'Bob'), where: (heard) => item(heard)['affiliation'] === 'admin' });
  const owners = config('roomowners', bob.bare, eve.bare);
  for (const person of [bob, eve]) {
    assert.equal((await configure(person, room, owners)).error, 'forbidden', 'the form is for owners');
    assert.equal((await configure(person, room, field(`{${NS_GROUPS}}members`, eve.bare))).error, 'forbidden');
    assert.equal((await person.ask('get', `<query xmlns='${NS_OWNER}'/>`, room)).error, 'forbidden');
    assert.equal((await person.ask('set', `<query xmlns='${NS_OWNER}'><destroy/></query>`, room)).error, 'forbidden');
    assert.equal((await person.ask('set', "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>", room)).error, 'forbidden');
  }
  assert.equal((await admin(eve, room, "<item nick='Eve' role='moderator'/>")).error, 'forbidden');
  assert.equal((await admin(eve, room, "<item nick='Ann' role='visitor'/>")).error, 'forbidden');
  assert.equal((await admin(bob, room, "<item nick='Ann' role='participant'/>")).error, 'not-allowed');
  assert.equal((await admin(bob, room, `<item affiliation='owner' jid='${bob.bare}/x'/>`)).error, 'forbidden', 'nor with a resource');
  assert.equal((await admin(bob, room, "<item affiliation='owner' nick='Bob'/>")).error, 'forbidden', 'nor by nickname');
  // Registering makes a member, whatever the form says besides.
  const form = `<x xmlns='${NS_FORM}' type='submit'>${field('FORM_TYPE', `${NS_MUC}#register`)}${field('muc#register_roomnick', 'Eve')}${field('muc#roomconfig_roomowners', eve.bare)}</x>`;
  assert.equal((await eve.ask('set', `<query xmlns='jabber:iq:register'>${form}</query>`, room)).attrs['type'], 'result');
  assert.equal((await eve.ask('set', `<command xmlns='${COMMANDS}' node='urn:xmpp:hats:commands:assign'/>`, room)).attrs['type'], 'error');
  // What an occupant claims of itself is left out.
  eve.send(
    `<presence to='${room}/Eve'><x xmlns='${NS_MUC}#user'><item affiliation='owner' role='moderator'/><status code='110'/></x></presence>`,
  );
  eve.send(groupchat(room, 'me', `<x xmlns='${NS_MUC}#user'><item affiliation='owner' role='moderator'/></x>`));
  const heard = await ann.take(says('me'));
  assert.notEqual(item(heard)['affiliation'], 'owner');
  assert.deepEqual(await items(ann, room, "affiliation='owner'"), [ann.bare]);
  assert.deepEqual(await items(ann, room, "affiliation='admin'"), [bob.bare]);
  assert.deepEqual(await items(ann, room, "affiliation='member'"), [eve.bare]);
});

test('oversize forms, lists, cards, subjects and names are refused, and nothing of them is kept', async () => {
  const { ann, room } = await annsRoom(server, config('roomname', 'Small'));
  const people = Array.from({ length: 501 }, (_, i) => `u${i}@localhost`);
  assert.equal((await configure(ann, room, config('roomname', 'Big') + config('roomdesc', 'x'.repeat(5000)))).error, 'not-acceptable');
  assert.equal((await configure(ann, room, config('roomname', 'Big') + config('roomadmins', ...people))).error, 'not-acceptable');
  const fields = Array.from({ length: 2000 }, (_, i) => field(`f${i}`, 'x')).join('');
  const many = await configure(ann, room, config('roomname', 'Small') + fields);
  assert.ok(['result', 'error'].includes(many.attrs['type'] ?? ''), 'it is answered, whatever is in it');
  assert.equal(
    (await ann.ask('set', `<vCard xmlns='vcard-temp'><NOTE>${'x'.repeat(100_000)}</NOTE></vCard>`, room)).error,
    'policy-violation',
  );
  assert.equal((await ann.ask('set', "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>%%%</BINVAL></PHOTO></vCard>", room)).error, 'bad-request');
  ann.send(`<message to='${room}' type='groupchat' id='s'><subject>${'x'.repeat(5000)}</subject></message>`);
  assert.equal((await ann.take(message({ id: 's' }))).error, 'policy-violation');
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  assert.equal(await refusedEntry(eve, room, 'x'.repeat(65)), 'jid-malformed');
  const info = (await eve.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", room)).child('query');
  assert.equal(info?.child('identity')?.attrs['name'], 'Small');
  assert.deepEqual(await items(ann, room, "affiliation='admin'"), []);
  assert.deepEqual((await eve.ask('get', "<vCard xmlns='vcard-temp'/>", room)).child('vCard')?.children, []);
  assert.ok(!(await roomArchive(ann, room)).messages.some((one) => one.child('subject') !== undefined));
});

test('nickname confusables: nobody comes in, is renamed, registers or is registered under a name that looks like another', async () => {
  const { ann, room } = await annsRoom(server);
  const eve = await guest(server, room, 'Eve');
  const lookalikes = ['Аnn', 'ann', 'A\u00adnn', 'Ａｎｎ'];
  for (const nick of lookalikes.filter((one) => one !== 'A\u00adnn')) {
    eve.send(`<presence to='${room}/${nick}'/>`);
    assert.equal((await eve.take(presence({ type: 'error' }))).error, 'conflict', nick);
    const form = `<x xmlns='${NS_FORM}' type='submit'>${field('FORM_TYPE', `${NS_MUC}#register`)}${field('muc#register_roomnick', nick)}</x>`;
    assert.equal((await eve.ask('set', `<query xmlns='jabber:iq:register'>${form}</query>`, room)).error, 'conflict', nick);
    assert.equal((await admin(ann, room, `<item affiliation='member' jid='${eve.bare}' nick='${nick}'/>`)).error, 'conflict', nick);
  }
  const dan = await present(server, await newUser(server, 'dan'), 'd');
  for (const nick of lookalikes) assert.ok(['conflict', 'jid-malformed'].includes((await refusedEntry(dan, room, nick)) ?? ''), nick);
  // Reserved, though nobody of that name is there.
  await admin(ann, room, `<item affiliation='member' jid='${eve.bare}' nick='Eve'/>`);
  await eve.leave();
  await ann.take(occupant(room, 'Eve', { type: 'unavailable' }));
  assert.equal(await refusedEntry(dan, room, 'ЕVE'), 'conflict');
});

test('R13 foreign archives and lists: to outsiders a hidden group is a missing one, in every answer', async () => {
  const ann = (await device(server, await newUser(server, 'ann'), 'a')).person;
  const bobName = await newUser(server, 'bob');
  const room = await makeGroup(ann, [`${bobName}@localhost`]);
  ann.send(groupchat(room, 'secret'));
  const id = (await ann.take(says('secret'))).child('stanza-id')?.attrs['id'] ?? '';
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  const missing = newRoom();
  const asked: readonly (readonly ['get' | 'set', string])[] = [
    ['set', `<query xmlns='${NS_MAM}'/>`],
    ['get', `<query xmlns='${NS_MAM}'/>`],
    ['get', `<metadata xmlns='${NS_MAM}'/>`],
    ['get', `<delivery xmlns='${NS_GROUPS}' id='${id}'/>`],
    ['get', `<query xmlns='${NS_OWNER}'/>`],
    ['get', `<query xmlns='${NS_MUC}#admin'><item affiliation='member'/></query>`],
    ['set', `<query xmlns='${NS_MUC}#admin'><item affiliation='member' jid='${eve.bare}'/></query>`],
    ['get', "<query xmlns='jabber:iq:register'/>"],
    ['get', "<vCard xmlns='vcard-temp'/>"],
    ['get', "<query xmlns='http://jabber.org/protocol/disco#info'/>"],
    ['get', "<query xmlns='http://jabber.org/protocol/disco#items'/>"],
    ['set', `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`],
  ];
  for (const [type, payload] of asked) {
    const [there, not] = [await eve.ask(type, payload, room), await eve.ask(type, payload, missing)];
    const told = (answer: typeof there): string =>
      String(answer.child('error') ?? answer)
        .replaceAll(room, '?')
        .replaceAll(missing, '?');
    assert.deepEqual([there.attrs['type'], there.error], ['error', 'item-not-found'], payload);
    assert.equal(told(there), told(not), payload);
  }
  for (const to of [room, missing]) {
    eve.send(`<message to='${to}' type='groupchat' id='m'><body>let me in</body></message>`);
    assert.equal((await eve.take(message({ id: 'm' }))).error, 'item-not-found');
  }
  // Nobody takes the groups of another account, nor has them in the own list by asking.
  assert.equal((await eve.ask('get', `<groups xmlns='${NS_GROUPS}'/>`, ann.bare)).error, 'service-unavailable');
  assert.equal((await eve.ask('set', `<enable xmlns='${NS_GROUPS}'/>`, ann.bare)).error, 'service-unavailable');
  const own = await eve.ask('set', `<enable xmlns='${NS_GROUPS}' after='${id}'/>`);
  assert.equal(own.attrs['type'], 'result');
  ann.send(groupchat(room, 'still secret'));
  await ann.take(says('still secret'));
  await eve.hearsNo(message({ type: 'groupchat' }));
  assert.deepEqual(bodies(await roomArchive(ann, room)), ['secret', 'still secret'], 'nothing of hers was kept');
  assert.deepEqual((await archive(eve)).map(bodyOf), []);
});

test('room flood: one account makes so many rooms and no more; joining and leaving at a rate is refused', async () => {
  const eve = await quietly(server, await newUser(server, 'eve'), 'e');
  const made: string[] = [];
  let refusal: string | undefined;
  for (let i = 0; i < 10 && refusal === undefined; i++) {
    const room = newRoom();
    const answer = await configure(eve, room, config('roomname', `r${i}`));
    if (answer.attrs['type'] === 'result') made.push(room);
    else refusal = answer.error;
  }
  assert.deepEqual([made.length, refusal], [6, 'resource-constraint']);
  assert.equal(await refusedEntry(eve, newRoom(), 'Eve'), 'resource-constraint', 'nor by coming in');
  await join(eve, made[0]!, 'Eve');
  for (let i = 0; i < 300; i++) eve.send(`<presence to='${made[0]}/Eve'><status>${i}</status></presence>`);
  assert.equal((await eve.take(presence({ type: 'error' }))).error, 'policy-violation');
  // The rest of the server goes on.
  const { ann, room } = await annsRoom(server);
  ann.send(groupchat(room, 'unhurt'));
  await ann.take(says('unhurt'));
});

test('bad input: what is no presence, message or request of a room is answered with its error', async () => {
  const { ann, room } = await annsRoom(server);
  const group = await makeGroup(ann);
  await ann.forget();
  for (const [payload, error] of [
    [`<query xmlns='${NS_MUC}#admin'/>`, 'bad-request'],
    [`<query xmlns='${NS_MUC}#admin'><item/></query>`, 'bad-request'],
    [`<query xmlns='${NS_MUC}#admin'><item affiliation='king' jid='a@localhost'/></query>`, 'bad-request'],
    [`<query xmlns='${NS_MUC}#admin'><item affiliation='member' jid='@@'/></query>`, 'jid-malformed'],
    [`<query xmlns='${NS_MUC}#admin'><item role='visitor' nick='Nobody'/></query>`, 'item-not-found'],
    [`<query xmlns='${NS_OWNER}'><x xmlns='${NS_FORM}' type='result'/></query>`, 'bad-request'],
    [`<query xmlns='${NS_OWNER}'/>`, 'bad-request'],
    ["<moderate xmlns='urn:xmpp:message-moderate:1' id='zzz'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>", 'item-not-found'],
    ["<query xmlns='urn:example:none'/>", 'service-unavailable'],
  ] as const)
    assert.equal((await ann.ask('set', payload, room)).error, error, payload);
  assert.equal((await ann.ask('get', `<delivery xmlns='${NS_GROUPS}' id='zzz'/>`, group)).error, 'item-not-found');
  assert.equal((await ann.ask('set', `<enable xmlns='${NS_GROUPS}' after='zzz'/>`)).error, 'bad-request');
  for (const type of ['normal', 'headline']) {
    ann.send(`<message to='${room}' type='${type}' id='t'><body>x</body></message>`);
    assert.equal((await ann.take(message({ id: 't' }))).error, 'bad-request', type);
  }
  ann.send(`<message to='${room}/Ann' type='groupchat' id='g'><body>x</body></message>`);
  assert.equal((await ann.take(message({ id: 'g' }))).error, 'bad-request');
  ann.send(`<presence to='${room}'><x xmlns='${NS_MUC}'/></presence>`);
  assert.equal((await ann.take(presence({ type: 'error' }))).error, 'jid-malformed');
  assert.deepEqual(bodies(await roomArchive(ann, room)), []);
  assert.deepEqual(codes(await join(ann, room, 'Ann')), ['110']);
  await ann.hearsNo(notice(room));
});
