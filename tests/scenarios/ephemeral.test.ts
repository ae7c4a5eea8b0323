// XEP-0466: messages that disappear, for both sides, also after a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { bodyOf, newUser, present, quietly, says, stanzaIds, archive as stored, until } from './messages.ts';
import type { Heard, Person } from './people.ts';

const CONFIG = { 'auth.allowPlaintext': true, 'features.ephemeral.shortest': '1s', 'features.ephemeral.sweepEvery': '1s' };
const server = await startServer({ config: CONFIG });
test.after(() => server.stop());

const CONVERSATIONS = 'urn:parley:conversations:0';
const timer = (seconds: number | string): string => `<ephemeral xmlns='urn:xmpp:ephemeral:0' timer='${seconds}'/>`;
const say = (to: string, id: string, more = ''): string => `<message to='${to}' type='chat' id='${id}'><body>${id}</body>${more}</message>`;

const archive = async (who: Person): Promise<string[]> => (await stored(who)).map((one) => bodyOf(one) ?? '-');
const timerOf = async (who: Person, jid: string): Promise<string | undefined> => {
  const list = await who.ask('get', `<conversations xmlns='${CONVERSATIONS}'/>`);
  return list
    .child('conversations')
    ?.all('conversation')
    .find((one) => one.attrs['jid'] === jid)?.attrs['timer'];
};
async function pair(on: TestServer = server): Promise<{ ann: Person; bob: Person; annName: string; bobName: string }> {
  const [annName, bobName] = [await newUser(on, 'ann'), await newUser(on, 'bob')];
  return { ann: await present(on, annName, 'phone'), bob: await present(on, bobName, 'phone'), annName, bobName };
}

test('a message goes from both mailboxes, from search and from the list when its time is up; others stay', async () => {
  const { ann, bob, bobName } = await pair();
  ann.send(say(bob.bare, 'stays') + say(bob.bare, 'vanishes', timer(1)) + say(bob.bare, 'later', timer(86_400)));
  await ann.settled();
  // It was kept: it has an id of Bob's mailbox. How long it can be seen there, a slow machine decides.
  assert.equal(stanzaIds(await bob.take(says('vanishes')), bob.bare).length, 1);
  for (const who of [ann, bob])
    await until('it to vanish', async () => {
      const there = await archive(who);
      return there.includes('later') && !there.includes('vanishes');
    });
  assert.deepEqual(await archive(ann), ['stays', 'later']);
  const field = "<field var='{urn:xmpp:fulltext:0}fulltext'><value>vanishes</value></field>";
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>${field}</x>`;
  await ann.ask('set', `<query xmlns='urn:xmpp:mam:2'>${form}</query>`);
  assert.equal(ann.inbox.filter((one) => one.child('result') !== undefined).length, 0);
  // A device that was never here does not get it.
  const fresh = await present(server, bobName, 'new');
  await fresh.settled();
  assert.ok(!fresh.inbox.some((one) => bodyOf(one) === 'vanishes'));
});

test('§3.3, §3.4: what one of them sends is agreed between both; messages without a timer go by it until it is taken back', async () => {
  const { ann, bob } = await pair();
  ann.send(`<message to='${bob.bare}' type='chat' id='t'>${timer(86_400)}<store xmlns='urn:xmpp:hints'/></message>`);
  ann.send(say(bob.bare, 'hello'));
  await ann.settled();
  assert.equal(await timerOf(ann, bob.bare), '86400');
  assert.equal(await timerOf(bob, ann.bare), '86400');
  bob.send(say(ann.bare, 'shorter', timer(1)));
  await bob.settled();
  assert.equal(await timerOf(ann, bob.bare), '1');
  // From a client that knows nothing of it.
  ann.send(say(bob.bare, 'untagged'));
  await ann.settled();
  await until('both to vanish', async () => (await archive(bob)).filter((text) => text === 'shorter' || text === 'untagged').length === 0);
  ann.send(say(bob.bare, 'off', timer(0)) + say(bob.bare, 'kept'));
  await ann.settled();
  assert.equal(await timerOf(bob, ann.bare), '0');
  ann.send(say(bob.bare, 'marker', timer(1)));
  await ann.settled();
  await until('the marker to vanish', async () => !(await archive(ann)).includes('marker'));
  assert.ok((await archive(ann)).includes('kept'));
});

test('the default holds for new conversations, not for those that are there', async () => {
  const { ann, bob } = await pair();
  const carl = await present(server, await newUser(server, 'carl'), 'c');
  ann.send(say(bob.bare, 'before'));
  await ann.settled();
  assert.equal((await ann.ask('set', `<default xmlns='${CONVERSATIONS}' timer='1'/>`)).attrs['type'], 'result');
  const told = await ann.ask('get', `<default xmlns='${CONVERSATIONS}'/>`);
  assert.equal(told.child('default')?.attrs['timer'], '1');
  ann.send(say(bob.bare, 'old-one') + say(carl.bare, 'new-one'));
  await ann.settled();
  for (const who of [ann, carl]) await until('the new one to vanish', async () => !(await archive(who)).includes('new-one'));
  assert.deepEqual(await archive(ann), ['before', 'old-one']);
  carl.send(say(ann.bare, 'answer'));
  await carl.settled();
  await until('the answer to vanish', async () => !(await archive(ann)).includes('answer'));
});

test('by the list: set for what the account sends, told with the conversation', async () => {
  const { ann, bob } = await pair();
  ann.send(say(bob.bare, 'first'));
  await ann.settled();
  await ann.ask('set', `<conversation xmlns='${CONVERSATIONS}' jid='${bob.bare}' timer='604800'/>`);
  assert.equal(await timerOf(ann, bob.bare), '604800');
  assert.equal(await timerOf(bob, ann.bare), '0');
});

test('the time is up while the server is away: gone soon after the start; a kill loses no timer', async (t) => {
  const own = await startServer({ config: CONFIG });
  t.after(() => own.stop());
  const { ann, bob, bobName } = await pair(own);
  ann.send(say(bob.bare, 'stays') + say(bob.bare, 'vanishes', timer(2)));
  await ann.settled();
  await own.kill();
  await own.restart();
  const back = await quietly(own, bobName, 'phone');
  await until('it to vanish', async () => !(await archive(back)).includes('vanishes'));
  assert.deepEqual(await archive(back), ['stays']);
});

test('bad input: a timer that is none is refused; what is too short or too long is bounded', async () => {
  const { ann, bob } = await pair();
  for (const [i, wrong] of ['-1', 'soon', '1.5', '4294967296', ''].entries()) {
    ann.send(say(bob.bare, `w${i}`, timer(wrong)));
    assert.equal((await ann.take({ name: 'message', attrs: { id: `w${i}` } })).error, 'bad-request', wrong);
  }
  assert.equal((await ann.ask('set', `<default xmlns='${CONVERSATIONS}' timer='x'/>`)).error, 'bad-request');
  assert.deepEqual(await archive(bob), []);
  ann.send(say(bob.bare, 'long', timer(4_294_967_295)));
  await ann.settled();
  assert.equal(await timerOf(ann, bob.bare), String(365 * 86_400));
});

test("one cannot make another's messages to somebody else disappear", async () => {
  const { ann, bob } = await pair();
  const carl = await present(server, await newUser(server, 'carl'), 'c');
  ann.send(say(bob.bare, 'private'));
  carl.send(say(bob.bare, 'c1', timer(1)) + say(ann.bare, 'c2', timer(1)));
  await Promise.all([ann.settled(), carl.settled()]);
  await until("Carl's to vanish", async () => !(await archive(bob)).includes('c1'));
  assert.deepEqual(await archive(ann).then((list) => list.filter((text) => text !== 'c2')), ['private']);
  assert.equal(await timerOf(ann, bob.bare), '0');
});

test('XEP-0313: a page goes on from a message that has disappeared; only what was never there is item-not-found', async () => {
  const { ann, bob } = await pair();
  ann.send(say(bob.bare, 'one') + say(bob.bare, 'two', timer(1)) + say(bob.bare, 'three'));
  await ann.settled();
  const [second] = stanzaIds(await bob.take(says('two')), bob.bare);
  const page = async (content: string): Promise<{ texts: string[]; error: string | undefined }> => {
    await bob.settled();
    bob.inbox.length = 0;
    const answer = await bob.ask('set', `<query xmlns='urn:xmpp:mam:2'>${content}</query>`);
    const results = bob.inbox.flatMap((one) => one.child('result') ?? []);
    bob.inbox.length = 0;
    return {
      texts: results.map((one) => bodyOf(one.child('forwarded')?.child('message') as Heard) ?? ''),
      error: answer.error,
    };
  };
  const rsm = (content: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
  // The third goes by the timer of the second.
  await until('it to vanish', async () => (await archive(bob)).length === 1);
  bob.send(say(ann.bare, 'four', timer(0)));
  await bob.settled();
  assert.deepEqual((await page(rsm(`<after>${second}</after>`))).texts, ['four']);
  assert.deepEqual((await page(rsm(`<before>${second}</before>`))).texts, ['one']);
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='after-id'><value>${second}</value></field></x>`;
  assert.equal((await page(form)).error, 'item-not-found');
  assert.equal((await page(rsm('<after>zzzzzzzzzzz</after>'))).error, 'item-not-found');
  assert.equal((await page(rsm('<after>00000000001</after>'))).error, 'item-not-found');
});
