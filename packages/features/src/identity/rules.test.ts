import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cleanCode,
  codeOf,
  decodeChallenge,
  decodeProof,
  encodeChallenge,
  encodeProof,
  isDeviceId,
  isSettled,
  joinToken,
  normaliseEmail,
  tokenParts,
} from './rules.ts';

test('an identifier that was added speaks for the owner after a day, one that came with the account at once', () => {
  const day = 24 * 60 * 60_000;
  assert.equal(isSettled(1000, 900, 2000), true);
  assert.equal(isSettled(10 * day, 0, 10 * day + 1), false);
  assert.equal(isSettled(10 * day, 0, 11 * day - 1), false);
  assert.equal(isSettled(10 * day, 0, 11 * day), true);
});

test('one mailbox has one spelling', () => {
  assert.equal(normaliseEmail('  Ann.Lee+chat@Example.ORG '), 'ann.lee+chat@example.org');
  assert.equal(normaliseEmail('jürgen@bücher.example'), 'jürgen@bücher.example');
});

test('what is no e-mail address, or would be several, is none', () => {
  for (const bad of [
    '',
    'ann',
    '@example.org',
    'ann@',
    'ann@localhost',
    'ann@example.org,bob@example.org',
    'ann@example.org\r\nBcc: bob@example.org',
    'ann lee@example.org',
    '"ann"@example.org',
    'ann..lee@example.org',
    '.ann@example.org',
    'a@b@example.org',
    'ann@[192.0.2.1]',
    'ann@example.org/phone',
    '<ann@example.org>',
    `${'a'.repeat(65)}@example.org`,
    `ann@${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(20)}`,
  ])
    assert.equal(normaliseEmail(bad), undefined, bad);
});

test('a code has all its digits, and every code can come', () => {
  assert.equal(codeOf(new Uint8Array(32), 6), '000000');
  assert.equal(codeOf(Uint8Array.of(0, 0, 0, 0, 0, 42), 6), '000042');
  assert.equal(codeOf(Uint8Array.of(255, 255, 255, 255, 255, 255), 6), String((2 ** 48 - 1) % 1_000_000).padStart(6, '0'));
  assert.equal(codeOf(Uint8Array.of(0, 0, 0, 1, 0, 0), 5), '65536');
});

test('people put spaces and dashes between digits', () => {
  assert.equal(cleanCode(' 123-456 '), '123456');
  for (const bad of ['', '12', '12345x', '１２３４５６', '12345678901']) assert.equal(cleanCode(bad), undefined, bad);
});

test('a challenge is no proof, and a proof no challenge', () => {
  const challenge = { kind: 'email', value: 'ann@example.org', device: 'd', nonce: 'n', expiresAt: 5, via: 'smpp' } as const;
  assert.deepEqual(decodeChallenge(encodeChallenge(challenge)), challenge);
  assert.equal(decodeProof(encodeChallenge(challenge)), undefined);
  const proof = { kind: 'phone', value: '+4915112345678', device: 'd', expiresAt: 5, network: 'w' } as const;
  assert.deepEqual(decodeProof(encodeProof(proof)), proof);
  assert.equal(decodeChallenge(encodeProof(proof)), undefined);
});

test('a token has two parts, the second of 32 bytes', () => {
  const token = joinToken(Uint8Array.of(1, 2), new Uint8Array(32));
  assert.deepEqual(tokenParts(token)?.body, Uint8Array.of(1, 2));
  for (const bad of ['', '.', `${token}.`, token.slice(0, -2), 'a b.c', `${'A'.repeat(3000)}.${'A'.repeat(43)}`])
    assert.equal(tokenParts(bad), undefined, bad);
});

test('a device names itself in printable characters', () => {
  assert.equal(isDeviceId('d4565fa7-4d72-4749-b3d3-740edbf87770'), true);
  for (const bad of ['', 'a b', 'ü', 'a'.repeat(129)]) assert.equal(isDeviceId(bad), false, bad);
});
