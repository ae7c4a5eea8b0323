// Signing up and in by an account at another provider: a real OpenID provider, and what must not get through.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChatClient, type ChatError, memoryStore } from '@parley/sdk/node';
import { startMailServer } from '../support/mail-server.ts';
import { startOidc, walk } from '../support/oidc.ts';
import { startServer } from '../support/server.ts';
import { until } from './messages.ts';
import { Person } from './people.ts';
import { bind2, byToken } from './sign-in.ts';

const NS = 'urn:parley:identity:0';
const HT = 'HT-SHA-256-NONE';
const ORIGIN = 'https://chat.example';
const folder = await mkdtemp(join(tmpdir(), 'parley-social-'));
const redirects = ['company', 'other', 'plain'].map((id) => `${ORIGIN}/sign-in/${id}`);
const [company, other] = [await startOidc(() => redirects), await startOidc(() => redirects)];
const post = await startMailServer(folder);
const file = join(folder, 'providers.yaml');
await writeFile(
  file,
  JSON.stringify({
    company: { name: 'Company', issuer: company.issuer, clientId: company.clientId, clientSecret: company.clientSecret },
    other: { issuer: other.issuer, clientId: other.clientId, clientSecret: other.clientSecret },
    // The same server, as one that speaks only OAuth 2.0.
    plain: {
      name: 'Plain',
      issuer: other.issuer,
      clientId: other.clientId,
      clientSecret: other.clientSecret,
      authorizationEndpoint: `${other.issuer}/auth`,
      tokenEndpoint: `${other.issuer}/token`,
      userEndpoint: `${other.issuer}/me`,
      scope: 'openid profile',
    },
    gone: { name: 'Gone', issuer: 'http://127.0.0.1:9', clientId: 'x', clientSecret: 'y' },
  }),
);
const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    ...post.config,
    'http.publicUrl': ORIGIN,
    'social.providers': file,
    'features.identity.perAddressPerHour': 0,
    'features.social.perAddressPerHour': 0,
  },
});
test.after(async () => {
  await server.stop();
  await Promise.all([company.close(), other.close(), post.close()]);
  await rm(folder, { recursive: true });
});

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
async function ask(path: string, body: unknown): Promise<Answer> {
  const response = await fetch(`${server.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
interface Begun {
  readonly url: string;
  readonly flow: string;
  readonly state: string;
}
async function begin(provider: string, device: string = randomUUID()): Promise<Begun & { device: string }> {
  const { status, body } = await ask('social', { provider, device });
  assert.equal(status, 200, JSON.stringify(body));
  return { ...(body as unknown as Begun), device };
}
const finish = (flow: string, callback: string): Promise<Answer> => ask('social/finish', { flow, callback });
/** The whole way; answers what is known of the person, and the device. */
async function prove(provider: string, login: string): Promise<{ body: Record<string, unknown>; device: string }> {
  const begun = await begin(provider);
  const back = await walk(begun.url, login);
  assert.equal(`${back.origin}${back.pathname}`, `${ORIGIN}/sign-in/${provider}`);
  assert.equal(back.searchParams.get('state'), begun.state);
  const { status, body } = await finish(begun.flow, back.search.slice(1));
  assert.equal(status, 200, JSON.stringify(body));
  return { body, device: begun.device };
}

company.people.set('ann', { sub: 'ann', name: 'Ann', email: 'ann@company.example', email_verified: true });
company.people.set('eve', { sub: 'eve', name: 'Eve', email: 'ann@work.example', email_verified: false });
company.people.set('ann2', { sub: 'ann2', email: 'ann@work.example', email_verified: true });
other.people.set('ann', { sub: 'ann', name: 'Another Ann' });

test('a newcomer comes by a provider, chooses a name, and comes back on another device', async () => {
  const offered = (await (await fetch(`${server.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.deepEqual(offered['social'], [
    { id: 'company', name: 'Company' },
    { id: 'other', name: 'other' },
    { id: 'plain', name: 'Plain' },
    { id: 'gone', name: 'Gone' },
  ]);
  const first = await prove('company', 'ann');
  assert.deepEqual(
    [first.body['jid'], first.body['label'], first.body['value'], first.body['sameEmail']],
    [null, 'ann@company.example', 'company:ann', false],
  );
  const made = await ask('accounts', { proof: first.body['proof'], username: 'ann', mechanism: HT });
  assert.deepEqual([made.status, made.body['jid']], [201, 'ann@localhost']);
  const { person, answer } = await byToken(server, { user: 'ann', id: first.device }, String(made.body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  const list = (await person.ask('get', `<identifiers xmlns='${NS}'/>`)).child('identifiers', NS);
  assert.deepEqual(
    list?.all('identifier').map(({ attrs }) => [attrs['kind'], attrs['value'], attrs['label']]),
    [['social', 'company:ann', 'ann@company.example']],
  );
  person.cut();

  const again = await prove('company', 'ann');
  assert.equal(again.body['jid'], 'ann@localhost');
  const entered = await ask('sessions', { proof: again.body['proof'], mechanism: HT, deviceName: 'Desk' });
  assert.deepEqual([entered.status, entered.body['jid']], [200, 'ann@localhost']);
});

test('the same person elsewhere is somebody else, until they say so themselves', async () => {
  const elsewhere = await prove('other', 'ann');
  assert.equal(elsewhere.body['jid'], null, 'the same subject at another provider');
  await server.createUser('bob', 'secret');
  const bob = await Person.signIn(server, 'bob');
  const added = await bob.ask('set', `<add xmlns='${NS}' proof='${elsewhere.body['proof']}'/>`);
  assert.equal(added.attrs['type'], 'result', String(added));
  assert.equal((await prove('other', 'ann')).body['jid'], 'bob@localhost');
  const taken = await bob.ask('set', `<add xmlns='${NS}' proof='${(await prove('company', 'ann')).body['proof']}'/>`);
  assert.equal(taken.error, 'conflict');
  bob.cut();
});

test('the same e-mail, other account: nobody is let in by an address alone, and only a verified one is mentioned', async () => {
  const device = randomUUID();
  const sent = await ask('codes', { kind: 'email', to: 'ann@work.example', device });
  const code = /\b\d{6}\b/.exec((await post.mailTo('ann@work.example')).parts.get('text/plain') ?? '')?.[0];
  const { body } = await ask('codes/check', { challenge: sent.body['challenge'], code });
  assert.equal((await ask('accounts', { proof: body['proof'], username: 'worker', mechanism: HT })).status, 201);
  const verified = await prove('company', 'ann2');
  assert.deepEqual([verified.body['jid'], verified.body['sameEmail'], verified.body['label']], [null, true, 'ann@work.example']);
  const refused = await ask('sessions', { proof: verified.body['proof'], mechanism: HT });
  assert.deepEqual([refused.status, refused.body['error']], [404, 'no-account']);
  const unverified = await prove('company', 'eve');
  assert.deepEqual([unverified.body['jid'], unverified.body['sameEmail'], unverified.body['label']], [null, false, 'Eve']);
});

test('a provider without OpenID: who somebody is comes from its own address', async () => {
  const plain = await prove('plain', 'ann');
  assert.deepEqual([plain.body['value'], plain.body['label'], plain.body['jid']], ['plain:ann', 'Another Ann', null]);
});

test('OIDC mix-up, replay, another state, another flow, a forged flow: nothing is proved', async () => {
  const refused = async (flow: string, callback: string, status = 403, code = 'refused'): Promise<void> => {
    const { status: got, body } = await finish(flow, callback);
    assert.deepEqual([got, body['error']], [status, code], JSON.stringify(body));
  };
  const [mine, hers] = [await begin('company'), await begin('company')];
  const back = await walk(hers.url, 'ann');
  const query = back.search.slice(1);
  // What came back for one attempt is brought to another one: of the same provider, and of another.
  await refused(mine.flow, query);
  await refused(mine.flow, query.replace(hers.state, mine.state));
  const elsewhere = await begin('other');
  await refused(elsewhere.flow, query.replace(hers.state, elsewhere.state));
  // The right attempt, but the answer says that it is another issuer's (RFC 9207).
  const issuer = new URLSearchParams(query);
  issuer.set('iss', other.issuer);
  await refused(hers.flow, issuer.toString());
  issuer.delete('iss');
  await refused(hers.flow, issuer.toString());
  await refused(hers.flow, 'error=server_error&state=x');
  await refused(hers.flow, '?');
});

test('a code is good once, and a flow is of this server', async () => {
  const begun = await begin('company');
  const query = (await walk(begun.url, 'ann')).search.slice(1);
  const [body = '', mac = ''] = begun.flow.split('.');
  const forged = Buffer.from(body, 'base64url').toString().replace(ORIGIN, 'https://evil.example');
  for (const flow of [`${Buffer.from(forged).toString('base64url')}.${mac}`, `${body}.${'A'.repeat(43)}`, body, 'x.y']) {
    const { status, body: answer } = await finish(flow, query);
    assert.deepEqual([status, answer['error']], [410, 'expired'], flow);
  }
  // Another kind of token that this server has signed.
  const sent = await ask('codes', { kind: 'email', to: 'zoe@mail.example', device: 'd' });
  assert.equal((await finish(String(sent.body['challenge']), query)).status, 410);
  assert.equal((await finish(begun.flow, query)).status, 200);
  const replay = await finish(begun.flow, query);
  assert.deepEqual([replay.status, replay.body['error']], [403, 'refused'], JSON.stringify(replay.body));
});

test('somebody says no, or the provider is not there: a sentence', async () => {
  const begun = await begin('company');
  const back = await walk(begun.url, 'ann', false);
  assert.equal(back.searchParams.get('error'), 'access_denied');
  const { status, body } = await finish(begun.flow, back.search.slice(1));
  assert.deepEqual([status, body['error'], body['message']], [403, 'refused', 'Company did not let you in here.']);
  const gone = await ask('social', { provider: 'gone', device: 'd' });
  assert.deepEqual([gone.status, gone.body['error']], [503, 'provider-down']);
  assert.match(String(gone.body['message']), /^Gone does not answer/);
  assert.equal((await ask('social', { provider: 'none', device: 'd' })).status, 404);
});

test('the SDK: from the button to the chats, with what the browser came back with', async (t) => {
  const chat = ChatClient.create({ server: server.webSocket, domain: 'localhost', store: memoryStore() });
  t.after(() => chat.close());
  assert.deepEqual(
    (await chat.social.offered()).map(({ id }) => id),
    ['company', 'other', 'plain', 'gone'],
  );
  const flow = await chat.social.begin('company');
  const back = await walk(flow.url, 'carol');
  await assert.rejects(
    chat.social.finish(flow, back.href.replace(flow.state, 'another')),
    (error: ChatError) => error.code === 'not-allowed',
  );
  const proof = await chat.social.finish(flow, back.href);
  assert.deepEqual([proof.kind, proof.provider, proof.userId, proof.sameEmail], ['social', 'company', undefined, false]);
  assert.equal((await chat.codes.signUp(proof, 'carol')).id, 'carol@localhost');
  await until('online', () => chat.connection.snapshot().state === 'online');
  const [mine] = await chat.codes.list();
  assert.deepEqual([mine?.kind, mine?.value], ['social', 'company:carol']);
});

test('secrets, codes and addresses are in no log', () => {
  for (const secret of [company.clientSecret, other.clientSecret, 'ann@company.example', 'ann@work.example', 'code='])
    assert.ok(!server.log().includes(secret), secret);
});
