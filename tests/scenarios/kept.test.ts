// What is kept for a device that is away, by rule and by hint (K1, K2; XEP-0334, 0184, 0333, 0085, 0308, 0353), and blocking (0191) on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { chat, newUser, present, says, textsOf } from './messages.ts';
import { type Heard, message } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
const ann = await present(server, await newUser(server, 'ann'), 'phone');

/** Ann sends this to Bob, who is away; answers what he finds when he comes. */
async function foundLater(content: string, type = 'chat'): Promise<Heard[]> {
  const bob = await newUser(server, 'bob');
  ann.send(`<message to='${bob}@localhost' type='${type}' id='it'>${content}</message>`);
  await ann.settled();
  const phone = await present(server, bob, 'phone');
  await phone.settled();
  const found = phone.inbox.filter((one) => one.name === 'message');
  await phone.leave();
  return found;
}

const hint = (name: string): string => `<${name} xmlns='urn:xmpp:hints'/>`;
const state = (name: string): string => `<${name} xmlns='http://jabber.org/protocol/chatstates'/>`;
const marker = (name: string): string => `<${name} xmlns='urn:xmpp:chat-markers:0' id='x'/>`;
const kept: ReadonlyArray<readonly [what: string, content: string, type?: string]> = [
  ['a body', '<body>x</body>'],
  ['an empty body', '<body/>'],
  ['a subject', '<subject>x</subject>', 'normal'],
  ['XEP-0184 §5.3: a receipt', `<received xmlns='urn:xmpp:receipts' id='x'/>`],
  ['XEP-0184: a receipt of type normal', `<received xmlns='urn:xmpp:receipts' id='x'/>`, 'normal'],
  ['XEP-0333 §5: a displayed marker', marker('displayed')],
  ['XEP-0308: a correction', `<replace xmlns='urn:xmpp:message-correct:0' id='x'/><body>y</body>`],
  ['XEP-0444: a reaction', `<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>👍</reaction></reactions>`],
  ['XEP-0424: a retraction', `<retract xmlns='urn:xmpp:message-retract:1' id='x'/>`],
  ['XEP-0353: a call', `<propose xmlns='urn:xmpp:jingle-message:0' id='x'/>`],
  ['XEP-0384: an encrypted message', `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`],
  ['XEP-0334 §4.1: something with <store/>', `<thing xmlns='urn:example:thing'/>${hint('store')}`],
  ['XEP-0085: a body with a chat state', `<body>x</body>${state('active')}`],
];
for (const [what, content, type] of kept)
  test(`K1: kept for later: ${what}`, async () => assert.equal((await foundLater(content, type)).length, 1));

const passing: ReadonlyArray<readonly [what: string, content: string, type?: string]> = [
  ['XEP-0085 §5.5: composing', state('composing')],
  ['XEP-0085: gone', state('gone')],
  ['XEP-0333: markable alone', `<markable xmlns='urn:xmpp:chat-markers:0'/>`],
  ['XEP-0184: a request alone', `<request xmlns='urn:xmpp:receipts'/>`],
  ['nothing', ''],
  ['something unknown without a body', `<thing xmlns='urn:example:thing'/>`],
  ['XEP-0334 §4.2: a body with <no-store/>', `<body>x</body>${hint('no-store')}`],
  ['XEP-0334 §4.3: a body with <no-permanent-store/>', `<body>x</body>${hint('no-permanent-store')}`],
  ['K2: no-store wins over store', `<body>x</body>${hint('store')}${hint('no-store')}`],
  ['K2: a headline with <store/>', `<body>x</body>${hint('store')}`, 'headline'],
];
for (const [what, content, type] of passing)
  test(`K2: not kept: ${what}`, async () => assert.equal((await foundLater(content, type)).length, 0));

test('what is not kept reaches who is there', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  for (const [i, [what, content, type]] of passing.entries()) {
    ann.send(`<message to='${bob.bare}' type='${type ?? 'chat'}' id='p${i}'>${content}</message>`);
    assert.ok(await bob.take(message({ id: `p${i}` })), what);
  }
});

test('XEP-0184 §5: Ann is away when Bob reads; the receipt waits for her, byte for byte', async () => {
  const annName = await newUser(server, 'ann');
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  const sender = await present(server, annName, 'phone');
  sender.send(chat(bob.bare, 'seen?', `<request xmlns='urn:xmpp:receipts'/>`));
  const heard = await bob.take(says('seen?'));
  await sender.leave();
  bob.send(
    `<message to='${heard.attrs['from']}' id='r1'><received xmlns='urn:xmpp:receipts' id='${heard.attrs['id']}'/></message>` +
      `<message to='${heard.attrs['from']}' type='chat' id='d1'>${marker('displayed')}</message>`,
  );
  await bob.settled();
  const back = await present(server, annName, 'phone');
  const receipt = await back.take(message({ id: 'r1' }));
  assert.equal(receipt.child('received', 'urn:xmpp:receipts')?.attrs['id'], 'm-seen?');
  await back.take(message({ id: 'd1' }));
});

test('XEP-0191 §3.2: what a blocked contact sends is refused, waits for nobody, and does not come after the contact is unblocked', async () => {
  const bobName = await newUser(server, 'bob');
  const eve = await present(server, await newUser(server, 'eve'), 'phone');
  const bob = await present(server, bobName, 'phone');
  await bob.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${eve.bare}'/></block>`);
  await bob.leave();
  eve.send(chat(`${bobName}@localhost`, 'hello?'));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'service-unavailable', 'as if he did not exist');
  ann.send(chat(`${bobName}@localhost`, 'from ann'));
  await ann.settled();
  const back = await present(server, bobName, 'phone');
  await back.ask('set', `<unblock xmlns='urn:xmpp:blocking'><item jid='${eve.bare}'/></unblock>`);
  assert.deepEqual(await textsOf(back), ['from ann']);
  eve.send(chat(back.bare, 'now'));
  await back.take(says('now'));
});

test('XEP-0191 §3.2: the one who blocks cannot write to the blocked one by accident', async () => {
  const eve = await present(server, await newUser(server, 'eve'), 'phone');
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  await bob.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${eve.bare}'/></block>`);
  bob.send(chat(eve.bare, 'oops'));
  const answer = await bob.take(message({ type: 'error' }));
  assert.equal(answer.error, 'not-acceptable');
  assert.ok(answer.child('error')?.child('blocked', 'urn:xmpp:blocking:errors'));
  await eve.hearsNo(message());
});
