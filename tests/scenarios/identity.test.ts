// Accounts by e-mail address: a code over a real mail server, and what it opens.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMailServer } from '../support/mail-server.ts';
import { startServer, wordsOf } from '../support/server.ts';
import { message, Person } from './people.ts';
import { bind2, byToken, conditionOf } from './sign-in.ts';

const NS = 'urn:parley:identity:0';
const HT = 'HT-SHA-256-NONE';
const folder = await mkdtemp(join(tmpdir(), 'parley-identity-'));
const post = await startMailServer(folder);
const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    ...post.config,
    'email.from': 'Parley <chat@parley.example>',
    'features.identity.perAddressPerHour': 0,
  },
  expectedErrors: [/code_not_sent/],
});
test.after(async () => {
  await server.stop();
  await post.close();
  await rm(folder, { recursive: true });
});

type Answer = { readonly status: number; readonly retryAfter: string | null; readonly body: Record<string, unknown> };
async function ask(path: string, body: unknown, at = server): Promise<Answer> {
  const response = await fetch(`${at.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  };
}
let people = 0;
const freshMail = (): string => `ann${++people}@mail.example`;
const codeIn = (text: string | undefined): string => /\b(\d{6})\b/.exec(text ?? '')?.[1] ?? assert.fail(`no code in ${text}`);

/** Asks for a code, reads it from the mail, and trades it for a proof. */
async function prove(
  to: string,
  device = randomUUID() as string,
  mail = 1,
): Promise<{ proof: string; device: string; body: Record<string, unknown> }> {
  const sent = await ask('codes', { kind: 'email', to, device });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const code = codeIn((await post.mailTo(to.toLowerCase(), mail)).parts.get('text/plain'));
  const checked = await ask('codes/check', { challenge: sent.body['challenge'], code });
  assert.equal(checked.status, 200, JSON.stringify(checked.body));
  return { proof: String(checked.body['proof']), device, body: checked.body };
}

test('a newcomer proves an address, chooses a name, and is signed in without a password', async () => {
  const to = freshMail();
  const offered = (await (await fetch(`${server.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.deepEqual([offered['codes'], offered['signUpByCode']], [['email'], true]);
  const { proof, device, body } = await prove(to.toUpperCase());
  assert.deepEqual([body['kind'], body['value'], body['jid']], ['email', to, null]);
  const mail = await post.mailTo(to);
  assert.deepEqual([mail.from, mail.to], ['chat@parley.example', [to]]);
  assert.match(mail.headers.get('subject') ?? '', /^\d{6} is your code for localhost$/);
  assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
  assert.equal(codeIn(mail.parts.get('text/html')), codeIn(mail.parts.get('text/plain')));

  const made = await ask('accounts', { proof, username: 'Newcomer', mechanism: HT });
  assert.deepEqual([made.status, made.body['jid']], [201, 'newcomer@localhost']);
  const { person, answer } = await byToken(server, { user: 'newcomer', id: device }, String(made.body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  assert.match(person.jid, /^newcomer@localhost\//);
  const list = (await person.ask('get', `<identifiers xmlns='${NS}'/>`)).child('identifiers', NS);
  assert.deepEqual(
    list?.children.map(({ attrs }) => [attrs['kind'], attrs['value']]),
    [['email', to]],
  );
});

test('another device of the same person: the code says whose it is, and the first device is told', async () => {
  const to = freshMail();
  const first = await prove(to);
  const made = await ask('accounts', { proof: first.proof, username: 'twice', mechanism: HT });
  const phone = (await byToken(server, { user: 'twice', id: first.device }, String(made.body['token']), { inside: bind2() })).person;
  phone.send('<presence/>');
  await server.restart();
  // Also after a restart; the waiting time was in memory.
  const second = await prove(to, randomUUID(), 2);
  assert.equal(second.body['jid'], 'twice@localhost');
  assert.equal((await ask('accounts', { proof: second.proof, username: 'other', mechanism: HT })).body['error'], 'has-account');
  const signedIn = await ask('sessions', { proof: second.proof, mechanism: HT, deviceName: 'Desk at work' });
  assert.deepEqual([signedIn.status, signedIn.body['jid']], [200, 'twice@localhost']);
  const desk = await byToken(server, { user: 'twice', id: second.device }, String(signedIn.body['token']), { inside: bind2() });
  assert.equal(desk.answer.name, 'success', String(desk.answer));
  desk.person.send('<presence/>');
  const notice = await desk.person.take(message({ from: 'localhost' }));
  assert.match(notice.child('body')?.text ?? '', /"Desk at work", signed in .* e-mail address/);
  // The first one still has its own way in.
  const again = await byToken(server, { user: 'twice', id: first.device }, String(made.body['token']), { inside: bind2() });
  assert.equal(again.answer.name, 'success', String(again.answer));
});

test('a token is of the device that proved the address: another one gets nowhere with it', async () => {
  const { proof } = await prove(freshMail());
  const made = await ask('accounts', { proof, username: 'mine', mechanism: HT });
  const thief = await byToken(server, { user: 'mine', id: randomUUID() }, String(made.body['token']), { inside: bind2() });
  assert.equal(conditionOf(thief.answer), 'not-authorized');
});

test('a wrong code: five tries, then not even the right one; and a right one is good once', async () => {
  const to = freshMail();
  const sent = await ask('codes', { kind: 'email', to, device: 'd' });
  const { challenge } = sent.body;
  const code = codeIn((await post.mailTo(to)).parts.get('text/plain'));
  const wrong = code === '000000' ? '000001' : '000000';
  for (const left of [4, 3, 2, 1]) {
    const refused = await ask('codes/check', { challenge, code: wrong });
    assert.deepEqual([refused.status, refused.body['error']], [403, 'wrong-code']);
    assert.match(String(refused.body['message']), new RegExp(`try ${left} more`));
  }
  for (const bad of ['12345', '1234567']) {
    const refused = await ask('codes/check', { challenge, code: bad });
    assert.ok(refused.status === 403 || refused.status === 410);
  }
  assert.deepEqual([(await ask('codes/check', { challenge, code })).status], [410]);

  const other = freshMail();
  const next = await ask('codes', { kind: 'email', to: other, device: 'd' });
  const right = codeIn((await post.mailTo(other)).parts.get('text/plain'));
  assert.equal(
    (await ask('codes/check', { challenge: next.body['challenge'], code: `${right.slice(0, 3)} ${right.slice(3)}` })).status,
    200,
  );
  assert.equal((await ask('codes/check', { challenge: next.body['challenge'], code: right })).status, 410);
});

test('forged and foreign tokens are refused: a changed address, a proof for a challenge, a challenge for a proof', async () => {
  const to = freshMail();
  const sent = await ask('codes', { kind: 'email', to, device: 'd' });
  const challenge = String(sent.body['challenge']);
  const code = codeIn((await post.mailTo(to)).parts.get('text/plain'));
  const [body = '', mac = ''] = challenge.split('.');
  const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replace(to, 'victim@mail.example')).toString('base64url');
  for (const bad of [`${forged}.${mac}`, 'nonsense', `${body}.`, `${body}.${'A'.repeat(43)}`])
    assert.equal((await ask('codes/check', { challenge: bad, code })).status, 410, bad);
  assert.equal((await ask('accounts', { proof: challenge, username: 'forger', mechanism: HT })).status, 410);
  const { proof } = await prove(freshMail());
  assert.equal((await ask('codes/check', { challenge: proof, code })).status, 410);
  assert.equal((await ask('sessions', { proof, mechanism: HT })).body['error'], 'no-account');
  assert.equal((await ask('accounts', { proof, username: 'plain', mechanism: 'PLAIN' })).body['error'], 'bad-device');
});

test('two sign-ups with one proof make one account', async () => {
  const { proof } = await prove(freshMail());
  const both = await Promise.all(['left', 'right'].map((username) => ask('accounts', { proof, username, mechanism: HT })));
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
});

test('what is refused in one sentence: no address, several, a name that is taken, nonsense', async () => {
  for (const to of ['ann', 'ann@mail.example, bob@mail.example', 'ann@mail.example\r\nBcc: bob@mail.example', 'ann@localhost'])
    assert.equal((await ask('codes', { kind: 'email', to, device: 'd' })).body['error'], 'bad-identifier', to);
  assert.equal((await ask('codes', { kind: 'phone', to: '+4915112345678', device: 'd' })).body['error'], 'off');
  assert.equal((await ask('codes', { kind: 'email', to: freshMail(), device: '' })).status, 400);
  assert.equal((await ask('codes', { kind: 'email', to: freshMail(), device: 'd', admin: true })).status, 400);
  assert.equal((await ask('codes', 'not JSON')).status, 400);
  await server.createUser('occupied', 'secret');
  const { proof } = await prove(freshMail());
  assert.equal((await ask('accounts', { proof, username: 'occupied', mechanism: HT })).body['error'], 'conflict');
  assert.equal((await ask('accounts', { proof, username: 'a b', mechanism: HT })).body['error'], 'bad-name');
  // The proof is still good for another name.
  assert.equal((await ask('accounts', { proof, username: 'free.name', mechanism: HT })).status, 201);
});

test('enumeration: asking for a code says the same whether or not an account has the address, and sends one either way', async () => {
  const known = freshMail();
  const { proof } = await prove(known);
  await ask('accounts', { proof, username: 'known', mechanism: HT });
  const shape = ({ status, body }: Answer): unknown => [status, Object.keys(body).sort(), String(body['challenge']).length];
  const before = post.mails.length;
  await server.restart();
  const unknown = freshMail().padStart(known.length, 'a').slice(-known.length);
  const [one, other] = [
    await ask('codes', { kind: 'email', to: known, device: 'd' }),
    await ask('codes', { kind: 'email', to: unknown, device: 'd' }),
  ];
  assert.deepEqual(shape(one), shape(other));
  assert.equal(post.mails.length, before + 2);
});

test('a second code has to wait, and says how long', async () => {
  const to = freshMail();
  assert.equal((await ask('codes', { kind: 'email', to, device: 'd' })).status, 202);
  const refused = await ask('codes', { kind: 'email', to, device: 'd' });
  assert.deepEqual([refused.status, refused.body['error']], [429, 'too-many']);
  assert.ok(Number(refused.retryAfter) > 0 && Number(refused.retryAfter) <= 30, String(refused.retryAfter));
});

test('an address is added to an account that has a password, taken by nobody else, and removed', async () => {
  await server.createUser('carol', 'secret');
  const carol = await Person.signIn(server, 'carol');
  const to = freshMail();
  const { proof } = await prove(to);
  assert.equal((await carol.ask('set', `<add xmlns='${NS}' proof='${proof}'/>`)).attrs['type'], 'result');
  assert.equal((await ask('accounts', { proof, username: 'second', mechanism: HT })).body['error'], 'has-account');
  await server.createUser('dave', 'secret');
  const dave = await Person.signIn(server, 'dave');
  assert.equal((await dave.ask('set', `<add xmlns='${NS}' proof='${proof}'/>`)).error, 'conflict');
  assert.equal((await dave.ask('set', `<remove xmlns='${NS}' kind='email' value='${to}'/>`)).error, 'item-not-found');
  assert.equal((await dave.ask('set', `<add xmlns='${NS}' proof='forged'/>`)).error, 'not-acceptable');
  // Nobody else may ask which ones somebody has.
  assert.equal((await dave.ask('get', `<identifiers xmlns='${NS}'/>`, 'carol@localhost')).error, 'service-unavailable');
  assert.equal((await carol.ask('set', `<remove xmlns='${NS}' kind='email' value='${to}'/>`)).attrs['type'], 'result');
  assert.equal((await ask('sessions', { proof, mechanism: HT })).body['error'], 'no-account');
});

test('without a password the last way in cannot be removed', async () => {
  const to = freshMail();
  const { proof, device } = await prove(to);
  const made = await ask('accounts', { proof, username: 'onlyway', mechanism: HT });
  const { person } = await byToken(server, { user: 'onlyway', id: device }, String(made.body['token']), { inside: bind2() });
  assert.equal((await person.ask('set', `<remove xmlns='${NS}' kind='email' value='${to}'/>`)).error, 'not-acceptable');
});

test('a device lets another one of the same person in, and nobody else', async () => {
  const { proof, device } = await prove(freshMail());
  const made = await ask('accounts', { proof, username: 'host.of.two', mechanism: HT });
  const { person } = await byToken(server, { user: 'host.of.two', id: device }, String(made.body['token']), { inside: bind2() });
  const guest = randomUUID();
  const grant = (id: string, mechanism = HT): string => `<grant xmlns='${NS}' device='${id}' mechanism='${mechanism}'/>`;
  const granted = (await person.ask('set', grant(guest))).child('token', NS);
  const token = granted?.attrs['token'] ?? assert.fail('no token');
  const other = await byToken(server, { user: 'host.of.two', id: guest }, token, { inside: bind2() });
  assert.equal(other.answer.name, 'success', String(other.answer));
  assert.equal((await person.ask('set', grant('two words'))).error, 'bad-request');
  assert.equal((await person.ask('set', grant(guest, 'PLAIN'))).error, 'bad-request');
  // From one account to another: the address decides, not the wish.
  await server.createUser('mallory', 'secret');
  const mallory = await Person.signIn(server, 'mallory');
  assert.equal((await mallory.ask('set', grant(guest), 'host.of.two@localhost')).error, 'service-unavailable');
});

test('a mail server that refuses: a sentence for the person, a line in the log without the code', async () => {
  post.refuse(true);
  const refused = await ask('codes', { kind: 'email', to: freshMail(), device: 'd' });
  post.refuse(false);
  assert.deepEqual([refused.status, refused.body['error']], [503, 'not-sent']);
  assert.match(server.log(), /code_not_sent/);
});

test('secrets are in no log: codes, challenges, proofs, tokens, the password of the mail server, addresses', async () => {
  const to = freshMail();
  const { proof, device } = await prove(to);
  const code = codeIn((await post.mailTo(to)).parts.get('text/plain'));
  const made = await ask('accounts', { proof, username: 'quiet', mechanism: HT });
  await byToken(server, { user: 'quiet', id: device }, String(made.body['token']), { inside: bind2() });
  const log = wordsOf(server.log()).join('\n');
  assert.doesNotMatch(log, new RegExp(`\\b${code}\\b`));
  for (const secret of [proof, String(made.body['token']), String(post.config['email.password']), to])
    assert.ok(!log.includes(secret), secret);
});

test('limits: one address of the internet asks for so many codes, and tries so many, in an hour', async (t) => {
  const strict = await startServer({ config: { ...post.config, 'features.identity.perAddressPerHour': 3 } });
  t.after(() => strict.stop());
  for (let i = 0; i < 3; i++) assert.equal((await ask('codes', { kind: 'email', to: freshMail(), device: 'd' }, strict)).status, 202);
  const refused = await ask('codes', { kind: 'email', to: freshMail(), device: 'd' }, strict);
  assert.deepEqual([refused.status, refused.body['error']], [429, 'too-many']);
  for (let i = 0; i < 3; i++) assert.equal((await ask('codes/check', { challenge: 'x', code: '000000' }, strict)).status, 410);
  assert.equal((await ask('codes/check', { challenge: 'x', code: '000000' }, strict)).status, 429);
});

test('without a mail server: no codes are offered, and none are sent', async (t) => {
  const without = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => without.stop());
  const offered = (await (await fetch(`${without.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.deepEqual([offered['codes'], offered['signUpByCode']], [[], false]);
  assert.equal((await ask('codes', { kind: 'email', to: freshMail(), device: 'd' }, without)).status, 404);
  await without.createUser('eve', 'secret');
  const eve = await Person.signIn(without, 'eve');
  const list = (await eve.ask('get', `<identifiers xmlns='${NS}'/>`)).child('identifiers', NS);
  assert.deepEqual(list?.all('identifier'), []);
});
