// XEP-0045: invitations, registration, the subject, and requests between occupants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { newUser, present, says } from './messages.ts';
import { message } from './people.ts';
import { annsRoom, config, configure, groupchat, guest, HOST, has, join, NS_MUC, NS_USER, refusedEntry, subjectOf, user } from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

test('§7.8: a mediated invitation, and its refusal', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  ann.send(
    `<message to='${room}' id='i1'><x xmlns='${NS_USER}'><invite to='${bob.bare}'><reason>Come</reason><continue thread='t1'/></invite></x></message>`,
  );
  const invited = await bob.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('invite') !== undefined });
  const invite = user(invited)!.child('invite')!;
  assert.deepEqual(
    [invite.attrs['from'], invite.child('reason')?.text, invite.child('continue')?.attrs['thread']],
    [`${room}/Ann`, 'Come', 't1'],
  );
  assert.equal(invited.child('x', 'jabber:x:conference')?.attrs['jid'], room);
  bob.send(`<message to='${room}'><x xmlns='${NS_USER}'><decline to='${room}/Ann'><reason>Busy</reason></decline></x></message>`);
  const declined = await ann.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('decline') !== undefined });
  assert.equal(user(declined)?.child('decline')?.attrs['from'], bob.bare);
  // A stranger invites nobody.
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  eve.send(`<message to='${room}'><x xmlns='${NS_USER}'><invite to='${bob.bare}'/></x></message>`);
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'not-acceptable');
  await bob.hearsNo(message({ from: room }));
});

test('§7.8: an invitation to a members-only room makes a member, and waits for who is away', async () => {
  const { ann, room } = await annsRoom(server, config('membersonly', '1') + config('persistentroom', '1'));
  const bob = await newUser(server, 'bob');
  ann.send(`<message to='${room}'><x xmlns='${NS_USER}'><invite to='${bob}@localhost'/></x></message>`);
  await ann.settled();
  const phone = await present(server, bob, 'phone');
  await phone.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('invite') !== undefined });
  await join(phone, room, 'Bob');
  await configure(ann, room, config('allowinvites', '0'));
  phone.send(`<message to='${room}'><x xmlns='${NS_USER}'><invite to='eve@localhost'/></x></message>`);
  assert.equal((await phone.take(message({ type: 'error' }))).error, 'forbidden', '§9.5');
});

test('§7.10, §7.12: registering reserves a nickname, and can be given up', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  const form = await bob.ask('get', `<query xmlns='jabber:iq:register'/>`, room);
  assert.ok(
    form
      .child('query')
      ?.child('x')
      ?.all('field')
      .some((one) => one.attrs['var'] === 'muc#register_roomnick'),
  );
  const submit = (nick: string): string =>
    `<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${NS_MUC}#register</value></field><field var='muc#register_roomnick'><value>${nick}</value></field></x></query>`;
  assert.equal((await bob.ask('set', submit('Ann'), room)).error, 'conflict');
  assert.equal((await bob.ask('set', `<query xmlns='jabber:iq:register'/>`, room)).error, 'bad-request');
  assert.equal((await bob.ask('set', submit('thirdwitch'), room)).attrs['type'], 'result');
  const again = await bob.ask('get', `<query xmlns='jabber:iq:register'/>`, room);
  assert.deepEqual(
    [again.child('query')?.child('registered') !== undefined, again.child('query')?.child('username')?.text],
    [true, 'thirdwitch'],
  );
  const nick = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`, room);
  assert.equal(nick.child('query')?.child('identity')?.attrs['name'], 'thirdwitch');
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  assert.equal(await refusedEntry(eve, room, 'thirdwitch'), 'conflict', 'also while Bob is not there');
  assert.equal((await bob.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`, room)).attrs['type'], 'result');
  await join(eve, room, 'thirdwitch');
  await ann.leave();
});

test('§8.1: the subject is for moderators, or for everybody when the room says so', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  bob.send(`<message to='${room}' type='groupchat'><subject>Mine</subject></message>`);
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'forbidden');
  await configure(ann, room, config('changesubject', '1'));
  await bob.take({ ...message({ from: room }), where: has('104') });
  bob.send(`<message to='${room}' type='groupchat'><subject>Ours</subject></message>`);
  assert.equal((await ann.take(subjectOf(room))).attrs['from'], `${room}/Bob`);
  // With a body it is a message.
  bob.send(`<message to='${room}' type='groupchat'><subject>x</subject><body>talk</body></message>`);
  await ann.take(says('talk'));
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  eve.send(`<presence to='${room}/Eve'><x xmlns='${NS_MUC}'/></presence>`);
  assert.equal((await eve.take(subjectOf(room))).child('subject')?.text, 'Ours');
});

test('XEP-0410: a self-ping tells whether this device is in the room', async () => {
  const { ann, room } = await annsRoom(server);
  const ping = `<ping xmlns='urn:xmpp:ping'/>`;
  assert.equal((await ann.ask('get', ping, `${room}/Ann`)).attrs['type'], 'result');
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  assert.equal((await bob.ask('get', ping, `${room}/Bob`)).error, 'not-acceptable');
  assert.equal((await bob.ask('get', ping, `nowhere@${HOST}/Bob`)).error, 'not-acceptable');
});

test('§17.4: a request to another occupant is passed on and answered under the nicknames', async () => {
  const { ann, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  bob.send(`<iq type='get' id='q1' to='${room}/Ann'><query xmlns='jabber:iq:version'/></iq>`);
  const asked = await ann.take({ name: 'iq', attrs: { type: 'get', from: `${room}/Bob` } });
  assert.notEqual(asked.attrs['id'], 'q1');
  ann.send(`<iq type='result' id='${asked.attrs['id']}' to='${room}/Bob'><query xmlns='jabber:iq:version'><name>A</name></query></iq>`);
  const answer = await bob.take({ name: 'iq', attrs: { id: 'q1', type: 'result' } });
  assert.equal(answer.attrs['from'], `${room}/Ann`);
  // Nobody else answers in somebody's name.
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  bob.send(`<iq type='get' id='q2' to='${room}/Ann'><query xmlns='jabber:iq:version'/></iq>`);
  const second = await ann.take({ name: 'iq', attrs: { type: 'get', from: `${room}/Bob` } });
  eve.send(`<iq type='result' id='${second.attrs['id']}' to='${room}/Bob'/>`);
  await eve.settled();
  await bob.hearsNo({ name: 'iq', attrs: { id: 'q2' } });
});

test('XEP-0191: whom somebody in the room has blocked reaches them neither by a request, nor in what they missed', async () => {
  const { ann, room } = await annsRoom(server);
  const eve = await guest(server, room, 'Eve');
  const bobName = await newUser(server, 'bob');
  const bob = await present(server, bobName, 'b');
  await join(bob, room, 'Bob');
  await bob.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${room}/Eve'/></block>`);
  assert.equal((await eve.ask('get', `<query xmlns='jabber:iq:version'/>`, `${room}/Bob`)).error, 'service-unavailable');
  bob.send(`<presence type='unavailable' to='${room}/Bob'/>`);
  await bob.settled();
  eve.send(groupchat(room, 'insult'));
  await ann.take({ name: 'message', attrs: { type: 'groupchat', from: `${room}/Eve` } });
  ann.send(groupchat(room, 'welcome'));
  await ann.take({ name: 'message', attrs: { type: 'groupchat', from: `${room}/Ann` } });
  await bob.forget();
  await join(bob, room, 'Bob');
  await bob.settled();
  const said = bob.inbox.filter((heard) => heard.child('body') !== undefined).map((heard) => heard.child('body')?.text);
  assert.deepEqual(said, ['welcome']);
});
