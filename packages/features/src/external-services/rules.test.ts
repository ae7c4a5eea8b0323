import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matching, needsCredentials, readServices, userName } from './rules.ts';

test('services are written as URIs (RFC 7064, RFC 7065)', () => {
  assert.deepEqual(readServices(' stun:a.example  turn:a.example:99?transport=tcp turns:[2001:db8::1] '), [
    { host: 'a.example', type: 'stun', port: 3478, transport: 'udp' },
    { host: 'a.example', type: 'turn', port: 99, transport: 'tcp' },
    { host: '2001:db8::1', type: 'turns', port: 5349, transport: 'tcp' },
  ]);
  assert.deepEqual(readServices(''), []);
  for (const wrong of [
    'a.example',
    'http:a.example',
    'turn:',
    'turn:a:0',
    'turn:a:99999',
    'turn:a?transport=quic',
    'turn:user@a',
    'turn://a',
  ])
    assert.equal(readServices(wrong), undefined, wrong);
});

test('§4: credentials are for the service that is named, by port when one is', () => {
  const services = readServices('turn:a:1 turn:a:2 turn:b:1 stun:a:1') ?? [];
  assert.equal(matching(services, [{ host: 'a', type: 'turn' }]).length, 2);
  assert.equal(matching(services, [{ host: 'a', type: 'turn', port: 2 }]).length, 1);
  assert.equal(matching(services, [{ host: 'c', type: 'turn' }]).length, 0);
  assert.deepEqual(services.map(needsCredentials), [true, true, true, false]);
});

test('the name says until when, in seconds', () => assert.equal(userName(1_700_000_000_999, 'x'), '1700000000:x'));
