import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { RecordingAcceptor, transportContext } from '../testing/harness.ts';
import { selfSignedCertificate } from '../tls/certificate.ts';
import { createTlsContext, type TlsContext } from '../tls/context.ts';
import type { StreamConnection } from './connection.ts';
import { listenXmpp } from './listener.ts';

let tls: TlsContext;
let ca: string;
before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-tls-'));
  const pair = await selfSignedCertificate(folder, 'localhost', Date.now());
  ca = pair.cert;
  tls = createTlsContext(new Map([['localhost', pair]]));
  await rm(folder, { recursive: true });
});

const open: (Socket | TLSSocket)[] = [];
after(() => {
  for (const socket of open) socket.destroy();
});

async function plain(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function secure(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ ca, servername: 'localhost', ...options });
  open.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

/** Reads until the text ends like this. */
function read(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const over = (): void => reject(new Error(`the connection was closed after ${text.slice(-200)}`));
    const take = (chunk: Buffer): void => {
      text += String(chunk);
      if (!text.endsWith(end)) return;
      socket.off('data', take).off('close', over);
      resolve(text);
    };
    // One listener for all of it: several pieces may come before anybody who waits for each can ask again.
    socket.on('data', take).once('close', over);
  });
}

describe('TCP', () => {
  test('carries bytes both ways and gathers the writes of one turn', async () => {
    const acceptor = new RecordingAcceptor();
    acceptor.onReceive = ({ connection }, text) => {
      connection.write(Buffer.from('<'));
      connection.write(Buffer.from(text));
      assert.equal(connection.queuedBytes, text.length + 1);
      connection.write(Buffer.from('>'));
    };
    const server = await listenXmpp(transportContext(acceptor), {
      host: '127.0.0.1',
      port: 0,
      directTls: false,
      tls: undefined,
      key: 'listen.xmpp',
    });
    const client = await plain(server.port);
    client.write('hello');
    const [chunk] = await once(client, 'data');
    assert.equal(String(chunk), '<hello>');
    const seen = await acceptor.nth(0);
    assert.equal(seen.connection.remoteAddress, '127.0.0.1');
    assert.equal(seen.connection.secure, false);
    assert.equal(seen.connection.canStartTls, false);
    client.end();
    await seen.until(() => seen.closedCount > 0);
    assert.equal(server.connections, 0);
    await server.close();
    assert.equal(seen.closedCount, 1);
  });

  test('close() sends what is queued, then ends', async () => {
    const acceptor = new RecordingAcceptor();
    const context = transportContext(acceptor);
    const server = await listenXmpp(context, { host: '127.0.0.1', port: 0, directTls: false, tls: undefined, key: 'listen.xmpp' });
    const client = await plain(server.port);
    const seen = await acceptor.nth(0);
    seen.connection.write(Buffer.from('bye'));
    seen.connection.close();
    seen.connection.write(Buffer.from('too late'));
    assert.equal(await read(client, 'bye'), 'bye');
    await once(client, 'end');
    await seen.until(() => seen.closedCount > 0);
    assert.equal(context.gate.open, 0);
    await server.close();
  });

  test('drained() comes although more was written in the turn in which the socket took the last byte', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), {
      host: '127.0.0.1',
      port: 0,
      directTls: false,
      tls: undefined,
      key: 'listen.xmpp',
    });
    const client = await plain(server.port);
    const seen = await acceptor.nth(0);
    client.pause();
    const connection = seen.connection as StreamConnection;
    connection.write(Buffer.alloc(16_000_000, 'a'));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(connection.queuedBytes > 0);
    // Another connection's work of the same turn: output is gathered when the socket says that it has room.
    const tell = connection.socketDrained.bind(connection);
    connection.socketDrained = () => {
      connection.write(Buffer.from('b'));
      tell();
    };
    client.resume();
    await seen.until(() => seen.drainedCount > 0);
    await server.close();
  });

  test('pause() stops reading, resume() goes on', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), {
      host: '127.0.0.1',
      port: 0,
      directTls: false,
      tls: undefined,
      key: 'listen.xmpp',
    });
    const client = await plain(server.port);
    const seen = await acceptor.nth(0);
    client.write('a');
    await seen.until(() => seen.text === 'a');
    seen.connection.pause();
    // More than the socket buffers of both sides hold: the client can only finish once reading goes on.
    const size = 16_000_000;
    let finished = false;
    client.write(Buffer.alloc(size, 'b'), () => {
      finished = true;
    });
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(seen.text, 'a');
    assert.equal(finished, false);
    seen.connection.resume();
    // The byte budget (1 MiB a second, two seconds' worth at once) lets the first two megabytes through.
    await seen.until(() => seen.text.length > 2_000_000);
    client.destroy();
    await server.close();
  });

  test('a slow reader shows as queued bytes, and drained() tells when it caught up', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), {
      host: '127.0.0.1',
      port: 0,
      directTls: false,
      tls: undefined,
      key: 'listen.xmpp',
    });
    const client = await plain(server.port);
    client.pause();
    const seen = await acceptor.nth(0);
    const piece = Buffer.alloc(1_000_000, 'x');
    for (let i = 0; i < 20; i++) seen.connection.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(seen.connection.queuedBytes > 1_000_000, `${seen.connection.queuedBytes} bytes queued`);
    assert.equal(seen.drainedCount, 0);
    client.resume();
    await seen.until(() => seen.drainedCount > 0);
    assert.equal(seen.connection.queuedBytes, 0);
    client.destroy();
    await server.close();
  });

  test('a client above its bytes a second is read more slowly', async () => {
    const acceptor = new RecordingAcceptor();
    const context = transportContext(acceptor, { bytesPerSecond: 1_000_000 });
    const server = await listenXmpp(context, { host: '127.0.0.1', port: 0, directTls: false, tls: undefined, key: 'listen.xmpp' });
    const client = await plain(server.port);
    const seen = await acceptor.nth(0);
    const began = Date.now();
    client.write(Buffer.alloc(2_500_000, ' '));
    await seen.until(() => seen.text.length === 2_500_000);
    // Two seconds' worth may come at once; the last half megabyte cannot have come sooner than this.
    assert.ok(Date.now() - began >= 400);
    await server.close();
  });

  test('too many connections from one address are refused', async () => {
    const acceptor = new RecordingAcceptor();
    const context = transportContext(acceptor, { connections: 2 });
    const server = await listenXmpp(context, { host: '127.0.0.1', port: 0, directTls: false, tls: undefined, key: 'listen.xmpp' });
    await plain(server.port);
    await plain(server.port);
    await acceptor.nth(1);
    const third = await plain(server.port);
    third.resume();
    await once(third, 'close');
    assert.equal(acceptor.all.length, 2);
    assert.equal(context.gate.refused, 1);
    await server.close();
    assert.equal(context.gate.open, 0);
  });

  test('a taken port is said in one sentence', async () => {
    const context = transportContext(new RecordingAcceptor());
    const options = { host: '127.0.0.1', directTls: false, tls: undefined, key: 'listen.xmpp' };
    const first = await listenXmpp(context, { ...options, port: 0 });
    await assert.rejects(listenXmpp(context, { ...options, port: first.port }), {
      code: 'EADDRINUSE',
      message: `listen.xmpp: another program listens on 127.0.0.1:${first.port} already; stop it or choose another port with --listen.xmpp=127.0.0.1:<port>.`,
    });
    await first.close();
  });
});

describe('TLS', () => {
  test('direct TLS: ALPN, TLS 1.3, the same exporter value on both sides', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: true, tls, key: 'listen.xmpps' });
    const client = await secure({ port: server.port, ALPNProtocols: ['xmpp-client'] });
    assert.equal(client.alpnProtocol, 'xmpp-client');
    assert.equal(client.getProtocol(), 'TLSv1.3');
    const seen = await acceptor.nth(0);
    assert.equal(seen.connection.secure, true);
    assert.deepEqual(
      seen.connection.channelBinding('tls-exporter'),
      client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
    );
    assert.equal(seen.connection.channelBinding('tls-server-end-point')?.length, 32);
    client.write('ping');
    await seen.until(() => seen.text === 'ping');
    seen.connection.write(Buffer.from('pong'));
    assert.equal(await read(client, 'pong'), 'pong');
    seen.connection.close();
    await seen.until(() => seen.closedCount === 1);
    await server.close();
  });

  test('another ALPN protocol is refused, none is fine', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: true, tls, key: 'listen.xmpps' });
    await assert.rejects(secure({ port: server.port, ALPNProtocols: ['h2'] }), /no application protocol/);
    await secure({ port: server.port });
    await acceptor.nth(0);
    await server.close();
  });

  test('TLS 1.2 has no exporter binding here; TLS 1.1 is refused', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: true, tls, key: 'listen.xmpps' });
    await secure({ port: server.port, maxVersion: 'TLSv1.2' });
    const seen = await acceptor.nth(0);
    assert.equal(seen.connection.channelBinding('tls-exporter'), undefined);
    await assert.rejects(secure({ port: server.port, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    await server.close();
  });

  test('STARTTLS: proceed goes out in the clear, the rest encrypted, and nothing sent before the handshake gets in', async () => {
    const acceptor = new RecordingAcceptor();
    acceptor.onReceive = ({ connection }, text) => {
      if (text.startsWith('starttls')) {
        connection.write(Buffer.from('proceed'));
        connection.startTls('localhost');
      } else connection.write(Buffer.from(`tls:${text}`));
    };
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: false, tls, key: 'listen.xmpp' });
    const raw = await plain(server.port);
    assert.equal((await acceptor.nth(0)).connection.canStartTls, true);
    raw.write('starttls');
    assert.equal(await read(raw, 'proceed'), 'proceed');
    const client = await secure({ socket: raw });
    const seen = await acceptor.nth(0);
    await seen.until(() => seen.securedCount === 1);
    assert.equal(seen.connection.secure, true);
    assert.equal(seen.connection.canStartTls, false);
    client.write('hello');
    assert.equal(await read(client, 'hello'), 'tls:hello');
    client.destroy();
    await seen.until(() => seen.closedCount === 1);
    await server.close();
  });

  test('plain bytes where the handshake should be close the connection', async () => {
    const acceptor = new RecordingAcceptor();
    acceptor.onReceive = ({ connection }, text) => {
      if (text === 'starttls') {
        connection.write(Buffer.from('proceed'));
        connection.startTls('localhost');
      }
    };
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: false, tls, key: 'listen.xmpp' });
    const raw = await plain(server.port);
    raw.write('starttls');
    await read(raw, 'proceed');
    raw.write("<iq type='set'><injected/></iq>");
    raw.resume();
    await once(raw, 'close');
    const seen = await acceptor.nth(0);
    await seen.until(() => seen.closedCount === 1);
    assert.equal(seen.text, 'starttls');
    await server.close();
  });

  test('a handshake that does not come to an end is cut off', async () => {
    const acceptor = new RecordingAcceptor();
    const server = await listenXmpp(transportContext(acceptor, { tlsHandshakeMs: 50 }), {
      host: '127.0.0.1',
      port: 0,
      directTls: true,
      tls,
      key: 'listen.xmpps',
    });
    const raw = await plain(server.port);
    raw.resume();
    await once(raw, 'close');
    assert.equal(acceptor.all.length, 0);
    while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
    await server.close();
  });

  test('many connections at once keep their bytes apart', async () => {
    const acceptor = new RecordingAcceptor();
    acceptor.onReceive = ({ connection }, text) => connection.write(Buffer.from(text));
    const server = await listenXmpp(transportContext(acceptor), { host: '127.0.0.1', port: 0, directTls: true, tls, key: 'listen.xmpps' });
    const echo = async (index: number): Promise<void> => {
      const client = await secure({ port: server.port });
      const text = `${index}:${'z'.repeat(1000 * index)};`;
      client.write(text);
      assert.equal(await read(client, ';'), text);
      client.destroy();
    };
    await Promise.all(Array.from({ length: 30 }, (_, index) => echo(index)));
    await server.close();
  });
});
