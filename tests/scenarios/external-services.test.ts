// XEP-0215: what the server says of STUN and TURN. That a TURN server takes the credentials is shown in tests/interop/turn.test.ts.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { newUser } from './messages.ts';
import { type Heard, Person } from './people.ts';

const NS = 'urn:xmpp:extdisco:2';
const base = {
  'auth.allowPlaintext': true,
  'features.external-services.services': 'stun:stun.example turn:turn.example turns:turn.example:443?transport=tcp',
};
const server = await startServer({ config: { ...base, 'features.external-services.secret': 's3cret' } });
test.after(() => server.stop());
const ask = async (on: TestServer, payload: string): Promise<Heard> => {
  const ann = await Person.signIn(on, await newUser(on, 'ann'));
  const answer = await ann.ask('get', payload, 'localhost');
  ann.cut();
  return answer;
};
const list = (answer: Heard): string[] =>
  (answer.children[0]?.all('service') ?? []).map(({ attrs }) => `${attrs['type']} ${attrs['host']} ${attrs['port']} ${attrs['transport']}`);

test('§3: all services, or those of a type; advertised', async () => {
  assert.deepEqual(list(await ask(server, `<services xmlns='${NS}'/>`)), [
    'stun stun.example 3478 udp',
    'turn turn.example 3478 udp',
    'turns turn.example 443 tcp',
  ]);
  assert.deepEqual(list(await ask(server, `<services xmlns='${NS}' type='turns'/>`)), ['turns turn.example 443 tcp']);
  assert.deepEqual(list(await ask(server, `<services xmlns='${NS}' type='ftp'/>`)), []);
  const info = await ask(server, `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === NS),
  );
});

test('§4: credentials are an HMAC over their own end, different for each account', async () => {
  const request = `<credentials xmlns='${NS}'><service host='turn.example' type='turn'/></credentials>`;
  const [one, other] = [await ask(server, request), await ask(server, request)].map(
    (answer) => answer.child('credentials')?.child('service')?.attrs,
  );
  const { username = '', password } = one ?? {};
  assert.equal(password, createHmac('sha1', 's3cret').update(username).digest('base64'));
  assert.ok(Number(username.split(':')[0]) * 1000 === Date.parse(one?.['expires'] ?? ''));
  assert.notEqual(username.split(':')[1], other?.['username']?.split(':')[1]);
});

test('bad input and unknown services', async () => {
  for (const [payload, condition] of [
    [`<credentials xmlns='${NS}'/>`, 'bad-request'],
    [`<credentials xmlns='${NS}'><service type='turn'/></credentials>`, 'bad-request'],
    [`<credentials xmlns='${NS}'><service host='turn.example' type='turn' port='x'/></credentials>`, 'bad-request'],
    [`<credentials xmlns='${NS}'><service host='elsewhere.example' type='turn'/></credentials>`, 'item-not-found'],
    [`<credentials xmlns='${NS}'><service host='turn.example' type='turn' port='1'/></credentials>`, 'item-not-found'],
    [`<credentials xmlns='${NS}'>${`<service host='turn.example' type='turn'/>`.repeat(100)}</credentials>`, 'bad-request'],
  ] as const)
    assert.equal((await ask(server, payload)).error, condition, payload.slice(0, 120));
});

test('without a secret no credentials are made up', async () => {
  const plain = await startServer({ config: base });
  try {
    const turn = (await ask(plain, `<services xmlns='${NS}' type='turn'/>`)).child('services')?.child('service')?.attrs ?? {};
    assert.deepEqual([turn['username'], turn['password'], turn['restricted']], [undefined, undefined, 'true']);
    assert.equal(
      (await ask(plain, `<credentials xmlns='${NS}'><service host='turn.example' type='turn'/></credentials>`)).error,
      'not-authorized',
    );
  } finally {
    await plain.stop();
  }
});
