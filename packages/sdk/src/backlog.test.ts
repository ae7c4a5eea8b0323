import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatClient } from './types.ts';

const ME = 'ann@example.org';
const BOB = 'bob@example.org';
const opened: ChatClient[] = [];
afterEach(async () => {
  for (const chat of opened.splice(0)) await chat.close();
});

const named = (index: number): string => `s${String(index).padStart(5, '0')}`;
const inner = (index: number, more = ''): string =>
  `<message xmlns="jabber:client" from="${BOB}/phone" to="${ME}" type="chat" id="m${index}"><body>m${index}</body>${more}</message>`;
/** As it comes from the server: with its id, and the time when it was not at once. */
const live = (index: number, stamp?: string): string =>
  inner(
    index,
    `<stanza-id xmlns="${NS.sid}" by="${ME}" id="${named(index)}"/>${stamp === undefined ? '' : `<delay xmlns="${NS.delay}" from="${ME}" stamp="${stamp}"/>`}`,
  );

/** A new device that has read messages from `from` to `to` of the archive; `say` gives it the backlog. */
async function device(from: number, to: number, stampOf: (index: number) => string) {
  const server = new FakeServer();
  server.roster = `<item jid="${BOB}" subscription="both"/>`;
  const store = memoryStore();
  const chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store });
  opened.push(chat);
  for (let index = from; index <= to; index++) server.archive.push({ id: named(index), stamp: stampOf(index), message: inner(index) });
  await chat.signIn({ username: 'ann', password: 'secret' });
  await settle();
  return { server, bodies: async () => (await store.messages(BOB, { limit: 2000 })).map(({ body }) => body) };
}
const texts = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`);

describe('what waited and is older than what was read from the archive', () => {
  const seconds = (index: number): string => new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString();
  const oneMoment = (): string => '2026-01-01T00:00:00.000Z';
  for (const [what, stampOf] of [
    ['of different times', seconds],
    ['all of one moment', oneMoment],
  ] as const)
    it(`stands before it, in order, ${what}; what is new stands behind`, async () => {
      const { server, bodies } = await device(21, 60, stampOf);
      assert.deepEqual(await bodies(), texts(21, 60));
      // In pieces, as the network brings them.
      for (let index = 1; index <= 60; index++) {
        await server.say(live(index, stampOf(index)));
        if (index % 7 === 0) await settle();
      }
      await server.say(live(61, stampOf(61)));
      await server.say(live(62));
      await settle();
      assert.deepEqual(await bodies(), texts(1, 62));
    });

  it('of a conversation that is new here, stands as it came', async () => {
    const { server, bodies } = await device(1, 0, oneMoment);
    for (let index = 1; index <= 30; index++) {
      await server.say(live(index, oneMoment()));
      if (index % 7 === 0) await settle();
    }
    await settle();
    assert.deepEqual(await bodies(), texts(1, 30));
  });

  it('a message with a false old time, after what is new, does not go to the beginning', async () => {
    const { server, bodies } = await device(21, 30, seconds);
    await server.say(live(31));
    await settle();
    await server.say(live(32, seconds(1)));
    await settle();
    assert.deepEqual(await bodies(), texts(21, 32));
  });
});
