import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, Stanza } from '@parley/xml';
import { Hooks } from '../hooks/hook.ts';
import type { Session } from '../session/session.ts';
import { ServiceAsks } from './service-asks.ts';
import { type ServiceHandlers, type ServiceStanza, Services } from './services.ts';

const ANN = { id: 1, localpart: 'ann', domain: 'here' } as AccountRecord;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function make() {
  const delivered: string[] = [];
  const sent: string[] = [];
  const session = {
    jid: Jid.parse('ann@here/phone'),
    address: 'ann@here/phone',
    account: ANN,
    pendingKept: 0,
    available: true,
    sendBytes: (bytes: Uint8Array) => sent.push(new TextDecoder().decode(bytes)),
    send: (element: Element) => sent.push(element.toString()),
  } as unknown as Session;
  const services = new Services({
    domain: 'here',
    hooks: new Hooks(
      (error) => error instanceof StanzaError,
      () => {},
    ),
    directory: { at: (full: string) => (full === session.address ? session : undefined), of: () => [session] } as never,
    log: silent,
    account: (local) => (local === 'ann' ? ANN : undefined),
    toAccount: (stanza) => void delivered.push(`${stanza.from} ${stanza.to}`),
    answer: () => {
      throw new StanzaError('service-unavailable');
    },
    enlist: (_session, item) => item.committed(),
    whenDurable: (item) => item.committed(),
    refuse: () => {},
    servicesFor: () => undefined,
  });
  const add = (domain: string, handlers: Partial<ServiceHandlers> = {}) => {
    const got: ServiceStanza[] = [];
    const keep = (call: ServiceStanza): void => void got.push(call);
    return { got, ...services.add(domain, { message: keep, presence: keep, iq: keep, ...handlers }, {}) };
  };
  const fromAnn = (element: Element): void | Promise<void> => {
    const stanza = Stanza.from(element);
    return services.fromClient(session, stanza, Jid.parse(stanza.to ?? ''));
  };
  return { services, add, fromAnn, session, sent, delivered };
}

test('a stanza for a domain that nobody answers for is refused; presence that only says farewell is not', () => {
  const { fromAnn } = make();
  const refused = (error: unknown): boolean => error instanceof StanzaError && error.condition === 'remote-server-not-found';
  assert.throws(() => fromAnn(el('message', { to: 'x@rooms.here' })), refused);
  assert.throws(() => fromAnn(el('iq', { to: 'rooms.here', type: 'get', id: '1' }, el('x', { xmlns: 'y' }))), refused);
  assert.throws(() => fromAnn(el('presence', { to: 'x@rooms.here/a' })), refused);
  fromAnn(el('presence', { to: 'x@rooms.here/a', type: 'unavailable' }));
});

test('the service gets every stanza for its domain, until it is undone', () => {
  const { add, fromAnn, services } = make();
  const { got, undo } = add('rooms.here');
  fromAnn(el('message', { to: 'x@rooms.here' }));
  fromAnn(el('iq', { to: 'rooms.here', type: 'result', id: '1' }));
  assert.deepEqual(
    got.map(({ stanza, from, to }) => `${stanza.name} ${from} ${to}`),
    ['message ann@here/phone x@rooms.here', 'iq ann@here/phone rooms.here'],
  );
  assert.deepEqual(services.listed(), [{ jid: 'rooms.here', name: undefined }]);
  assert.throws(() => add('rooms.here'), /taken/);
  assert.throws(() => add('here'), /taken/);
  undo();
  assert.throws(() => fromAnn(el('message', { to: 'x@rooms.here' })), StanzaError);
  assert.deepEqual(services.listed(), []);
});

test('whoever sent presence to a service and goes is taken leave of there, once and only where it still is', () => {
  const { add, fromAnn, services, session } = make();
  const { got, service } = add('rooms.here');
  for (const room of ['a', 'b', 'c']) fromAnn(el('presence', { to: `${room}@rooms.here/Ann` }));
  fromAnn(el('presence', { to: 'b@rooms.here/Ann', type: 'unavailable' }));
  service.forgetPresence(session, 'c@rooms.here/Ann');
  got.length = 0;
  services.left(session, undefined);
  services.left(session, undefined);
  assert.deepEqual(
    got.map(({ stanza, to }) => `${stanza.type} ${to}`),
    ['unavailable a@rooms.here/Ann'],
  );
});

test('a service speaks for its own domain only (forged from)', () => {
  const { add, delivered } = make();
  const { service } = add('rooms.here');
  for (const from of ['here', 'bob@here', 'rooms.here.evil', undefined])
    assert.throws(() => service.send(el('message', { from, to: 'ann@here' })), StanzaError);
  service.send(el('message', { from: 'x@rooms.here/Bob', to: 'ann@here' }));
  assert.deepEqual(delivered, ['x@rooms.here/Bob ann@here']);
});

test('what a service sends to a session arrives there; what cannot be delivered comes back as an error, and an error never does', () => {
  const { add, sent } = make();
  const { got, service } = add('rooms.here');
  service.send(el('presence', { from: 'x@rooms.here/Bob', to: 'ann@here/phone' }));
  assert.match(sent[0] ?? '', /^<presence /);
  service.send(el('message', { from: 'rooms.here', to: 'nobody@here', id: 'm' }));
  service.send(el('message', { from: 'rooms.here', to: 'nobody@here', type: 'error' }));
  service.send(el('iq', { from: 'rooms.here', to: 'ann@here/tablet', type: 'get', id: 'i' }, el('x', { xmlns: 'y' })));
  service.send(el('iq', { from: 'rooms.here', to: 'x@elsewhere', type: 'set', id: 'j' }, el('x', { xmlns: 'y' })));
  assert.deepEqual(
    got.map(({ stanza, from }) => `${stanza.name} ${stanza.id} ${stanza.type} ${from}`),
    ['message m error nobody@here', 'iq i error ann@here/tablet', 'iq j error x@elsewhere'],
  );
});

test('services reach each other, and a request between them is answered', () => {
  const { add } = make();
  const rooms = add('rooms.here');
  const gateway = add('gateway.here');
  gateway.service.send(el('iq', { from: 'gateway.here', to: 'rooms.here', type: 'get', id: 'q' }, el('x', { xmlns: 'y' })));
  const [request] = rooms.got;
  assert.ok(request !== undefined && request.session === undefined);
  rooms.service.reply(request, el('x', { xmlns: 'y' }));
  assert.deepEqual(
    gateway.got.map(({ stanza, from }) => `${stanza.type} ${stanza.id} ${from}`),
    ['result q rooms.here'],
  );
});

test('the host asks a service; only the address that was asked answers, once', async () => {
  const { add, services } = make();
  const clock = { now: () => 0, soon: () => {}, after: () => () => {} };
  const asks = new ServiceAsks('here', services, clock, { bytes: (n) => new Uint8Array(n).fill(7) });
  const { got, service } = add('push.here');
  const other = add('evil.here');
  const question = el('x', { xmlns: 'y' });
  const asked = asks.ask(Jid.parse('push.here'), question, { type: 'set' });
  const id = got[0]?.stanza.id;
  assert.equal(got[0]?.from.toString(), 'here');
  other.service.send(el('iq', { from: 'evil.here', to: 'here', type: 'result', id }, el('x', { xmlns: 'forged' })));
  service.send(el('iq', { from: 'push.here', to: 'here', type: 'result', id }, el('x', { xmlns: 'true' })));
  assert.equal((await asked)?.ns, 'true');
  const refused = asks.ask(Jid.parse('push.here'), question);
  service.send(el('iq', { from: 'push.here', to: 'here', type: 'error', id: got[1]?.stanza.id }, new StanzaError('forbidden').toElement()));
  await assert.rejects(refused, (error) => error instanceof StanzaError && error.condition === 'forbidden');
  await assert.rejects(
    asks.ask(Jid.parse('nobody.here'), question),
    (error) => error instanceof StanzaError && error.condition === 'remote-server-not-found',
  );
});
