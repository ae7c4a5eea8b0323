import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '@parley/protocol';
import { type Element, el, Stanza } from '@parley/xml';
import type { Clock } from '../ports/index.ts';
import type { Session } from '../session/session.ts';
import { Asks } from './asks.ts';

class World {
  readonly timers: Array<() => void> = [];
  #byte = 0;
  readonly asks = new Asks('host.example', { now: () => 0, soon: () => {}, after: (_ms, run) => this.#timer(run) } satisfies Clock, {
    bytes: (length) => new Uint8Array(length).fill(++this.#byte),
  });
  #timer(run: () => void): () => void {
    this.timers.push(run);
    return () => void this.timers.splice(this.timers.indexOf(run), 1);
  }
  session(name: string): Session & { readonly sent: Element[] } {
    const sent: Element[] = [];
    const session = {
      address: `${name}@host.example/x`,
      bare: `${name}@host.example`,
      ended: false,
      connected: true,
      sent,
      send: (e: Element) => sent.push(e),
    };
    return session as unknown as Session & { readonly sent: Element[] };
  }
}
const question = el('query', { xmlns: 'urn:q' });
const answer = (id: string | undefined, to?: string, type = 'result'): Stanza =>
  Stanza.from(
    el('iq', { id, to, type }, type === 'result' ? el('query', { xmlns: 'urn:q' }, 'yes') : new StanzaError('not-allowed').toElement()),
  );
const condition = (error: unknown): string => (error as StanzaError).condition;

test('a client is asked and its answer taken, from it and under its id only', async () => {
  const world = new World();
  const ann = world.session('ann');
  const eve = world.session('eve');
  const asked = world.asks.ask(ann, question);
  const { id = '', from } = ann.sent[0]?.attrs ?? {};
  assert.equal(from, 'host.example');
  assert.equal(world.asks.answered(eve, answer(id), id), false);
  assert.equal(world.asks.answered(ann, answer('ask-00'), 'ask-00'), false);
  assert.equal(world.asks.answered(ann, answer(id, 'ann@host.example'), id), false, 'to somebody who did not ask');
  assert.equal(world.asks.answered(ann, answer(id, 'host.example'), id), true);
  assert.equal((await asked)?.text(), 'yes');
  assert.equal(world.asks.answered(ann, answer(id), id), false, 'once');
  assert.equal(world.timers.length, 0);
});

test('errors, silence and the end of the session are answers too', async () => {
  const world = new World();
  const ann = world.session('ann');
  const refused = world.asks.ask(ann, question);
  const id = ann.sent[0]?.attrs['id'] ?? '';
  world.asks.answered(ann, answer(id, undefined, 'error'), id);
  await assert.rejects(refused, (error) => condition(error) === 'not-allowed');
  const silent = world.asks.ask(ann, question);
  world.timers[0]?.();
  await assert.rejects(silent, (error) => condition(error) === 'remote-server-timeout');
  const ended = world.asks.ask(ann, question);
  world.asks.over(ann);
  await assert.rejects(ended, (error) => condition(error) === 'recipient-unavailable');
  const away = { ...ann, connected: false } as unknown as Session;
  await assert.rejects(world.asks.ask(away, question), (error) => condition(error) === 'recipient-unavailable');
});

test('a session is asked a bounded number of things at once', async () => {
  const world = new World();
  const ann = world.session('ann');
  const asked = Array.from({ length: 16 }, () => world.asks.ask(ann, question));
  await assert.rejects(world.asks.ask(ann, question), (error) => condition(error) === 'resource-constraint');
  world.asks.over(ann);
  for (const one of asked) await assert.rejects(one);
  assert.equal(world.timers.length, 0);
});
