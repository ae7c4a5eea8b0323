import assert from 'node:assert/strict';
import { test } from 'node:test';
import { altConnections, hostMetaJson, hostMetaXml } from './host-meta.ts';

const BOTH = { webSocket: '/ws', bosh: '/http-bind' };

test('XEP-0156 §2.3: each way to connect is a link, in both forms', () => {
  const links = altConnections('https://chat.example', BOTH);
  assert.deepEqual(hostMetaJson(links), {
    links: [
      { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://chat.example/http-bind' },
      { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://chat.example/ws' },
    ],
  });
  assert.match(hostMetaXml(links), /<Link rel="urn:xmpp:alt-connections:websocket" href="wss:\/\/chat.example\/ws"\/>/);
});

test('XEP-0156 §2.2: an address without TLS is told to nobody but this machine', () => {
  assert.deepEqual(altConnections('http://chat.example:8080', BOTH), []);
  assert.deepEqual(altConnections('http://127.0.0.1.chat.example', BOTH), []);
  assert.equal(altConnections('http://127.0.0.1:8080', BOTH).length, 2);
  assert.equal(altConnections('http://[::1]:8080', { webSocket: '/ws' })[0]?.href, 'ws://[::1]:8080/ws');
});

test('what is not served is not told', () => {
  assert.deepEqual(
    altConnections('https://chat.example', { webSocket: '/ws' }).map(({ href }) => href),
    ['wss://chat.example/ws'],
  );
});

test('nothing that an operator writes breaks out of the attribute', () => {
  assert.match(hostMetaXml([{ rel: 'x', href: 'https://a"b<c&d' }]), /href="https:\/\/a&quot;b&lt;c&amp;d"/);
});
