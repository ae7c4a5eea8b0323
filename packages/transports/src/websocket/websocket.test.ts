import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { RecordingAcceptor, transportContext } from '../testing/harness.ts';
import { clientAddress, createWebSocketEndpoint, originAllowed, type WebSocketEndpoint } from './endpoint.ts';

let server: Server;
let endpoint: WebSocketEndpoint;
let url: string;
const acceptor = new RecordingAcceptor();
const context = transportContext(acceptor);
const sockets: WebSocket[] = [];

before(async () => {
  server = createServer();
  endpoint = createWebSocketEndpoint(context, {
    allowedOrigins: ['https://app.example'],
    maxPayload: 1000,
    trustProxy: false,
    tls: undefined,
  });
  server.on('upgrade', (request, socket, head) => endpoint.upgrade(request, socket as Socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
});
after(async () => {
  for (const socket of sockets) socket.terminate();
  await endpoint.close();
  server.close();
  assert.equal(context.gate.open, 0);
});

async function open(protocols: string[] = ['xmpp'], headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { headers });
  sockets.push(socket);
  await once(socket, 'open');
  return socket;
}

async function refused(protocols: string[], headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, protocols, { headers });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }];
  response.resume();
  socket.terminate();
  return response.statusCode;
}

test('RFC 7395: one element a text frame, both ways; writes of one turn keep their frames apart', async () => {
  const index = acceptor.all.length;
  const client = await open();
  assert.equal(client.protocol, 'xmpp');
  const seen = await acceptor.nth(index);
  assert.equal(seen.connection.framing, 'websocket');
  assert.equal(seen.connection.secure, true, 'loopback needs no TLS');
  assert.equal(seen.connection.canStartTls, false);
  client.send('<open/>');
  await seen.until(() => seen.text === '<open/>');
  const frames: string[] = [];
  const three = new Promise<void>((resolve) =>
    client.on('message', (data, isBinary) => {
      assert.equal(isBinary, false);
      frames.push(String(data));
      if (frames.length === 3) resolve();
    }),
  );
  for (const text of ['<a/>', '<b/>', '<c/>']) seen.connection.write(Buffer.from(text));
  await three;
  assert.deepEqual(frames, ['<a/>', '<b/>', '<c/>']);
  seen.connection.write(Buffer.from('<close/>'));
  seen.connection.close();
  const [code] = (await once(client, 'close')) as [number];
  assert.equal(code, 1000);
  assert.equal(frames.at(-1), '<close/>');
  await seen.until(() => seen.closedCount === 1);
});

test('binary frames are 1003, frames over the limit 1009', async () => {
  for (const [data, expected] of [
    [Buffer.from('<open/>'), 1003],
    ['x'.repeat(1001), 1009],
  ] as const) {
    const client = await open();
    client.send(data);
    const [code] = (await once(client, 'close')) as [number];
    assert.equal(code, expected);
  }
});

test('a fragmented frame arrives whole', async () => {
  const index = acceptor.all.length;
  const client = await open();
  for (const letter of '<open') client.send(letter, { fin: false });
  client.send('/>', { fin: true });
  const seen = await acceptor.nth(index);
  await seen.until(() => seen.chunks > 0);
  assert.deepEqual([seen.chunks, seen.text], [1, '<open/>']);
  client.terminate();
  await seen.until(() => seen.closedCount === 1);
});

test('the subprotocol is mandatory, and pages of strangers stay out', async () => {
  assert.equal(await refused([]), 400);
  assert.equal(await refused(['chat']), 400);
  assert.equal(await refused(['xmpp'], { origin: 'https://evil.example' }), 403);
  assert.equal(await refused(['xmpp'], { origin: 'null' }), 403);
  await open(['chat', 'xmpp'], { origin: 'https://app.example' });
  await open(['xmpp'], { origin: url.replace('ws:', 'http:').replace('/ws', '') });
});

test('origins', () => {
  const allowed = (origin: string | undefined, host: string, list: string[] = []): boolean =>
    originAllowed({ headers: { origin, host } }, list);
  assert.equal(allowed(undefined, 'chat.example'), true);
  assert.equal(allowed('https://chat.example', 'chat.example'), true);
  assert.equal(allowed('https://chat.example:444', 'chat.example'), false);
  assert.equal(allowed('https://chat.example.evil', 'chat.example'), false);
  assert.equal(allowed('not a url', 'chat.example'), false);
  assert.equal(allowed('https://evil.example', 'chat.example', ['*']), true);
});

test('no upgrade after stop()', async () => {
  const other = createWebSocketEndpoint(context, { allowedOrigins: [], maxPayload: 1000, trustProxy: false, tls: undefined });
  other.stop();
  const fresh = createServer();
  fresh.on('upgrade', (request, socket, head) => other.upgrade(request, socket as Socket, head));
  fresh.listen(0, '127.0.0.1');
  await once(fresh, 'listening');
  const socket = new WebSocket(`ws://127.0.0.1:${(fresh.address() as AddressInfo).port}/ws`, ['xmpp']);
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  assert.equal(response.statusCode, 503);
  socket.terminate();
  await other.close();
  fresh.close();
});

test('a refused upgrade holds nothing, also when the peer never closes', async () => {
  const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_error, open) => resolve(open)));
  const before = await count();
  const peers: Socket[] = [];
  for (const lines of ['Origin: https://evil.example\r\nSec-WebSocket-Protocol: xmpp', 'Sec-WebSocket-Protocol: chat']) {
    // Half-open on purpose: the end of the answer is not answered.
    const peer = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    peers.push(peer);
    peer.on('error', () => {});
    peer.write(
      `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${lines}\r\n\r\n`,
    );
    assert.match(String((await once(peer, 'data'))[0]), /^HTTP\/1.1 40[03] /);
  }
  // Others that were closed before may go meanwhile, too.
  while ((await count()) > before) await new Promise((resolve) => setImmediate(resolve));
  for (const peer of peers) peer.destroy();
});

test('who connects: what a proxy says counts only with trustProxy, from this machine, and its last word', () => {
  const says = (text: string) => ({ headers: { 'x-forwarded-for': text } });
  assert.equal(clientAddress(says('203.0.113.7'), '127.0.0.1', false), '127.0.0.1');
  assert.equal(clientAddress(says('203.0.113.7'), '198.51.100.1', true), '198.51.100.1');
  assert.equal(clientAddress(says('10.0.0.1, 203.0.113.7'), '127.0.0.1', true), '203.0.113.7');
  assert.equal(clientAddress(says('::ffff:203.0.113.7'), '::1', true), '203.0.113.7');
  for (const nonsense of ['', 'unknown', '203.0.113.7:80', 'a\u0000b'])
    assert.equal(clientAddress(says(nonsense), '127.0.0.1', true), '127.0.0.1');
  assert.equal(clientAddress({ headers: {} }, '127.0.0.1', true), '127.0.0.1');
});
