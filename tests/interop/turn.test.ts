// XEP-0215 with a real TURN server (coturn): what the chat server tells is taken there, and a packet goes through.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Heard, Person } from '../scenarios/people.ts';
import { freePorts, Program, waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Address, TurnClient } from './drivers/turn.ts';

const NS = 'urn:xmpp:extdisco:2';
const SECRET = 'shared-with-the-turn-server';
/** Too long to stand in a random name by chance. */
const USER = 'annabella-of-the-harbour';
const missing = spawnSync('turnserver', ['--version']).error === undefined ? false : 'coturn is not installed: sudo apt-get install coturn';

describe('TURN with coturn', { skip: missing }, () => {
  let server: TestServer;
  let turn: Program;
  let folder: string;
  let at: Address;

  before(async () => {
    const [port = 0] = await freePorts(1);
    at = { host: '127.0.0.1', port };
    folder = await mkdtemp(join(tmpdir(), 'parley-turn-'));
    turn = new Program('turnserver', [
      ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--no-rfc5780', '--log-file=stdout', '--simple-log', '--allow-loopback-peers'],
      `--pidfile=${join(folder, 'turn.pid')}`,
      `--userdb=${join(folder, 'turn.db')}`,
      `--listening-ip=${at.host}`,
      `--relay-ip=${at.host}`,
      `--listening-port=${at.port}`,
      '--use-auth-secret',
      `--static-auth-secret=${SECRET}`,
      '--realm=localhost',
    ]);
    server = await startServer({
      config: {
        'auth.allowPlaintext': true,
        'features.external-services.services': `stun:127.0.0.1:${port} turn:127.0.0.1:${port}?transport=udp turn:127.0.0.1:${port}?transport=tcp`,
        'features.external-services.secret': SECRET,
        'features.external-services.credentialsTime': '10m',
      },
    });
    await server.createUser(USER, 'secret');
    await waitFor('coturn to answer', async () => {
      if (!turn.running) throw new Error(`coturn has ended:\n${turn.output.slice(-2000)}`);
      const client = await TurnClient.open(at);
      const answer = await client.allocate('nobody', 'wrong').finally(() => client.close());
      return answer === 401;
    });
  });
  after(async () => {
    await turn?.end();
    if (folder) await rm(folder, { recursive: true, force: true });
    await server?.stop();
  });

  const services = (answer: Heard): Readonly<Record<string, string>>[] =>
    (answer.children.find((child) => child.ns === NS)?.all('service') ?? []).map((service) => service.attrs);
  const asked = async (payload: string): Promise<Readonly<Record<string, string>>[]> => {
    const ann = await Person.signIn(server, USER);
    const answer = await ann.ask('get', payload, 'localhost');
    ann.cut();
    assert.equal(answer.attrs['type'], 'result', String(answer));
    return services(answer);
  };

  test('a packet goes to a peer and back through the relay that the credentials open', async () => {
    const [service] = (await asked(`<services xmlns='${NS}' type='turn'/>`)).filter((one) => one['transport'] === 'udp');
    assert.ok(service !== undefined);
    const until = Date.parse(service['expires'] ?? '');
    assert.ok(until > Date.now() + 500_000 && until <= Date.now() + 600_000, String(service['expires']));
    const client = await TurnClient.open({ host: service['host'] ?? '', port: Number(service['port']) });
    const peer = createSocket('udp4');
    peer.bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const peerAddress = { host: '127.0.0.1', port: peer.address().port };
    try {
      const relayed = await client.allocate(service['username'] ?? '', service['password'] ?? '');
      assert.ok(typeof relayed !== 'number', `coturn refuses with ${relayed}:\n${turn.output.slice(-2000)}`);
      await client.permit(peerAddress);
      const arrived = once(peer, 'message') as Promise<[Buffer, Address & { address: string }]>;
      client.send(Buffer.from('ringing'), peerAddress);
      const [packet, from] = await arrived;
      assert.equal(packet.toString(), 'ringing');
      assert.deepEqual([from.address, from.port], [relayed.host, relayed.port], 'the peer sees the relay, not Ann');
      const back = new Promise<string>((resolve) => {
        client.onData = (data, who) => resolve(`${data} from ${who.port}`);
      });
      peer.send('hello', relayed.port, relayed.host);
      assert.equal(await back, `hello from ${peerAddress.port}`);
    } finally {
      client.close();
      peer.close();
    }
  });

  test('forged credentials: another name, a longer time or another password open nothing', async () => {
    const [service] = await asked(`<credentials xmlns='${NS}'><service host='127.0.0.1' type='turn'/></credentials>`);
    const { username = '', password = '' } = service ?? {};
    const [seconds, who] = username.split(':');
    for (const [name, secret] of [
      [`${Number(seconds) + 86_400}:${who}`, password],
      [`${seconds}:mallory`, password],
      [username, `${password.startsWith('A') ? 'B' : 'A'}${password.slice(1)}`],
    ] as const) {
      const client = await TurnClient.open(at);
      const answer = await client.allocate(name, secret).finally(() => client.close());
      assert.equal(answer, 401, `${name} with ${secret}`);
    }
  });

  test('names tell nothing of the account, are its own, and STUN needs none', async () => {
    const all = await asked(`<services xmlns='${NS}'/>`);
    assert.equal(all.length, 3);
    const [stun] = all.filter((one) => one['type'] === 'stun');
    assert.deepEqual([stun?.['username'], stun?.['password'], stun?.['restricted']], [undefined, undefined, undefined]);
    const names = all.filter((one) => one['type'] === 'turn').map((one) => one['username'] ?? '');
    assert.ok(names.every((name) => /^\d{10}:[\w-]{16}$/.test(name) && !name.includes(USER)));
    assert.ok(!server.log().includes(SECRET));
  });
});
