// Who is seen by whom (RFC 6121 §4), and who can reach a device (§8.5.3.1).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { befriend, message, Person, presence, push } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
/** Two friends who are both signed in. */
async function friends(): Promise<{ ann: Person; bob: Person; annName: string; bobName: string }> {
  const annName = await name('ann');
  const bobName = await name('bob');
  const ann = await Person.signIn(server, annName, { resource: 'phone' });
  const bob = await Person.signIn(server, bobName, { resource: 'phone' });
  await befriend(ann, bob);
  return { ann, bob, annName, bobName };
}
const available = (from: string) => presence({ type: undefined, from });

test('Bob comes, changes, goes: Ann sees each step; when she comes later she is shown what is (§4.2 to §4.5)', async () => {
  const { ann, bob, annName, bobName } = await friends();
  await bob.leave();
  assert.equal((await ann.take(presence({ type: 'unavailable', from: bob.jid }))).attrs['to'], ann.bare);

  const back = await Person.signIn(server, bobName, {
    resource: 'phone',
    presence: `<presence id='p1'><show>dnd</show><status>busy</status><priority>5</priority></presence>`,
  });
  const seen = await ann.take(available(back.jid));
  assert.equal(seen.attrs['to'], ann.bare);
  assert.equal(seen.attrs['id'], 'p1');
  assert.deepEqual([seen.child('show')?.text, seen.child('status')?.text, seen.child('priority')?.text], ['dnd', 'busy', '5']);
  await back.take(available(ann.jid));

  const laptop = await Person.signIn(server, annName, { resource: 'laptop' });
  assert.equal((await laptop.take(available(back.jid))).child('show')?.text, 'dnd', 'the last presence, whole');
  await laptop.take(available(ann.jid));
  await ann.take(available(laptop.jid));

  back.send(`<presence type='unavailable'><status>gone fishing</status></presence>`);
  for (const device of [ann, laptop])
    assert.equal((await device.take(presence({ type: 'unavailable', from: back.jid }))).child('status')?.text, 'gone fishing');
});

test('a connection that is cut is an unavailable presence all the same', async () => {
  const { ann, bob } = await friends();
  bob.cut();
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
});

test('presence is echoed to the device itself and shown to the other devices of the account', async () => {
  const user = await name('ann');
  const phone = await Person.signIn(server, user, { resource: 'phone' });
  const laptop = await Person.signIn(server, user, { resource: 'laptop' });
  await phone.take(available(laptop.jid));
  await laptop.take(available(phone.jid));
  phone.send(`<presence><show>away</show></presence>`);
  assert.equal((await phone.take(available(phone.jid))).child('show')?.text, 'away');
  assert.equal((await laptop.take(available(phone.jid))).child('show')?.text, 'away');
});

test('only those see Bob who may: a one-way subscription is one-way', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bobName = await name('bob');
  const bob = await Person.signIn(server, bobName);
  const eve = await Person.signIn(server, await name('eve'));
  ann.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe' }));
  bob.send(`<presence type='subscribed' to='${ann.bare}'/>`);
  await ann.take(available(bob.jid));
  await eve.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${bob.bare}'/></query>`);
  eve.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe', from: eve.bare }));
  await bob.leave();
  const back = await Person.signIn(server, bobName);
  await ann.take(available(back.jid));
  await back.hearsNo(presence({ type: undefined, from: ann.jid }));
  await eve.hearsNo(presence({ from: back.jid }));
});

test('a message to Bob reaches the devices that want it: priority decides, negative means never (§4.7.2.3)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bobName = await name('bob');
  const phone = await Person.signIn(server, bobName, { resource: 'phone', presence: '<presence><priority>-1</priority></presence>' });
  const laptop = await Person.signIn(server, bobName, { resource: 'laptop', presence: '<presence><priority>1</priority></presence>' });
  ann.send(`<message type='chat' id='m1' to='${laptop.bare}'><body>hello</body></message>`);
  await laptop.take(message({ id: 'm1' }));
  await phone.hearsNo(message());
});

test('a priority that is no number from -128 to 127 is refused', async () => {
  const ann = await Person.signIn(server, await name('ann'), { presence: false });
  for (const priority of ['128', '-129', 'high', '1.5', '0x1']) {
    ann.send(`<presence id='p${priority}'><priority>${priority}</priority></presence>`);
    assert.equal((await ann.take(presence({ type: 'error', id: `p${priority}` }))).error, 'bad-request', priority);
  }
  ann.send(`<presence><priority>-128</priority></presence>`);
  await ann.take(available(ann.jid));
});

test('presence of a type that is not one is refused', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ann.send(`<presence id='t' type='invisible'/>`);
  assert.equal((await ann.take(presence({ type: 'error', id: 't' }))).error, 'bad-request');
});

test('Ann shows herself to Cat, a stranger, for a while (directed presence, §4.6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const cat = await Person.signIn(server, await name('cat'));
  ann.send(`<presence to='${cat.bare}'><show>chat</show></presence>`);
  assert.equal((await cat.take(available(ann.jid))).child('show')?.text, 'chat');
  ann.send(`<presence><show>away</show></presence>`);
  await ann.settled();
  await cat.hearsNo(presence());
  ann.cut();
  await cat.take(presence({ type: 'unavailable', from: ann.jid }));
});

test('directed presence that was taken back is over: Cat hears nothing more', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const cat = await Person.signIn(server, await name('cat'));
  ann.send(`<presence to='${cat.jid}'/><presence type='unavailable' to='${cat.jid}'/>`);
  await cat.take(available(ann.jid));
  await cat.take(presence({ type: 'unavailable', from: ann.jid }));
  await ann.leave();
  await cat.hearsNo(presence());
});

test('somebody who never said "available" may still show himself to one, who hears of the end', async () => {
  const ann = await Person.signIn(server, await name('ann'), { presence: false });
  const cat = await Person.signIn(server, await name('cat'));
  ann.send(`<presence to='${cat.jid}'/>`);
  await cat.take(available(ann.jid));
  ann.cut();
  await cat.take(presence({ type: 'unavailable', from: ann.jid }));
});

test('a probe shows a friend what is; of somebody away it says so (§4.3.2)', async () => {
  const { ann, bob } = await friends();
  ann.send(`<presence id='q1' type='probe' to='${bob.bare}'/>`);
  await ann.take(available(bob.jid));
  await bob.leave();
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
  ann.send(`<presence id='q2' type='probe' to='${bob.bare}'/>`);
  const answer = await ann.take(presence({ id: 'q2' }));
  assert.deepEqual([answer.attrs['type'], answer.attrs['from']], ['unavailable', bob.bare]);
});

test('R12: a probe by a stranger tells no more than one of somebody who does not exist', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  for (const to of [bob.bare, bob.jid, 'nobody-here@localhost', 'nobody-here@localhost/phone']) {
    eve.send(`<presence id='spy' type='probe' to='${to}'/>`);
    const answer = await eve.take(presence({ id: 'spy' }));
    assert.deepEqual([answer.attrs['type'], answer.attrs['from'], answer.children.length], ['unsubscribed', to.split('/')[0], 0], to);
  }
  await bob.hearsNo(presence({ from: eve.bare }));
});

test('R12: an iq to the device of a stranger is answered as if the device were not there', async () => {
  const bob = await Person.signIn(server, await name('bob'), { resource: 'phone' });
  const eve = await Person.signIn(server, await name('eve'));
  for (const payload of [
    `<ping xmlns='urn:xmpp:ping'/>`,
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    `<query xmlns='jabber:iq:version'/>`,
    `<query xmlns='jabber:iq:last'/>`,
  ]) {
    const there = await eve.ask('get', payload, bob.jid);
    const absent = await eve.ask('get', payload, `${bob.bare}/tablet`);
    const nobody = await eve.ask('get', payload, 'nobody-here@localhost/phone');
    // XEP-0012 §5 has an error of its own.
    assert.equal(there.error, payload.includes('jabber:iq:last') ? 'forbidden' : 'service-unavailable', payload);
    assert.equal(String(there.child('error')), String(absent.child('error')));
    assert.equal(String(there.child('error')), String(nobody.child('error')));
  }
  await bob.hearsNo({ name: 'iq' });
});

test('an iq reaches the device of a friend, and of somebody who showed himself; the answer comes back', async () => {
  const { ann, bob } = await friends();
  const cat = await Person.signIn(server, await name('cat'));
  bob.send(`<presence to='${cat.jid}'/>`);
  await cat.take(available(bob.jid));
  for (const [asker, id] of [
    [ann, 'friend'],
    [cat, 'shown'],
  ] as const) {
    asker.send(`<iq type='get' id='${id}' to='${bob.jid}'><query xmlns='jabber:iq:version'/></iq>`);
    const request = await bob.take({ name: 'iq', attrs: { id } });
    assert.equal(request.attrs['from'], asker.jid);
    bob.send(`<iq type='result' id='${id}' to='${asker.jid}'><query xmlns='jabber:iq:version'><name>Phone</name></query></iq>`);
    const answer = await asker.take({ name: 'iq', attrs: { id, type: 'result' } });
    assert.equal(answer.attrs['from'], bob.jid);
  }
  bob.send(`<presence type='unavailable' to='${cat.jid}'/>`);
  await bob.settled();
  assert.equal((await cat.ask('get', `<query xmlns='jabber:iq:version'/>`, bob.jid)).error, 'service-unavailable');
});

test('a device that was away while much happened is told, when it resumes, how things are now, not how they came about', async () => {
  const { ann, bob, annName } = await friends();
  const cat = await Person.signIn(server, await name('cat'));
  await befriend(ann, cat);
  const id = await ann.makeResumable();
  ann.cut();
  for (let i = 0; i < 400; i++) bob.send(`<presence><show>${i % 2 === 0 ? 'away' : 'dnd'}</show><status>${i}</status></presence>`);
  await bob.settled();
  const laptop = await Person.signIn(server, annName, { resource: 'laptop' });
  await laptop.ask('set', `<query xmlns='jabber:iq:roster'><item jid='new@localhost'/></query>`);
  await cat.leave();
  await laptop.settled();

  const back = await Person.authenticate(server, annName);
  back.jid = ann.jid;
  back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
  await back.take({ name: 'resumed' });
  await back.take(push('new@localhost'));
  await back.settled();
  const lastOf = (bare: string) => back.inbox.filter((one) => one.name === 'presence' && one.attrs['from']?.startsWith(bare)).at(-1);
  const told = back.inbox.filter((one) => one.name === 'presence').length;
  assert.ok(told < 260, `${told} presences: what was outdated should not have piled up`);
  assert.equal(lastOf(bob.bare)?.child('status')?.text, '399');
  assert.equal(lastOf(cat.bare)?.attrs['type'], 'unavailable');
  assert.equal(lastOf(laptop.jid)?.attrs['type'], undefined);
});
