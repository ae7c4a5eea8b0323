// XEP-0227 and beyond: by what an account is found (e-mail addresses) and where its devices are told of messages move to another server.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startMailServer } from '../support/mail-server.ts';
import { PushService } from '../support/push-service.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { chat } from './messages.ts';
import { Person } from './people.ts';
import { bind2, byToken } from './sign-in.ts';

const HT = 'HT-SHA-256-NONE';
const folder = await mkdtemp(join(tmpdir(), 'parley-transfer-reach-'));
const post = await startMailServer(folder);
const service = await PushService.start();
const config = {
  'auth.allowPlaintext': true,
  ...post.config,
  'features.web-push.allowLoopback': true,
  'features.push.grace': '1s',
  'features.push.window': '1s',
};
const old = await startServer({ config });
const fresh = await startServer({ config });
test.after(async () => {
  await old.stop();
  await fresh.stop();
  await post.close();
  service.stop();
  await rm(folder, { recursive: true });
});

interface Result {
  readonly counts: Record<string, number>;
  readonly left: string[];
}
async function json<T>(server: TestServer, ...args: string[]): Promise<T> {
  const { code, out, err } = await parley(server, [...args, '--json']);
  assert.equal(code, 0, `${args.join(' ')}: ${err}`);
  return JSON.parse(out) as T;
}
async function ask(server: TestServer, path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}
/** `mail`: the how-manieth that this address gets. */
async function prove(server: TestServer, to: string, device: string, mail: number): Promise<Record<string, unknown>> {
  const { challenge } = await ask(server, 'codes', { kind: 'email', to, device });
  const code = /\b(\d{6})\b/.exec((await post.mailTo(to, mail)).parts.get('text/plain') ?? '')?.[1];
  return await ask(server, 'codes/check', { challenge, code });
}
const TO = 'ann@mail.example';
const device = randomUUID();
const phone = await service.subscribe();
const file = join(folder, 'all.xml');
/** The lines of an export about these things. */
const told = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8')).split('\n').filter((line) => /^<(identifier|push) /.test(line));

test('an account that was made with an address, with a browser that is told by push and an app server', async () => {
  const { proof } = await prove(old, TO, device, 1);
  const { token } = await ask(old, 'accounts', { proof, username: 'ann', mechanism: HT });
  await old.createUser('bob', 'secret');
  const { person, answer } = await byToken(old, { user: 'ann', id: device }, String(token), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='secret'><value>s3cret</value></field></x>`;
  for (const payload of [phone.register('full'), `<enable xmlns='urn:xmpp:push:0' jid='conference.localhost' node='n1'>${form}</enable>`])
    assert.equal((await person.ask('set', payload)).attrs['type'], 'result', payload);
  person.cut();
  const { counts } = await json<Result>(old, 'export', '--to', file);
  assert.deepEqual([counts['identifiers'], counts['pushRegistrations']], [1, 2]);
  const lines = await told(file);
  assert.equal(lines.length, 3);
  assert.match(lines.join('\n'), /kind="email" value="ann@mail\.example"[\s\S]*p256dh=[\s\S]*node="n1"[\s\S]*s3cret/);
});

test('another server has the same, finds her by the address, and tells her browser', async () => {
  const { counts, left } = await json<Result>(fresh, 'import', file);
  assert.deepEqual([left, counts['identifiers'], counts['pushRegistrations']], [[], 1, 2]);
  const again = join(folder, 'again.xml');
  await json(fresh, 'export', '--to', again);
  assert.deepEqual(await told(again), await told(file));
  assert.equal((await prove(fresh, TO, randomUUID(), 2))['jid'], 'ann@localhost');
  const bob = await Person.signIn(fresh, 'bob');
  bob.send(chat('ann@localhost', 'are you here, too?'));
  const { payload } = await phone.next((one) => one.payload['body'] === 'are you here, too?');
  assert.equal(payload['account'], 'ann@localhost');
  await bob.leave();
});

test('bad input: identifiers of others or of no spelling, endpoints and app servers that are none; each is left out, and said without the secret', async () => {
  const T = `xmlns='urn:parley:transfer:0'`;
  const P = `xmlns='urn:parley:push:0'`;
  const keys = `p256dh='${phone.p256dh}' auth='${phone.auth}'`;
  const bad = [
    `<identifier ${T} kind='email' value='${TO}' proved='2026-01-01T00:00:00Z'/>`,
    `<identifier ${T} kind='email' value='Eve@Mail.example' proved='2026-01-01T00:00:00Z'/>`,
    `<identifier ${T} kind='phone' value='110' proved='2026-01-01T00:00:00Z'/>`,
    `<identifier ${T} kind='passport' value='x' proved='2026-01-01T00:00:00Z'/>`,
    `<identifier ${T} kind='email' value='eve@mail.example'/>`,
    `<push ${T}/>`,
    `<push ${T}><register ${P} endpoint='http://192.0.2.1/secret' ${keys} content='full' device='d'/></push>`,
    `<push ${T}><register ${P} endpoint='https://push.example/secret' ${keys} content='full'/></push>`,
    `<push ${T}><register ${P} endpoint='https://push.example/secret' p256dh='x' auth='y' content='full' device='d'/></push>`,
    `<push ${T} device='d'><enable xmlns='urn:xmpp:push:0' jid='localhost' node='secret'/></push>`,
  ];
  const path = join(folder, 'bad.xml');
  const good = `<identifier ${T} kind='phone' value='+491511234567' proved='2026-01-01T00:00:00Z'/>`;
  await writeFile(
    path,
    `<?xml version='1.0'?>\n<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='eve' password='p'>${bad.join('')}${good}</user></host></server-data>`,
  );
  const { counts, left } = await json<Result>(fresh, 'import', path);
  assert.deepEqual([counts['accounts'], counts['identifiers'], counts['pushRegistrations'], left.length], [1, 1, 0, bad.length]);
  assert.doesNotMatch(left.join('\n'), /mail\.example|secret|192\.0/);
  const after = join(folder, 'after.xml');
  await json(fresh, 'export', '--to', after);
  const lines = await told(after);
  assert.deepEqual(lines.slice(0, 3), await told(file), 'hers are still hers');
  assert.match(lines.slice(3).join('\n'), /^<identifier [^>]*kind="phone" value="\+491511234567"[^\n]*$/);
});
