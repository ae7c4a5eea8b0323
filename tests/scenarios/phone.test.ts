// Accounts by phone number: codes through an SMSC, Twilio's API and a webhook, what they open, and what bounds them.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { startServer, type TestServer, wordsOf } from '../support/server.ts';
import { codeIn, type ReceivedSms, startSmsc, startTwilio, startWebhook } from '../support/sms.ts';
import { message } from './people.ts';
import { bind2, byToken } from './sign-in.ts';

const HT = 'HT-SHA-256-NONE';
const UNBOUNDED = {
  'features.identity.perAddressPerHour': 0,
  'features.identity.smsPerHour': 0,
  'features.identity.smsPerCountryPerHour': 0,
  'features.identity.smsPerRangePerHour': 0,
} as const;
const [smsc, twilio, webhook] = await Promise.all([startSmsc(), startTwilio(), startWebhook()]);
const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    'phone.providers': 'smpp twilio webhook',
    'http.publicUrl': 'https://chat.example',
    'http.trustProxy': true,
    'features.identity.country': 'DE',
    'features.identity.smsCountriesDenied': 'LV',
    ...smsc.config,
    ...twilio.config,
    ...webhook.config,
    ...UNBOUNDED,
  },
  expectedErrors: [/code_not_sent/],
});
test.after(async () => {
  await server.stop();
  await Promise.all([smsc, twilio, webhook].map((one) => one.close()));
});

type Answer = { readonly status: number; readonly retryAfter: string | null; readonly body: Record<string, unknown> };
async function ask(path: string, body: unknown, { at = server, from = '' }: { at?: TestServer; from?: string } = {}): Promise<Answer> {
  const response = await fetch(`${at.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(from === '' ? {} : { 'x-forwarded-for': from }) },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  };
}
let numbers = 0;
/** Numbers far apart, so that none is in the block of another. */
const freshNumber = (): string => `+49151${String(++numbers).padStart(3, '0')}${String(10_000 + numbers)}`;

/** The messages that any of them has taken. Which of them is asked first depends on how they did before. */
const taken = (): ReceivedSms[] => [smsc, twilio, webhook].flatMap((one) => [...one.taken]);
const smsTo = (number: string, count = 1): Promise<ReceivedSms> =>
  waitFor(`short message ${count} to ${number}`, async () => taken().filter(({ to }) => to === number)[count - 1], PATIENCE_MS);

/** Asks for a code, reads it from the message, and trades it for a proof. */
async function prove(
  to: string,
  { at = server, from = '', count = 1 }: { at?: TestServer; from?: string; count?: number } = {},
): Promise<{ proof: string; device: string; body: Record<string, unknown> }> {
  const device = randomUUID();
  const sent = await ask('codes', { kind: 'phone', to, device }, { at, from });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const code = codeIn((await smsTo(String(sent.body['value']), count)).text);
  const checked = await ask('codes/check', { challenge: sent.body['challenge'], code }, { at, from });
  assert.equal(checked.status, 200, JSON.stringify(checked.body));
  return { proof: String(checked.body['proof']), device, body: checked.body };
}

/** Waits for a line of the log. */
async function logged(at: TestServer, event: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  const wanted = Object.entries({ ...fields, event });
  const lines = (): Record<string, unknown>[] =>
    at
      .log()
      .split('\n')
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Record<string, unknown>] : []));
  await waitFor(event, async () => lines().find((line) => wanted.every(([name, value]) => line[name] === value)), PATIENCE_MS);
}

test('a newcomer types a number as people write it, gets a short message, and is signed in without a password', async () => {
  const offered = (await (await fetch(`${server.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.deepEqual([offered['codes'], offered['signUpByCode'], offered['phoneCountry']], [['phone'], true, 'DE']);
  const asked = Date.now();
  const { proof, device, body } = await prove(' (0151) 234-567 89 ');
  assert.deepEqual([body['kind'], body['value'], body['jid']], ['phone', '+4915123456789', null]);
  const sms = await smsc.smsTo('+4915123456789');
  assert.match(sms.text, /^\d{6} is your code for chat\.example\. Give it to nobody\.\n\n@chat\.example #\d{6}$/);
  const { submitted } = smsc;
  const validFor = Number(submitted?.validity_period) - asked;
  assert.ok(validFor > 0 && validFor < PATIENCE_MS + 601_000, `${validFor} ms`);
  assert.deepEqual([sms.from, submitted?.source_addr_ton, submitted?.registered_delivery, submitted?.data_coding], ['Parley', 5, 1, 0]);
  const made = await ask('accounts', { proof, username: 'byphone', mechanism: HT });
  assert.deepEqual([made.status, made.body['jid']], [201, 'byphone@localhost']);
  const { answer } = await byToken(server, { user: 'byphone', id: device }, String(made.body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
});

test('another device of the same person: the code alone, and the other devices are told', async () => {
  const to = freshNumber();
  const first = await prove(to, { from: '198.51.100.1' });
  const made = await ask('accounts', { proof: first.proof, username: 'twice', mechanism: HT });
  const phone = (await byToken(server, { user: 'twice', id: first.device }, String(made.body['token']), { inside: bind2() })).person;
  phone.send('<presence/>');
  // From another address: nobody has to wait for a second code there.
  const second = await prove(to, { from: '198.51.100.2', count: 2 });
  assert.equal(second.body['jid'], 'twice@localhost');
  assert.equal((await ask('accounts', { proof: second.proof, username: 'other', mechanism: HT })).body['error'], 'has-account');
  assert.equal((await ask('sessions', { proof: second.proof, mechanism: HT, deviceName: 'Tablet' })).status, 200);
  const notice = await phone.take(message({ from: 'localhost' }));
  assert.match(notice.child('body')?.text ?? '', /"Tablet", signed in .* phone number\. If that was not you, sign it out/);
});

test('what is refused: no number, several, an extension, one that costs, a country that is not served', async () => {
  for (const to of [
    '',
    '+',
    '0151',
    'ann@mail.example',
    '+4915112345678,+4915112345679',
    '+4915112345678 ext 5',
    '+499001234567',
    '+999123456789',
  ])
    assert.match(String((await ask('codes', { kind: 'phone', to, device: 'd' })).body['error']), /^bad-(identifier|request)$/, to);
  const denied = await ask('codes', { kind: 'phone', to: '+371 21 234 567', device: 'd' });
  assert.deepEqual([denied.status, denied.body['error']], [403, 'country-refused']);
  assert.equal((await ask('codes', { kind: 'phone', to: freshNumber(), device: 'two words' })).body['error'], 'bad-device');
  assert.equal(
    (await ask('codes', { kind: 'phone', to: freshNumber(), device: 'd', known: Array(6).fill('x') })).body['error'],
    'bad-request',
  );
  assert.equal((await ask('codes', { kind: 'email', to: 'ann@mail.example', device: 'd' })).body['error'], 'off');
});

test('five tries for a code, and a second code has to wait', async () => {
  const to = freshNumber();
  // At the same time: one of them comes second.
  const both = await Promise.all([1, 2].map(() => ask('codes', { kind: 'phone', to, device: 'd' })));
  const sent = both.find(({ status }) => status === 202) ?? assert.fail(JSON.stringify(both));
  const again = both.find((one) => one !== sent);
  assert.deepEqual([again?.status, again?.body['error']], [429, 'too-many']);
  assert.ok(Number(again?.retryAfter) > 0 && Number(again?.retryAfter) <= 30);
  const code = codeIn((await smsTo(to)).text);
  const wrong = code === '000000' ? '000001' : '000000';
  for (let i = 0; i < 5; i++)
    assert.equal((await ask('codes/check', { challenge: sent.body['challenge'], code: wrong })).body['error'], 'wrong-code');
  assert.equal((await ask('codes/check', { challenge: sent.body['challenge'], code })).body['error'], 'expired');
});

test('SMPP: receipts are acknowledged and counted, enquiries answered', async (t) => {
  // Of its own, so that it is asked first whatever happened before.
  const own = await startServer({ config: { 'phone.providers': 'smpp', ...smsc.config, ...UNBOUNDED } });
  t.after(() => own.stop());
  const value = async (name: string): Promise<number> => {
    const metrics = await (await fetch(`${own.httpOrigin}/metrics`)).text();
    return Number(new RegExp(`^parley_${name}\\{provider="smpp"\\} (\\d+)`, 'm').exec(metrics)?.[1]);
  };
  smsc.become({ receipt: 'UNDELIV' });
  await prove(freshNumber(), { at: own });
  smsc.become({ receipt: 'DELIVRD' });
  await prove(freshNumber(), { at: own });
  await waitFor(
    'both receipts',
    async () => (await value('sms_delivered_total')) === 1 && (await value('sms_undelivered_total')) === 1,
    PATIENCE_MS,
  );
  assert.deepEqual([await value('sms_sent_total'), await value('sms_entered_total'), await value('sms_failed_total')], [2, 2, 0]);
  await smsc.enquire();
});

test('a provider that is throttled, or whose connection breaks, makes way at once; it comes back by itself', async () => {
  smsc.refuse(true);
  const throttled = freshNumber();
  await prove(throttled);
  assert.ok(!smsc.taken.some(({ to }) => to === throttled));
  smsc.refuse(false);

  // Two refuse; the third one looks at the signature.
  twilio.refuse(true);
  smsc.refuse(true);
  const third = freshNumber();
  await prove(third);
  assert.equal(webhook.codes.at(-1), codeIn((await webhook.smsTo(third)).text));
  assert.equal(webhook.refused, 0);

  webhook.refuse(true);
  const none = await ask('codes', { kind: 'phone', to: freshNumber(), device: 'd' });
  assert.deepEqual([none.status, none.body['error']], [503, 'not-sent']);
  for (const one of [smsc, twilio, webhook]) one.refuse(false);

  await waitFor('the connection', async () => smsc.bound > 0 || undefined, PATIENCE_MS);
  const binds = smsc.binds;
  smsc.drop();
  await waitFor('a new bind', async () => (smsc.binds > binds && smsc.bound > 0) || undefined, PATIENCE_MS);
  smsc.babble();
  await waitFor('a bind after nonsense', async () => (smsc.binds > binds + 1 && smsc.bound > 0) || undefined, PATIENCE_MS);
});

test('SMPP: a link on which no enquiry is answered is given up, and another one made', async (t) => {
  const silent = await startSmsc();
  t.after(() => silent.close());
  const patient = await startServer({
    config: { 'phone.providers': 'smpp', ...silent.config, 'phone.smpp.enquireLink': '1s', ...UNBOUNDED },
  });
  t.after(() => patient.stop());
  const to = freshNumber();
  assert.equal((await ask('codes', { kind: 'phone', to, device: 'd' }, { at: patient })).status, 202);
  await waitFor('an enquiry', async () => silent.enquiries > 0 || undefined, PATIENCE_MS);
  silent.deaf();
  await waitFor('another bind', async () => silent.binds > 1 || undefined, PATIENCE_MS);
});

test('Twilio: who sends, and a number that it does not know', async (t) => {
  const other = await startTwilio();
  t.after(() => other.close());
  const own = await startServer({
    config: { 'phone.providers': 'twilio', ...other.config, ...UNBOUNDED },
    expectedErrors: [/code_not_sent/],
  });
  t.after(() => own.stop());
  const code = (to: string): Promise<Answer> => ask('codes', { kind: 'phone', to, device: 'd' }, { at: own });
  const to = freshNumber();
  assert.equal((await code(to)).status, 202);
  assert.equal((await other.smsTo(to)).from, '+15005550006');
  other.answerWith(400, 21211);
  assert.equal((await code(freshNumber())).body['error'], 'not-sent');
  // That was the number's fault.
  const limits = JSON.parse((await parley(own, ['limits', '--json'])).out) as { ways: { resting: boolean; failed: number }[] };
  assert.deepEqual([limits.ways[0]?.resting, limits.ways[0]?.failed], [false, 0]);
});

test('secrets and numbers are in no log', async () => {
  const to = freshNumber();
  const sent = await ask('codes', { kind: 'phone', to, device: 'd' });
  const { text } = await smsTo(to);
  const checked = await ask('codes/check', { challenge: sent.body['challenge'], code: codeIn(text) });
  const proof = String(checked.body['proof']);
  const said = wordsOf(server.log());
  const secrets = [proof, to.slice(1), 'secret8', 'token of the test', String(webhook.config['phone.webhook.secret'])];
  for (const secret of secrets) assert.ok(!said.some((line) => line.includes(secret)), secret);
  for (const { text } of taken()) assert.ok(!said.some((line) => new RegExp(`\\b${codeIn(text)}\\b`).test(line)), text);
});

test('strangers who ask for the codes of a number do not keep its owner out: not at a known address, not on a known device', async (t) => {
  const strict = await startServer({
    config: {
      'phone.providers': 'twilio',
      'http.trustProxy': true,
      ...twilio.config,
      ...UNBOUNDED,
      'features.identity.perIdentifierPerHour': 2,
    },
  });
  t.after(() => strict.stop());
  const to = freshNumber();
  const home = '192.0.2.1';
  const first = await prove(to, { at: strict, from: home });
  await ask('accounts', { proof: first.proof, username: 'owner', mechanism: HT }, { at: strict, from: home });
  const code = (from: string, known: readonly unknown[] = []): Promise<Answer> =>
    ask('codes', { kind: 'phone', to, device: 'd', known }, { at: strict, from });
  // The owner's own has been counted as a stranger's: one is left for all others.
  assert.equal((await code('198.51.100.1')).status, 202);
  for (let i = 2; i < 10; i++) assert.equal((await code(`198.51.100.${i}`)).body['error'], 'too-many');
  const travelling = await code('203.0.113.1', ['nonsense', first.body['known']]);
  assert.equal(travelling.status, 202, JSON.stringify(travelling.body));
  assert.equal((await code('203.0.113.2', [`${String(first.body['known'])}x`])).body['error'], 'too-many');
  // What one number gave is of no use for another: nor does it tell the number.
  assert.ok(
    !Buffer.from(String(first.body['known']).split('.')[0] ?? '', 'base64url')
      .toString()
      .includes(to.slice(1)),
  );
  // Of the address where it was proved: after the waiting time, which a restart forgets.
  await strict.restart();
  for (let i = 1; i < 10; i++) await code(`198.51.100.${i}`);
  assert.equal((await code('203.0.113.3')).body['error'], 'too-many');
  assert.equal((await code(home)).status, 202);
});

test('the budget for short messages: refused, in the log, in the metrics, in parley limits', async (t) => {
  const poor = await startServer({
    config: { 'phone.providers': 'twilio', ...twilio.config, ...UNBOUNDED, 'features.identity.smsPerCountryPerHour': 3 },
    expectedErrors: [/sms_budget_used_up/],
  });
  t.after(() => poor.stop());
  const code = (to: string): Promise<Answer> => ask('codes', { kind: 'phone', to, device: 'd' }, { at: poor });
  for (let i = 0; i < 3; i++) assert.equal((await code(freshNumber())).status, 202);
  const refused = await code(freshNumber());
  assert.deepEqual([refused.status, refused.body['error']], [429, 'too-many']);
  assert.ok(Number(refused.retryAfter) > 0);
  assert.equal((await code('+436641234567')).status, 202, 'another country');
  await logged(poor, 'sms_budget_used_up', { budget: 'sms.country', of: 'DE', perHour: 3 });
  const metrics = await (await fetch(`${poor.httpOrigin}/metrics`)).text();
  assert.match(metrics, /^parley_identity_limit_refused_total\{domain="localhost",limit="sms.country"\} 1$/m);
  assert.match(metrics, /^parley_identity_limit_taken_total\{domain="localhost",limit="sms.country"\} 4$/m);
  assert.match(metrics, /^parley_sms_budget_alarm\{domain="localhost"\} 1$/m);
  assert.match(metrics, /^parley_sms_sent_total\{provider="twilio"\} 4$/m);
  const { out, code: exit } = await parley(poor, ['limits']);
  assert.equal(exit, 0);
  assert.match(out, /^ALARM: a budget for short messages is used up/m);
  assert.match(out, /^sms\.country +3 +3 of 3 \(DE\) +4 +1 /m);
  assert.match(out, /^twilio +\d\.\d\d +4 +0 +0 +0 +0$/m);
  const { limits } = JSON.parse((await parley(poor, ['limits', '--json'])).out) as { limits: { name: string; refused: number }[] };
  assert.deepEqual(
    limits.filter((one) => one.refused > 0).map(({ name }) => name),
    ['sms.country'],
  );
});

test('console: the code is on the page and in the log, and only where nobody else gets', async (t) => {
  const local = await startServer({ config: { 'phone.providers': 'console', ...UNBOUNDED } });
  t.after(() => local.stop());
  const to = freshNumber();
  const sent = await ask('codes', { kind: 'phone', to, device: 'd' }, { at: local });
  const code = String(sent.body['code']);
  assert.match(code, /^\d{6}$/);
  assert.equal((await ask('codes/check', { challenge: sent.body['challenge'], code }, { at: local })).body['value'], to);
  await logged(local, 'code_shown_for_development', { to, code });
  // From a real provider it never is.
  assert.equal((await ask('codes', { kind: 'phone', to: freshNumber(), device: 'd' })).body['code'], undefined);
  for (const open of ['--http.publicUrl=https://chat.example', '--http.trustProxy=true', '--listen.component=0.0.0.0:5347']) {
    const checked = await parley(local, ['config', 'check', '--phone.providers=console', open]);
    assert.equal(checked.code, 1, open);
    assert.match(checked.err, /shows every code to whoever asks/);
    const anyway = await parley(local, ['config', 'check', '--phone.providers=console', '--phone.consoleAnywhere=true', open]);
    assert.equal(anyway.code, 0, anyway.err);
  }
});

test('doctor reaches every provider and sends nothing', async () => {
  const before = taken().length;
  const flags = (settings: Readonly<Record<string, string>>): string[] =>
    Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
  const all = { ...smsc.config, ...twilio.config, ...webhook.config, 'phone.providers': 'smpp twilio webhook' };
  const findings = async (more: Readonly<Record<string, string>> = {}): Promise<Map<string, string>> => {
    const { out } = await parley(server, ['doctor', '--json', ...flags({ ...all, ...more })]);
    const list = JSON.parse(out) as { state: string; subject: string; text: string }[];
    return new Map(
      list.filter(({ subject }) => subject.startsWith('phone.')).map(({ subject, state, text }) => [`${subject} ${state}`, text]),
    );
  };
  const well = await findings();
  assert.deepEqual([...well.keys()].sort(), ['phone.smpp ok', 'phone.smpp warn', 'phone.twilio ok', 'phone.webhook ok']);
  const ill = await findings({
    'phone.smpp.password': 'wrong',
    'phone.twilio.token': 'wrong',
    'phone.webhook.url': 'http://127.0.0.1:9/x',
  });
  assert.deepEqual([...ill.keys()].sort(), ['phone.smpp fail', 'phone.smpp warn', 'phone.twilio fail', 'phone.webhook fail']);
  assert.match(ill.get('phone.smpp fail') ?? '', /user and password/);
  assert.match(ill.get('phone.twilio fail') ?? '', /account and token/);
  assert.equal(taken().length, before);
});
