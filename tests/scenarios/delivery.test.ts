// Who gets a message, and what becomes of it when nobody is there (RFC 6121 §8.5).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { anyMessage, bodyOf, chat, isLate, newUser, present, quietly, refused, says, stanzaIds, textsOf } from './messages.ts';
import { message, type Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const priority = (value: number): string => `<presence><priority>${value}</priority></presence>`;
/** Bob with two devices that may get messages, one that may not, one that is not available. Ann writes. */
async function bobAtHome(): Promise<Record<'ann' | 'phone' | 'laptop' | 'bot' | 'hidden', Person>> {
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const phone = await present(server, bob, 'phone', priority(5));
  const laptop = await present(server, bob, 'laptop', priority(0));
  const bot = await present(server, bob, 'bot', priority(-1));
  const hidden = await quietly(server, bob, 'hidden');
  for (const one of [phone, laptop, bot, hidden]) await one.forget();
  return { ann, phone, laptop, bot, hidden };
}

for (const type of ['chat', 'normal', 'headline', 'unknown-type']) {
  test(`§8.5.2.1.1: ${type} to the bare JID goes to every available device of non-negative priority`, async () => {
    const { ann, phone, laptop, bot, hidden } = await bobAtHome();
    ann.send(chat(phone.bare, 'hello', '', type));
    for (const device of [phone, laptop]) {
      const heard = await device.take(says('hello'));
      assert.equal(heard.attrs['from'], ann.jid);
      assert.equal(heard.attrs['to'], phone.bare);
      assert.equal(isLate(heard), false, 'live messages carry no delay');
    }
    for (const device of [bot, hidden]) await device.hearsNo(anyMessage);
    await ann.hearsNo(anyMessage);
  });
}

test('§8.5.2.1.1: a message without a type is a normal one', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  ann.send(`<message to='${phone.bare}'><body>plain</body></message>`);
  await phone.take(says('plain'));
  await laptop.take(says('plain'));
});

test('§8.5.2.1.1: groupchat to the bare JID is refused with service-unavailable, to the sender only', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  ann.send(chat(phone.bare, 'room', '', 'groupchat'));
  const answer = await ann.take(refused('service-unavailable'));
  assert.equal(answer.attrs['id'], 'm-room');
  assert.equal(answer.attrs['from'], phone.bare);
  assert.equal(answer.child('error')?.attrs['type'], 'cancel');
  for (const device of [phone, laptop]) await device.hearsNo(anyMessage);
});

test('§8.5.2, §8.5.3.2: an error to the bare JID or to a device that is gone is ignored, and never answered', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  const error = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  for (const to of [phone.bare, `${phone.bare}/gone`, 'nobody-there@localhost', 'nobody-there@localhost/x'])
    ann.send(`<message to='${to}' type='error' id='e'>${error}<body>quoted</body></message>`);
  await ann.hearsNo(message({ type: 'error' }));
  for (const device of [phone, laptop]) await device.hearsNo(message());
  ann.send(`<message to='${laptop.jid}' type='error' id='e2'>${error}</message>`);
  assert.equal((await laptop.take(message({ type: 'error' }))).attrs['id'], 'e2', '§8.5.3.1: to the very device it is delivered');
});

for (const type of ['chat', 'normal', 'headline', 'groupchat']) {
  test(`§8.5.3.1: ${type} to a full JID goes to that device alone`, async () => {
    const { ann, phone, laptop, bot } = await bobAtHome();
    ann.send(chat(laptop.jid, 'you', '', type));
    assert.equal((await laptop.take(says('you'))).attrs['to'], laptop.jid);
    for (const device of [phone, bot]) await device.hearsNo(anyMessage);
  });
}

test('§8.5.3.1: negative priority does not keep a device from what is addressed to it', async () => {
  const { ann, phone, laptop, bot } = await bobAtHome();
  ann.send(chat(bot.jid, 'to the bot'));
  await bot.take(says('to the bot'));
  for (const device of [phone, laptop]) await device.hearsNo(anyMessage);
});

for (const type of ['chat', 'normal']) {
  test(`§8.5.3.2.1: ${type} to a device that is gone goes where the bare JID would`, async () => {
    const { ann, phone, laptop, bot } = await bobAtHome();
    ann.send(chat(`${phone.bare}/gone`, 'anybody', '', type));
    for (const device of [phone, laptop]) await device.take(says('anybody'));
    await bot.hearsNo(anyMessage);
    await ann.hearsNo(message({ type: 'error' }));
  });
}

test('§8.5.3.2.1: headline to a device that is gone is ignored, groupchat is refused', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  ann.send(chat(`${phone.bare}/gone`, 'news', '', 'headline'));
  ann.send(chat(`${phone.bare}/gone`, 'room', '', 'groupchat'));
  assert.equal((await ann.take(message({ type: 'error' }))).attrs['id'], 'm-room');
  for (const device of [phone, laptop]) await device.hearsNo(anyMessage);
});

test('§8.5.1: to an account that does not exist a message is refused, presence is ignored', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  for (const to of ['nobody-there@localhost', 'nobody-there@localhost/x'])
    for (const type of ['chat', 'normal', 'headline', 'groupchat']) {
      ann.send(chat(to, type, '', type));
      assert.equal((await ann.take(refused('service-unavailable'))).attrs['from'], to);
    }
  ann.send(`<presence to='nobody-there@localhost'/><presence to='nobody-there@localhost/x'/>`);
  await ann.hearsNo(presence({ type: 'error' }));
});

test('§8.5.2.2.1: nobody there: chat and normal wait, headline and chat states do not, groupchat is refused', async () => {
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'));
  const to = `${bob}@localhost`;
  ann.send(chat(to, 'one'));
  ann.send(chat(to, 'two', '', 'normal'));
  ann.send(chat(to, 'news', '', 'headline'));
  ann.send(chat(to, 'room', '', 'groupchat'));
  ann.send(`<message to='${to}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  await ann.take(refused('service-unavailable'));
  await ann.hearsNo(message());
  const phone = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(phone), ['one', 'two']);
});

test('§8.5.2.2.1: a device of negative priority alone is nobody; what waits comes when the priority rises', async () => {
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'));
  const phone = await present(server, bob, 'phone', priority(-5));
  ann.send(chat(phone.bare, 'one'));
  ann.send(chat(phone.bare, 'two'));
  await ann.settled();
  await phone.hearsNo(anyMessage);
  phone.send(priority(1));
  await phone.take(says('two'));
  assert.deepEqual(await textsOf(phone), ['one'], 'both came, the first is still in the inbox');
});

for (const [what, away] of [
  ['unavailable', `<presence type='unavailable'/>`],
  ['of negative priority', priority(-1)],
] as const) {
  test(`D5: a device that becomes ${what} for a while gets what came meanwhile, in order, once`, async () => {
    const bob = await newUser(server, 'bob');
    const ann = await present(server, await newUser(server, 'ann'));
    const phone = await present(server, bob, 'phone');
    ann.send(chat(phone.bare, 'before'));
    await phone.take(says('before'));
    phone.send(away);
    await phone.settled();
    ann.send(chat(phone.bare, 'one'));
    ann.send(chat(phone.bare, 'two'));
    await ann.settled();
    await phone.hearsNo(anyMessage);
    phone.send('<presence/>');
    await phone.settled();
    ann.send(chat(phone.bare, 'after'));
    await ann.settled();
    assert.deepEqual(await textsOf(phone), ['one', 'two', 'after']);
  });
}

test('§8.5.2.1.3, §8.5.3.2.3: iq to the bare JID is answered by the server, to a gone device with service-unavailable', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  const version = `<query xmlns='jabber:iq:version'/>`;
  assert.equal((await ann.ask('get', version, phone.bare)).error, 'service-unavailable');
  assert.equal((await ann.ask('get', version, `${phone.bare}/gone`)).error, 'service-unavailable');
  assert.equal((await ann.ask('set', `<x xmlns='urn:example:x'/>`, 'nobody-there@localhost')).error, 'service-unavailable');
  assert.equal((await ann.ask('get', version, 'localhost')).attrs['type'], 'result');
  for (const device of [phone, laptop]) await device.hearsNo({ name: 'iq', attrs: { from: ann.jid } });
});

test('§8.5.3.1: an iq to a full JID reaches that device, and its answer the one who asked', async () => {
  const { ann, phone, laptop } = await bobAtHome();
  phone.send(`<presence to='${ann.jid}'/>`);
  await ann.take(presence({ from: phone.jid }));
  ann.send(`<iq type='get' id='q1' to='${phone.jid}' from='${ann.jid}'><query xmlns='urn:example:q'/></iq>`);
  const request = await phone.take({ name: 'iq', attrs: { id: 'q1' } });
  assert.equal(request.attrs['from'], ann.jid);
  phone.send(`<iq type='result' id='q1' to='${ann.jid}'><query xmlns='urn:example:q'><answer/></query></iq>`);
  const answer = await ann.take({ name: 'iq', attrs: { id: 'q1' } });
  assert.equal(answer.attrs['from'], phone.jid);
  assert.ok(answer.child('query', 'urn:example:q')?.child('answer'));
  await laptop.hearsNo({ name: 'iq', attrs: { from: ann.jid } });
});

test('RFC 6120 §8.2.3: answers that nobody asked for, and answers to nobody, are dropped without an answer', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  for (const type of ['result', 'error'])
    for (const to of ['localhost', ann.bare, `${ann.bare}/gone`, 'nobody-there@localhost'])
      ann.send(`<iq type='${type}' id='stray' to='${to}'/>`);
  await ann.hearsNo({ name: 'iq', attrs: { id: 'stray' } });
});

test('RFC 6120 §10.3: a message without `to` is one to oneself', async () => {
  const user = await newUser(server, 'ann');
  const phone = await present(server, user, 'phone');
  const laptop = await present(server, user, 'laptop');
  phone.send(`<message type='chat'><body>note</body></message>`);
  for (const device of [phone, laptop]) {
    const heard = await device.take(says('note'));
    assert.equal(heard.attrs['from'], phone.jid);
    assert.equal(stanzaIds(heard, phone.bare).length, 1);
  }
});

test('D4: what is not kept does not overtake what is kept', async () => {
  const { ann, phone } = await bobAtHome();
  phone.send(`<presence to='${ann.jid}'/>`);
  await ann.take(presence({ from: phone.jid }));
  const state = `<message to='${phone.bare}' type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>`;
  let burst = '';
  for (let i = 0; i < 50; i++)
    burst += `${chat(phone.bare, `n${i}`) + state}<iq type='get' id='i${i}' to='${phone.jid}'><q xmlns='urn:example:q'/></iq>`;
  ann.send(burst);
  await phone.take({ name: 'iq', attrs: { id: 'i49' } });
  const kinds = phone.inbox
    .filter((one) => one.attrs['from'] === ann.jid)
    .map((one) => (one.name === 'iq' ? 'iq' : (bodyOf(one) ?? 'state')));
  const expected: string[] = [];
  for (let i = 0; i < 50; i++) expected.push(`n${i}`, 'state', 'iq');
  assert.deepEqual(kinds, expected.slice(0, -1));
});
