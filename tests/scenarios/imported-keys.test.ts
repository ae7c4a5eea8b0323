// Accounts of another server have the sign-in keys that it made: clients that take the strongest mechanism get in, and nobody learns who came from there.
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { Person } from './people.ts';
import { authenticate, base64, dial, NS_SASL2, phoneOf, scram } from './sign-in.ts';

const folder = await mkdtemp(join(tmpdir(), 'parley-keys-'));
test.after(() => rm(folder, { recursive: true }));
const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const ROUNDS = 10_000;
/** As Prosody writes it: SHA-1, its rounds, a UUID as salt. */
function user(name: string): string {
  const salt = randomUUID();
  const salted = pbkdf2Sync('secret', salt, ROUNDS, 20, 'sha1');
  const stored = createHash('sha1').update(createHmac('sha1', salted).update('Client Key').digest()).digest('base64');
  const serverKey = createHmac('sha1', salted).update('Server Key').digest('base64');
  return `<user name='${name}'><scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>${ROUNDS}</iter-count><salt>${base64(salt)}</salt><server-key>${serverKey}</server-key><stored-key>${stored}</stored-key></scram-credentials></user>`;
}
async function take(...names: string[]): Promise<void> {
  const path = join(folder, `${names[0]}.xml`);
  await writeFile(path, `<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'>${names.map(user).join('')}</host></server-data>`);
  const { code, err } = await parley(server, ['import', path]);
  assert.equal(code, 0, err);
}
async function mechanisms(of: TestServer = server): Promise<string[]> {
  const guest = await Person.guest(of);
  const features = await guest.take({ name: 'features' });
  guest.cut();
  const list = features.child('mechanisms')?.all('mechanism') ?? [];
  const second = features.child('authentication', NS_SASL2)?.all('mechanism') ?? [];
  const scrams = (names: typeof list): string[] => names.map((one) => one.text).filter((name) => name.startsWith('SCRAM'));
  assert.deepEqual(scrams(second), scrams(list), 'both profiles offer the same');
  return scrams(list);
}
/** What a challenge shows to somebody who has no password. */
async function shape(name: string): Promise<string> {
  const person = await dial(server, phoneOf(name));
  person.send(authenticate('SCRAM-SHA-1', base64(`n,,n=${name},r=abc`), ''));
  const challenge = Buffer.from((await person.take({ name: 'challenge' })).text, 'base64').toString();
  person.cut();
  const [, s = '', i = ''] = /,s=([^,]+),i=(\d+)/.exec(challenge) ?? [];
  const salt = Buffer.from(s, 'base64');
  return `${i} ${/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(salt.toString('latin1')) ? 'uuid' : salt.length}`;
}
const status = async (): Promise<Record<string, unknown>> => JSON.parse((await parley(server, ['status', '--json'])).out);
const ALL = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];

test('the strongest mechanism that is offered is one that every account can use', async () => {
  await server.createUser('ann', 'secret');
  assert.deepEqual(await mechanisms(), ALL);
  await take('bob', 'cora');
  assert.deepEqual(await mechanisms(), ['SCRAM-SHA-1']);
  assert.equal((await status())['accountsWithoutSha512Keys'], 2);
  for (const name of ['ann', 'bob']) {
    const phone = phoneOf(name);
    const done = await scram(await dial(server, phone), phone, '', { mechanism: 'SCRAM-SHA-1' });
    assert.equal(done.name, 'success', String(done));
  }
});

test('security: enumeration of accounts: a name without an account shows what an imported one shows, as often as there are such', async () => {
  assert.equal(await shape('bob'), '10000 uuid');
  assert.equal(await shape('ann'), '4096 16');
  const seen = new Set<string>();
  for (let i = 0; i < 60 && seen.size < 2; i++) seen.add(await shape(`nobody${i}`));
  assert.deepEqual([...seen].sort(), ['10000 uuid', '4096 16']);
  assert.equal(await shape('nobody7'), await shape('nobody7'));
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-512'] as const) {
    const phone = phoneOf('bob');
    const wrong = await scram(await dial(server, phone), phone, '', { mechanism, password: 'wrong' });
    const nobody = phoneOf('nobody');
    const none = await scram(await dial(server, nobody), nobody, '', { mechanism });
    assert.equal(wrong.children[0]?.name, none.children[0]?.name);
  }
});

test('who shows the password itself, or is asked to upgrade (XEP-0480), has all keys from then on; then all is offered again', async () => {
  const wrong = await Person.guest(server);
  await wrong.take({ name: 'features' });
  wrong.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${base64('\0bob\0wrong')}</auth>`);
  await wrong.take({ name: 'failure' });
  assert.equal((await status())['accountsWithoutSha512Keys'], 2);
  const bob = await Person.signIn(server, 'bob');
  assert.equal((await status())['accountsWithoutSha512Keys'], 1);
  assert.ok(!bob.closed, 'the session stays');
  await bob.leave();

  const phone = phoneOf('cora');
  const cora = await dial(server, phone);
  const upgrades = ['SHA-256', 'SHA-512'].map((hash) => `<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-${hash}</upgrade>`);
  let heard = await scram(cora, phone, upgrades.join(''), { mechanism: 'SCRAM-SHA-1' });
  for (const [hash, digest, bytes] of [
    ['SHA-256', 'sha256', 32],
    ['SHA-512', 'sha512', 64],
  ] as const) {
    assert.equal(heard.child('tasks')?.child('task')?.text, `UPGR-SCRAM-${hash}`, String(heard));
    cora.send(`<next xmlns='${NS_SASL2}' task='UPGR-SCRAM-${hash}'/>`);
    const salt = (await cora.take({ name: 'task-data' })).child('salt');
    const salted = pbkdf2Sync('secret', Buffer.from(salt?.text ?? '', 'base64'), Number(salt?.attrs['iterations']), bytes, digest);
    cora.send(`<task-data xmlns='${NS_SASL2}'><hash xmlns='urn:xmpp:scram-upgrade:0'>${base64(salted)}</hash></task-data>`);
    heard = await cora.take({ name: 'success' }, { name: 'continue' });
  }
  assert.equal(heard.name, 'success');
  assert.deepEqual(await mechanisms(), ALL);
  for (const name of ['bob', 'cora']) {
    const again = phoneOf(name);
    assert.equal((await scram(await dial(server, again), again, '', { mechanism: 'SCRAM-SHA-512' })).name, 'success');
  }
});

test('an account that goes, or gets a new password, is waited for no longer; a restart forgets nothing', async (t) => {
  await take('dan', 'eve', 'fay');
  assert.deepEqual(await mechanisms(), ['SCRAM-SHA-1']);
  await server.kill();
  const again = await startServer({ config: { 'auth.allowPlaintext': true }, dataDir: server.dataDir });
  t.after(() => again.stop());
  assert.deepEqual(await mechanisms(again), ['SCRAM-SHA-1']);
  for (const args of [
    ['user', 'remove', 'dan', '--yes'],
    ['user', 'remove', 'eve', '--yes'],
    ['user', 'password', 'fay', '--password-stdin'],
  ]) {
    assert.deepEqual(await mechanisms(again), ['SCRAM-SHA-1']);
    const { code, err } = await parley(again, args, 'another secret\n');
    assert.equal(code, 0, err);
  }
  assert.deepEqual(await mechanisms(again), ALL);
});
