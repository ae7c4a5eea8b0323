import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeClock } from './clock.ts';
import { nodeCrypto, nodeRandom } from './crypto.ts';
import { createLog } from './log.ts';

test('secrets are hidden in the log, whoever passes them', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json', write: (line) => lines.push(line) });
  log.info('signed_in', { account: 3, password: 'hunter2', nested: { token: 'abc', url: 'https://x/?mac=1' } });
  log.debug('too_fine');
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(typeof time, 'number');
  assert.deepEqual(rest, {
    level: 30,
    event: 'signed_in',
    account: 3,
    password: '[hidden]',
    nested: { token: '[hidden]', url: '[hidden]' },
  });
  log.error('failed', { error: new Error('broken') });
  const failed = JSON.parse(lines[1] ?? '') as { level: number; error: { message: string; stack: string } };
  assert.deepEqual([failed.level, failed.error.message], [50, 'broken']);
});

test('the log for people', () => {
  const lines: string[] = [];
  createLog({ level: 'debug', format: 'pretty', write: (line) => lines.push(line) }).warn('queue_full', { account: 3 });
  assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} warn {2}queue_full account=3\n$/);
});

test('random bytes are new each time, and stay with whoever got them', () => {
  const seen = new Set<string>();
  const kept = nodeRandom.bytes(16);
  const copy = Buffer.from(kept).toString('hex');
  for (let i = 0; i < 2000; i++) seen.add(Buffer.from(nodeCrypto.randomBytes(16)).toString('hex'));
  assert.equal(seen.size, 2000);
  assert.equal(Buffer.from(kept).toString('hex'), copy);
  for (const length of [0, 1, 255, 256, 257, 5000]) assert.equal(nodeRandom.bytes(length).length, length);
});

test('the crypto port answers at once, but for PBKDF2', async () => {
  const text = (value: unknown): string => Buffer.from(value as Uint8Array).toString('hex');
  const abc = Buffer.from('abc');
  assert.equal(text(nodeCrypto.hash('SHA-1', abc)), 'a9993e364706816aba3e25717850c26c9cd0d89d');
  // RFC 4231 test case 2.
  assert.equal(
    text(nodeCrypto.hmac('SHA-256', Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
  // RFC 6070 test case 2.
  assert.equal(
    text(await nodeCrypto.pbkdf2('SHA-1', Buffer.from('password'), Buffer.from('salt'), 2, 20)),
    'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957',
  );
  assert.equal(nodeCrypto.timingSafeEqual(abc, Buffer.from('abcd')), false);
  assert.equal(nodeCrypto.timingSafeEqual(abc, Buffer.from('abc')), true);
});

test('a timer that is undone does not run', async () => {
  let ran = 0;
  nodeClock.after(0, () => ran++)();
  await new Promise<void>((resolve) => nodeClock.soon(resolve));
  // One that was asked for later runs later.
  await new Promise<void>((resolve) => void nodeClock.after(0, resolve));
  assert.equal(ran, 0);
});
