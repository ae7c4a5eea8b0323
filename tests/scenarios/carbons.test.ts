// XEP-0280: every device of an account sees both sides of a conversation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, chat, isLate, newUser, present, quietly, resume, says, stanzaIds } from './messages.ts';
import { type Heard, type Person, presence, type Wanted } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const NS = 'urn:xmpp:carbons:2';
type Direction = 'sent' | 'received';
const inner = (heard: Heard, direction: Direction): Heard | undefined =>
  heard.child(direction, NS)?.child('forwarded', 'urn:xmpp:forward:0')?.child('message', 'jabber:client');
const copy = (direction: Direction, text?: string): Wanted => ({
  name: 'message',
  where: (heard) => {
    const message = inner(heard, direction);
    return message !== undefined && (text === undefined || bodyOf(message) === text);
  },
});
async function enable(person: Person): Promise<void> {
  assert.equal((await person.ask('set', `<enable xmlns='${NS}'/>`)).attrs['type'], 'result');
}
/** Bob has a phone and a laptop, both with carbons, and a tablet without; Ann writes. */
async function bobsDevices(): Promise<Record<'ann' | 'phone' | 'laptop' | 'tablet', Person>> {
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const phone = await present(server, bob, 'phone');
  const laptop = await present(server, bob, 'laptop');
  const tablet = await present(server, bob, 'tablet');
  await enable(phone);
  await enable(laptop);
  for (const one of [phone, laptop, tablet]) await one.forget();
  return { ann, phone, laptop, tablet };
}

test('§3: the server says that it knows carbons', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost');
  assert.ok(info.child('query')?.children.some((child) => child.attrs['var'] === NS));
});

test('§7: what is addressed to the phone is copied to the laptop as received, not to the tablet that did not ask, nor back to the phone', async () => {
  const { ann, phone, laptop, tablet } = await bobsDevices();
  ann.send(chat(phone.jid, 'hello'));
  const original = await phone.take(says('hello'));
  const carbon = await laptop.take(copy('received', 'hello'));
  assert.equal(carbon.attrs['from'], phone.bare, '§11: from the own bare JID');
  assert.equal(carbon.attrs['to'], laptop.jid);
  assert.equal(carbon.attrs['type'], 'chat', '§7: the same type');
  const message = inner(carbon, 'received');
  assert.deepEqual([message?.attrs['from'], message?.attrs['to'], message?.attrs['id']], [ann.jid, phone.jid, 'm-hello']);
  assert.deepEqual(stanzaIds(message as Heard, phone.bare), stanzaIds(original, phone.bare), 'one id for one message');
  await tablet.hearsNo({ name: 'message' });
  await phone.hearsNo({ name: 'message' });
});

test('§7: what went to all devices is copied to none of them', async () => {
  const { ann, phone, laptop, tablet } = await bobsDevices();
  ann.send(chat(phone.bare, 'all'));
  for (const device of [phone, laptop, tablet]) {
    await device.take(says('all'));
    await device.hearsNo({ name: 'message' });
  }
});

test('§8: what the phone sends is copied to the laptop as sent; not to the phone, the tablet, or Ann', async () => {
  const { ann, phone, laptop, tablet } = await bobsDevices();
  phone.send(chat(ann.bare, 'reply'));
  await ann.take(says('reply'));
  const carbon = await laptop.take(copy('sent', 'reply'));
  assert.equal(carbon.attrs['from'], phone.bare);
  assert.equal(inner(carbon, 'sent')?.attrs['from'], phone.jid);
  assert.equal(stanzaIds(inner(carbon, 'sent') as Heard, phone.bare).length, 1, 'the id of the own archive');
  for (const device of [phone, tablet, ann]) await device.hearsNo({ name: 'message' });
});

test('§6.1: chat states and receipts of a conversation are copied, too', async () => {
  const { ann, phone, laptop } = await bobsDevices();
  ann.send(`<message to='${phone.jid}' type='chat' id='c'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  ann.send(`<message to='${phone.jid}' id='r'><received xmlns='urn:xmpp:receipts' id='x'/></message>`);
  await laptop.take({ name: 'message', where: (heard) => inner(heard, 'received')?.attrs['id'] === 'c' });
  await laptop.take({ name: 'message', where: (heard) => inner(heard, 'received')?.attrs['id'] === 'r' });
});

for (const [what, payload, type] of [
  ['§9: <private/>', `<private xmlns='${NS}'/>`, 'chat'],
  ['XEP-0334 §4.4: <no-copy/>', `<no-copy xmlns='urn:xmpp:hints'/>`, 'chat'],
  ['§6.1: groupchat', '', 'groupchat'],
  ['§6.1: headline', '', 'headline'],
  ['§6.1: a carbon', `<received xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'/></received>`, 'chat'],
  ['§6.1: a private message of a room', `<x xmlns='http://jabber.org/protocol/muc#user'/>`, 'chat'],
] as const) {
  test(`${what} is not copied, in neither direction`, async () => {
    const { ann, phone, laptop } = await bobsDevices();
    ann.send(chat(phone.jid, 'in', payload, type));
    await phone.take(says('in'));
    phone.send(chat(ann.jid, 'out', payload, type));
    await ann.take(says('out'));
    await laptop.hearsNo({ name: 'message' });
  });
}

test('§4, §5: a device that disables carbons gets no more; each device decides for itself', async () => {
  const { ann, phone, laptop, tablet } = await bobsDevices();
  await enable(tablet);
  await laptop.ask('set', `<disable xmlns='${NS}'/>`);
  ann.send(chat(phone.jid, 'one'));
  await tablet.take(copy('received', 'one'));
  await laptop.hearsNo({ name: 'message' });
});

test('§4: carbons are for the own account only', async () => {
  const { ann, phone } = await bobsDevices();
  assert.ok((await ann.ask('set', `<enable xmlns='${NS}'/>`, phone.bare)).error !== undefined);
  assert.ok((await ann.ask('get', `<enable xmlns='${NS}'/>`)).error !== undefined);
});

async function watchOf(phone: Person): Promise<Person> {
  const bob = phone.bare.split('@')[0] ?? '';
  await (await present(server, bob, 'watch')).leave();
  const watch = await quietly(server, bob, 'watch');
  await enable(watch);
  return watch;
}

test('D8: a device of negative priority gets copies; what it finds in its mailbox later has the same stanza-id', async () => {
  const { ann, phone } = await bobsDevices();
  const watch = await watchOf(phone);
  watch.send('<presence><priority>-1</priority></presence>');
  await watch.settled();
  ann.send(chat(phone.bare, 'to all'));
  await phone.take(says('to all'));
  const early = inner(await watch.take(copy('received', 'to all')), 'received') as Heard;
  watch.send('<presence/>');
  await watch.settled();
  for (const again of watch.inbox.filter((one) => bodyOf(one) === 'to all')) {
    assert.deepEqual(stanzaIds(again, phone.bare), stanzaIds(early, phone.bare));
    assert.ok(isLate(again));
  }
});

test('a known device that has not sent presence is shown what is kept once, as a copy or from its mailbox', async () => {
  const { ann, phone } = await bobsDevices();
  const watch = await watchOf(phone);
  ann.send(chat(phone.bare, 'to all'));
  await phone.take(says('to all'));
  await watch.settled();
  watch.send('<presence/>');
  await watch.settled();
  const shown = watch.inbox.filter((one) => bodyOf(inner(one, 'received') ?? one) === 'to all');
  assert.equal(shown.length, 1);
});

test('a message to oneself comes once to each device', async () => {
  const { phone, laptop } = await bobsDevices();
  phone.send(chat(phone.bare, 'note'));
  for (const device of [phone, laptop]) {
    await device.take(says('note'));
    await device.hearsNo({ name: 'message' });
  }
});

test('a message to another device of oneself is copied to the third, once', async () => {
  const { phone, laptop, tablet } = await bobsDevices();
  await enable(tablet);
  phone.send(chat(laptop.jid, 'to the laptop'));
  await laptop.take(says('to the laptop'));
  await tablet.take({
    name: 'message',
    where: (heard) => bodyOf(inner(heard, 'sent') ?? inner(heard, 'received') ?? heard) === 'to the laptop',
  });
  for (const device of [phone, laptop, tablet]) await device.hearsNo({ name: 'message' });
});

test('XEP-0198: carbons are still on after a resumption, and what was sent meanwhile by another device follows', async () => {
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'));
  const phone = await present(server, bob, 'phone');
  const laptop = await quietly(server, bob, 'laptop');
  const id = await laptop.makeResumable();
  await enable(laptop);
  laptop.send('<presence/>');
  await laptop.take(presence({ from: laptop.jid }));
  await laptop.settled();
  laptop.cut();
  phone.send(chat(ann.bare, 'while away'));
  await ann.take(says('while away'));
  const { person } = await resume(server, bob, id, 0);
  await person.take(copy('sent', 'while away'));
  phone.send(chat(ann.bare, 'after'));
  await person.take(copy('sent', 'after'));
  ann.send(chat(phone.jid, 'in'));
  await person.take(copy('received', 'in'));
  await person.hearsNo(copy('received'));
  await person.hearsNo(copy('sent'));
});

test('R-forged: a client cannot send a carbon in the name of the account of another', async () => {
  const { ann, phone } = await bobsDevices();
  ann.send(
    `<message to='${phone.jid}' from='${phone.bare}' type='chat'><received xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='x@localhost' to='${phone.bare}'><body>forged</body></message></forwarded></received></message>`,
  );
  assert.equal((await ann.take({ name: 'error' })).children[0]?.name, 'invalid-from');
  await phone.hearsNo({ name: 'message' });
});
