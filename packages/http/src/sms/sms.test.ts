import assert from 'node:assert/strict';
import { test } from 'node:test';
import { providerUrl } from './post.ts';
import { SmsError, type SmsProvider } from './provider.ts';
import { smsRelay } from './relay.ts';
import { smppServer } from './smpp/link.ts';
import { COMMAND, encodePdu, PduReader, receiptState, submitBody } from './smpp/pdu.ts';
import { asciiHost, smsText } from './text.ts';
import { webhookKey, webhookSignature } from './webhook.ts';

test('the text is one part of ASCII, and its last line binds the code to the page', () => {
  const text = smsText({ code: '123456', host: 'chat.example' });
  assert.equal(text, '123456 is your code for chat.example. Give it to nobody.\n\n@chat.example #123456');
  for (const length of [1, 40, 60, 63, 120, 250]) {
    const long = smsText({ code: '123456', host: 'a'.repeat(length) });
    assert.ok(long.length <= 160 && long.startsWith('123456 is your code'), String(length));
    assert.match(long, /^[\x20-\x7e\n]*$/);
  }
  assert.equal(smsText({ code: '123456', host: '' }), '123456 is your code. Give it to nobody.');
});

test('the host of a page', () => {
  assert.equal(asciiHost('https://chat.example:8443'), 'chat.example');
  assert.equal(asciiHost('https://bücher.example'), 'xn--bcher-kva.example');
  for (const none of ['', 'chat.example', 'https://192.0.2.1', 'https://[::1]:8080']) assert.equal(asciiHost(none), '', none);
});

test('signatures are those of Standard Webhooks: the example of its specification', () => {
  const key = webhookKey('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') ?? assert.fail();
  assert.equal(
    webhookSignature(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}'),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
  for (const bad of ['', 'whsec_', 'whsec_c2hvcnQ=', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', `whsec_${'A'.repeat(120)}`])
    assert.equal(webhookKey(bad), undefined, bad);
});

test('providers are reached over TLS, or on this machine', () => {
  for (const good of [
    'https://api.twilio.com',
    'https://sms.example:8443/in',
    'http://127.0.0.1:9000/x',
    'http://[::1]:9000',
    'http://localhost',
  ])
    assert.notEqual(providerUrl(good), undefined, good);
  for (const bad of ['', 'sms.example', 'http://sms.example', 'https://user:pw@sms.example', 'https://sms.example/#x', 'ftp://sms.example'])
    assert.equal(providerUrl(bad), undefined, bad);
  assert.deepEqual(smppServer('smpp://smsc.example'), { host: 'smsc.example', port: 2775, secure: false });
  assert.deepEqual(smppServer('smpps://[::1]:3551'), { host: '::1', port: 3551, secure: true });
  for (const bad of ['smsc.example:2775', 'smpp://', 'smpp://u:p@smsc.example', 'smpp://smsc.example:0', 'smpp://smsc.example:70000'])
    assert.equal(smppServer(bad), undefined, bad);
});

test('SMPP: a stream is cut into PDUs wherever its chunks end, and a length that cannot be ends it', () => {
  const one = encodePdu({ command: COMMAND.enquireLink, status: 0, sequence: 7, body: Buffer.alloc(0) });
  const two = encodePdu({ command: COMMAND.deliverSm, status: 0, sequence: 8, body: Buffer.from('abc') });
  const whole = Buffer.concat([one, two]);
  for (let size = 1; size <= whole.length; size++) {
    const reader = new PduReader();
    const pdus = [];
    for (let at = 0; at < whole.length; at += size) pdus.push(...reader.push(whole.subarray(at, at + size)));
    assert.deepEqual(
      pdus.map(({ command, sequence, body }) => [command, sequence, body.toString()]),
      [
        [COMMAND.enquireLink, 7, ''],
        [COMMAND.deliverSm, 8, 'abc'],
      ],
      String(size),
    );
  }
  for (const length of [0, 15, 16_385, 0xffff_ffff]) {
    const header = Buffer.alloc(16);
    header.writeUInt32BE(length, 0);
    assert.throws(() => new PduReader().push(header), RangeError, String(length));
  }
});

test('SMPP: receipts are read, other messages and cut ones are not', () => {
  const body = (esmClass: number, text: string): Buffer =>
    Buffer.concat([
      Buffer.from('\0\x01\x01491511234567\0\x05\0Parley\0', 'latin1'),
      Buffer.from([esmClass, 0, 0, 0, 0, 0, 0, 0, 0, text.length]),
      Buffer.from(text, 'latin1'),
    ]);
  const receipt = 'id:1 sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:DELIVRD err:000 text:';
  assert.equal(receiptState(body(4, receipt)), 'DELIVRD');
  assert.equal(receiptState(body(0, receipt)), undefined, 'somebody has written this');
  assert.equal(receiptState(body(4, 'stat:')), undefined);
  const long = body(4, receipt);
  for (let end = 0; end < long.length; end++) receiptState(long.subarray(0, end));
});

test('SMPP: the signs of a code are at their place in each alphabet', () => {
  const message = { from: 'Parley', to: '+4915112345678', text: '1 @a', validSeconds: 600 };
  const ends = (alphabet: 'gsm' | 'latin1' | 'ucs2'): number[] => [...submitBody({ ...message, alphabet })].slice(-10);
  assert.deepEqual(ends('gsm').slice(-7), [0, 0, 4, 0x31, 0x20, 0x00, 0x61]);
  assert.deepEqual(ends('latin1').slice(-7), [3, 0, 4, 0x31, 0x20, 0x40, 0x61]);
  assert.deepEqual(ends('ucs2'), [0, 8, 0, 0x31, 0, 0x20, 0, 0x40, 0, 0x61].slice(-10));
});

function fake(name: string, answers: (SmsError | 'taken')[]): SmsProvider & { asked: number } {
  return {
    name,
    asked: 0,
    async send() {
      const answer = answers[Math.min(this.asked++, answers.length - 1)];
      if (answer instanceof SmsError) throw answer;
    },
    check: () => Promise.resolve(''),
    close: () => {},
  };
}

test('one that fails makes way at once, and is asked last for a while; a refused number is not its fault', async () => {
  let now = 0;
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (_: string, fields?: object) => void warnings.push(JSON.stringify(fields)) };
  const a = fake('a', [new SmsError('refused', 'no such number'), new SmsError('failed', 'down')]);
  const b = fake('b', ['taken']);
  const relay = smsRelay({ providers: [a, b], now: () => now, log, hostOf: () => 'chat.example' });
  const message = { to: '+4915112345678', code: '123456', domain: 'chat.example', lifeMs: 1 };
  const via = async (): Promise<string | undefined> => (await relay.send(message))?.via;
  assert.deepEqual([await via(), a.asked], ['b', 1]);
  assert.deepEqual([await via(), a.asked], ['b', 2], 'asked first again');
  assert.deepEqual([await via(), a.asked], ['b', 2], 'it failed: last for a minute');
  now = 60_000;
  assert.deepEqual([await via(), a.asked], ['b', 3]);
  for (const secret of ['123456', '4915112345678']) assert.ok(!warnings.join().includes(secret), secret);
});

test('when no provider takes it, that is said', async () => {
  const log = { debug() {}, info() {}, error() {}, warn() {} };
  const relay = smsRelay({ providers: [fake('a', [new SmsError('failed', 'down')])], now: () => 0, log, hostOf: () => '' });
  await assert.rejects(async () => relay.send({ to: '+1', code: '1', domain: 'd', lifeMs: 1 }), /No provider has taken/);
});
