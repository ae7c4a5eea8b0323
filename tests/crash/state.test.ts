// kill -9 while personal nodes are published to, while devices register for push, and before a push was sent: what was answered is there,
// what was not is there whole or not at all, and who was to be told is told (docs/design/delivery.md D1, P1).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '@parley/testkit';
import { PATIENCE_MS } from '../support/process.ts';
import { PushService } from '../support/push-service.ts';
import { type RawClient, rawSession } from '../support/raw.ts';
import { startServer } from '../support/server.ts';

const seed = Number(process.env.PARLEY_SEED ?? 1);
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const NODE = 'urn:example:notes';
const ROUNDS = 3;

const option = (name: string, value: string): string => `<field var='pubsub#${name}'><value>${value}</value></field>`;
const OPTIONS = `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#publish-options</value></field>${option(
  'persist_items',
  'true',
)}${option('max_items', '1000')}${option('access_model', 'whitelist')}</x></publish-options>`;
/** What is published under a number: long enough that half of it would be noticed. */
function note(number: number): string {
  const text = createHash('sha256').update(String(number)).digest('hex').repeat(30);
  return `<note xmlns='${NODE}'>${text}</note>`;
}
const publish = (number: number): string =>
  `<iq type='set' id='p${number}'><pubsub xmlns='${PUBSUB}'><publish node='${NODE}'><item id='i${number}'>${note(number)}</item></publish>${OPTIONS}</pubsub></iq>`;
const answered = (client: RawClient): number[] =>
  [...client.all.matchAll(/<iq [^>]*>/g)].flatMap(([tag]) =>
    / id="p(\d+)"/.test(tag) && tag.includes('type="result"') ? Number(/ id="p(\d+)"/.exec(tag)?.[1]) : [],
  );

test(`kill -9 while a personal node is published to, ${ROUNDS} times (seed ${seed})`, { timeout: 3 * PATIENCE_MS }, async (t) => {
  const random = new SeededRandom(seed);
  const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
  t.after(() => server.stop());
  await server.createUser('ann', 'secret');
  let next = 0;
  const sure = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const ann = await rawSession(server, 'ann', { resource: 'phone' });
    const enough = 20 + random.int(60);
    const first = next;
    // Always some on their way, so that the end comes in the middle.
    for (let done = 0; done < enough; done = answered(ann).length) {
      if (next - first - done < 50) for (let i = 0; i < 10; i++) ann.send(publish(next++));
      await sleep(1);
    }
    for (let i = 0; i < 100; i++) ann.send(publish(next++));
    await server.kill();
    for (const number of answered(ann)) sure.add(number);
    ann.cut();
    await server.restart();
    const back = await rawSession(server, 'ann', { resource: 'phone' });
    back.send(`<iq type='get' id='all'><pubsub xmlns='${PUBSUB}'><items node='${NODE}'/></pubsub></iq>`);
    const [, list = ''] = await back.expect(/<iq [^>]*id="all"[^>]*>([\s\S]*?)<\/iq>/);
    const there = [...list.matchAll(/<item id="i(\d+)"[^>]*>([\s\S]*?)<\/item>/g)].map((match) => [Number(match[1]), match[2]] as const);
    for (const number of sure)
      assert.ok(
        there.some(([one]) => one === number),
        `${number} was answered`,
      );
    for (const [number, payload] of there) {
      assert.ok(number < next, `nobody has published ${number}`);
      assert.equal(payload?.replaceAll('"', "'"), note(number), `${number} is whole`);
    }
    const numbers = there.map(([number]) => number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'the order of publishing',
    );
    await back.bye();
  }
  t.diagnostic(`${next} published, ${sure.size} answered before a kill`);
  assert.ok(sure.size < next, 'some were on their way');
});

test('kill -9 after a registration for push was answered, and before the push of a message was sent', {
  timeout: 3 * PATIENCE_MS,
}, async (t) => {
  const service = await PushService.start();
  const config = {
    'auth.allowPlaintext': true,
    'features.web-push.allowLoopback': true,
    'features.push.grace': '1s',
    'features.push.window': '1s',
    'features.push.recoverAfter': '1s',
  };
  const server = await startServer({ config });
  t.after(async () => {
    await server.stop();
    service.stop();
  });
  for (const name of ['ann', 'bob']) await server.createUser(name, 'secret');
  const phones = [];
  for (let round = 0; round < 2; round++) {
    const bob = await rawSession(server, 'bob', { resource: `phone${round}` });
    const phone = await service.subscribe();
    phones.push(phone);
    bob.send(`<iq type='set' id='r${round}'>${phone.register('full', `phone${round}`)}</iq>`);
    await bob.expect(new RegExp(`<iq [^>]*id="r${round}"`));
    await server.kill();
    bob.cut();
    await server.restart();
  }
  // Nobody is there. The message is acknowledged, so it is kept; there was no time to tell of it.
  const ann = await rawSession(server, 'ann', { resource: 'laptop' });
  ann.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
  await ann.expect('<enabled');
  ann.send(`<message to='bob@localhost' type='chat' id='m'><body>while you sleep</body></message><r xmlns='urn:xmpp:sm:3'/>`);
  await ann.expect(/<a [^>]*h="1"/);
  await server.kill();
  ann.cut();
  await sleep(10);
  await server.restart();
  for (const phone of phones) {
    const told = await phone.next(({ payload }) => payload['body'] === 'while you sleep');
    assert.equal(told.payload['from'], 'ann@localhost');
  }
  assert.deepEqual(service.wrong, []);
});
