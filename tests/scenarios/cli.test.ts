// What an operator types: `parley` against a running and a stopped server.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CliAnswer, parley as runParley } from '../support/cli.ts';
import { waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const parley = (args: readonly string[], input?: string): Promise<CliAnswer> => runParley(server, args, input);

async function json<T>(args: readonly string[], input?: string): Promise<T> {
  const { code, out, err } = await parley([...args, '--json'], input);
  assert.equal(code, 0, `parley ${args.join(' ')}: ${err}`);
  return JSON.parse(out) as T;
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const addresses = async (): Promise<string[]> => (await json<{ jid: string }[]>(['user', 'list'])).map(({ jid }) => jid);

test('the operator makes an account, its owner signs in and is seen, kicked, and locked out by a new password', async () => {
  assert.deepEqual(await json(['user', 'add', 'olga', '--password-stdin'], 'secret\n'), { jid: 'olga@localhost' });
  assert.ok((await addresses()).includes('olga@localhost'));

  const olga = await Person.signIn(server, 'olga');
  const sessions = await waitFor('the session to be listed as available', async () => {
    const found = await json<{ jid: string; available: boolean }[]>(['session', 'list']);
    return found.some(({ jid, available }) => jid === olga.jid && available) && found;
  });
  assert.equal(sessions.filter(({ jid }) => jid.startsWith('olga@localhost/')).length, 1);

  assert.deepEqual(await json(['session', 'kick', 'olga']), { ended: 1 });
  await olga.gone();
  const again = await parley(['session', 'kick', 'olga']);
  assert.deepEqual(again, { code: 1, out: '', err: 'olga@localhost is not signed in.\n' });

  assert.equal((await parley(['user', 'password', 'olga', '--password-stdin'], 'changed')).code, 0);
  await assert.rejects(Person.signIn(server, 'olga'));
});

test('the doctor finds the running server on its ports, and status its numbers', async () => {
  const findings = await json<{ state: string; subject: string; text: string }[]>(['doctor']);
  for (const subject of ['listen.xmpp', 'listen.xmpps', 'listen.http', 'certificate', 'server'])
    assert.equal(findings.find((finding) => finding.subject === subject)?.state, 'ok', `${subject}: ${JSON.stringify(findings)}`);
  const status = await json<{ running: boolean; pid: number }>(['status']);
  assert.deepEqual([status.running, status.pid], [true, server.pid]);
});

test('the same commands work on the data of the stopped server, and the server goes on with what they did', async () => {
  await server.createUser('peter', 'secret');
  const { pid } = server;
  process.kill(pid, 'SIGTERM');
  await waitFor('the server to end', () => !alive(pid));
  assert.ok(!existsSync(join(server.dataDir, 'admin.sock')), 'a clean stop leaves no socket');

  assert.ok((await addresses()).includes('peter@localhost'));
  assert.deepEqual(await json(['user', 'add', 'quinn', '--password-stdin'], 'secret'), { jid: 'quinn@localhost' });
  assert.equal((await parley(['user', 'remove', 'peter', '--yes'])).code, 0);
  assert.deepEqual(await json(['session', 'list']), []);
  assert.deepEqual(await json(['queue']), []);

  await server.restart();
  // A server that died leaves its socket behind: nobody answers there.
  await server.kill();
  assert.ok(existsSync(join(server.dataDir, 'admin.sock')));
  assert.ok((await addresses()).includes('quinn@localhost'));

  await server.restart();
  const quinn = await Person.signIn(server, 'quinn');
  assert.equal(quinn.bare, 'quinn@localhost');
  await assert.rejects(Person.signIn(server, 'peter'));
});

test('a device that is away has a queue, longest first', async () => {
  // Ann's device has been here once and left; two messages wait for it.
  await json(['user', 'add', 'ann', '--password-stdin'], 'secret');
  await json(['user', 'add', 'bob', '--password-stdin'], 'secret');
  const ann = await Person.signIn(server, 'ann', { resource: 'phone' });
  await ann.leave();
  const bob = await Person.signIn(server, 'bob');
  for (const text of ['one', 'two']) bob.send(`<message to='ann@localhost' type='chat'><body>${text}</body></message>`);
  await bob.settled();
  const queue = await waitFor('the queue of two', async () => {
    const found = await json<{ jid: string; device: string; queueLength: number; queueAgeMs: number }[]>(['queue']);
    return found.find(({ jid, queueLength }) => jid === 'ann@localhost' && queueLength === 2);
  });
  assert.equal(queue.device, 'phone');
  assert.ok(queue.queueAgeMs >= 0);
});

test('a password is never taken from the arguments', async () => {
  const answer = await parley(['user', 'add', 'rita', 'secret']);
  assert.equal(answer.code, 1);
  assert.match(answer.err, /too many arguments/);
  assert.ok(!(await addresses()).includes('rita@localhost'));
});
