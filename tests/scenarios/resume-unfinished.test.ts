// XEP-0198 §5 while something of the old stream is still being handled: `h` says no more than what is done (D1, D12, D14).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageFromClient } from '@parley/core';
import { StanzaError } from '@parley/protocol';
import { account, Client, session, turn, type World, world } from './engine.ts';

const MESSAGE = `<message type='chat' to='bob@home.example' id='m1'><body>held</body></message>`;

/** Ann has sent a message that a guard holds until `release`, or refuses by `refuse`. */
async function held(t: { after(run: () => void): void }): Promise<{
  at: World;
  ann: Client;
  previd: string;
  release(): void;
  refuse(): void;
}> {
  const at = await world(t);
  for (const name of ['ann', 'bob']) await account(at, name);
  const gate = Promise.withResolvers<void>();
  at.core.hooks.on(messageFromClient, 'guard', 'slow', () => gate.promise);
  const ann = await session(at, 'ann');
  at.commit();
  const previd = /<enabled [^>]*id="([^"]*)"/.exec(ann.out)?.[1] ?? '';
  ann.send(MESSAGE);
  return {
    at,
    ann,
    previd,
    release: () => gate.resolve(),
    refuse: () => gate.reject(new StanzaError('policy-violation')),
  };
}

/** A new connection that wants to go on with the session. */
async function wantsOn(at: World, previd: string): Promise<Client> {
  const client = new Client(at.core);
  await client.plain('ann', 'secret');
  client.open();
  client.send(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`);
  for (let i = 0; i < 20; i++) {
    at.commit();
    await turn();
  }
  return client;
}
const bobsMail = async (at: World): Promise<number> => {
  const bob = await at.core.accounts.get('bob');
  return (await at.core.mailboxes.store.read(bob?.id ?? 0, { limit: 10 })).length;
};

for (const broken of [false, true])
  test(`h waits for the stanza that the old stream is handling, which ${broken ? 'has broken' : 'still seems alive'}`, async (t) => {
    const { at, ann, previd, release } = await held(t);
    if (broken) ann.cut();
    const back = await wantsOn(at, previd);
    assert.doesNotMatch(back.out, /<resumed/, 'nothing was done with what was counted');
    release();
    for (let i = 0; i < 5; i++) await turn();
    assert.doesNotMatch(back.out, /<resumed/, 'it is not durable yet');
    at.commit();
    await back.until(/<resumed [^>]*h="1"/);
    assert.equal(await bobsMail(at), 1);
  });

test('what is refused in the end is told over the new stream', async (t) => {
  const { at, ann, previd, refuse } = await held(t);
  ann.cut();
  const back = await wantsOn(at, previd);
  refuse();
  await turn();
  at.commit();
  await back.until(/<resumed [^>]*h="1"[^>]*>.*<message [^>]*type="error"[^>]*>.*policy-violation/s);
  assert.equal(await bobsMail(at), 0);
});

test('the last one to resume has it; whoever waited before is told of the conflict', async (t) => {
  const { at, previd, release } = await held(t);
  const first = await wantsOn(at, previd);
  const second = await wantsOn(at, previd);
  assert.match(first.out, /<conflict/);
  release();
  for (let i = 0; i < 5; i++) {
    await turn();
    at.commit();
  }
  await second.until(/<resumed [^>]*h="1"/);
  assert.doesNotMatch(first.out, /<resumed/);
});

test('an orderly end writes down no count of what is not done', async (t) => {
  const { at, ann } = await held(t);
  ann.cut();
  const ended = at.core.drain();
  for (let i = 0; i < 20; i++) {
    at.commit();
    at.pass(1000);
    await turn();
  }
  await ended;
  assert.deepEqual(await at.core.storage.keyValue('sessions').list(0), [], 'it would be taken up with h=1');
});
