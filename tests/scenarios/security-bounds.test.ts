// The engine without sockets, so that addresses, commits and slow readers are the test's own: what an attacker can make it do is bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CORE_LIMITS } from '@parley/core';
import { el } from '@parley/xml';
import { account, Client, session, turn, world } from './engine.ts';

test('an address that keeps failing to sign in is refused before any work is done; others and a later hour are not', async (t) => {
  const at = await world(t);
  await account(at, 'ann');
  for (let i = 0; i < 120; i++) assert.match(await new Client(at.core).plain('ann', `guess${i}`), /not-authorized/);
  assert.match(await new Client(at.core).plain('ann', 'secret'), /temporary-auth-failure/);
  assert.match(await new Client(at.core, '192.0.2.8').plain('ann', 'secret'), /<success/);
  at.now += 3_600_000;
  assert.match(await new Client(at.core).plain('ann', 'secret'), /<success/);
});

test('a subscription is acknowledged when it is durable, not before (D1)', async (t) => {
  const at = await world(t);
  for (const name of ['ann', 'bob']) await account(at, name);
  const ann = await session(at, 'ann');
  at.commit();
  ann.out = '';
  ann.send(`<presence type='subscribe' to='bob@home.example'/><r xmlns='urn:xmpp:sm:3'/>`);
  assert.doesNotMatch(ann.out, /<a /);
  at.commit();
  assert.match(ann.out, /<a xmlns="urn:xmpp:sm:3" h="1"\/>/);
});

test('what others send to a device that is away is bounded in stanzas and in bytes', async (t) => {
  const at = await world(t);
  for (const name of ['ann', 'bob']) await account(at, name);
  const ann = await session(at, 'ann');
  const away = at.core.directory.at('ann@home.example/r');
  assert.ok(away);
  ann.cut();
  const bob = await session(at, 'bob');
  const big = 'x'.repeat(200_000);
  for (let i = 0; i < 60; i++) {
    bob.send(`<message type='chat' to='ann@home.example/r'><body>${big}</body></message>`);
    bob.send(`<presence to='ann@home.example/r'><status>${big.slice(0, 15_000)}</status></presence>`);
    bob.send(`<presence to='ann@home.example/r' type='error'><x xmlns='urn:x'>${big.slice(0, 15_000)}</x></presence>`);
    bob.send(`<iq to='ann@home.example/r' type='result' id='r${i}'><x xmlns='urn:x'>${big}</x></iq>`);
    at.commit();
    await turn();
  }
  assert.equal(away.ended, false);
  assert.ok((away.management?.unackedBytes ?? 0) <= DEFAULT_CORE_LIMITS.unackedBytes, `${away.management?.unackedBytes} bytes`);
  assert.ok((away.management?.unacked ?? 0) <= DEFAULT_CORE_LIMITS.unackedStanzas);
});

test('a connected device that reads nothing loses its connection, not its messages', async (t) => {
  const at = await world(t);
  for (const name of ['ann', 'bob']) await account(at, name);
  const ann = await session(at, 'ann');
  ann.send('<presence/>');
  ann.connection.queuedBytes = 64 * 1024 * 1024;
  const bob = await session(at, 'bob');
  bob.send(`<message type='chat' to='ann@home.example'><body>kept</body></message>`);
  bob.send(`<presence to='ann@home.example/r'/>`);
  at.commit();
  for (let i = 0; i < 5; i++) await turn();
  assert.ok(ann.closed);
  const resumption = /<enabled [^>]*id="([^"]*)"/.exec(ann.out)?.[1];
  const back = new Client(at.core);
  await back.plain('ann', 'secret');
  back.open();
  back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${resumption}' h='1'/>`);
  at.commit();
  await back.until(/<body>kept<\/body>/);
});

test('D10: what the server itself sends is refused by a full mailbox, too; what is not kept goes on', async (t) => {
  const at = await world(t);
  await account(at, 'ann');
  const { id } = (await at.core.accounts.get('ann')) ?? assert.fail();
  Object.defineProperty(at.core.mailboxes, 'isFull', { value: (mailbox: number) => mailbox === id });
  const notice = (type: string) => el('message', { from: 'home.example', to: 'ann@home.example', type }, el('body', null, 'notice'));
  await assert.rejects(at.core.router.sendFromServer(notice('normal')), { condition: 'resource-constraint' });
  await at.core.router.sendFromServer(notice('headline'));
  at.commit();
  assert.equal(await at.core.mailboxes.store.count(id, {}), 0);
});
