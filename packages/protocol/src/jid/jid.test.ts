import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Jid, JidError, preparePassword } from '../index.ts';

const long = (n: number): string => 'a'.repeat(n);

// RFC 7622 §3.5, table 1, and what the profiles do to them.
const VALID: [string, string][] = [
  ['juliet@example.com', 'juliet@example.com'],
  ['juliet@example.com/foo', 'juliet@example.com/foo'],
  ['juliet@example.com/foo bar', 'juliet@example.com/foo bar'],
  ['juliet@example.com/foo@bar', 'juliet@example.com/foo@bar'],
  ['foo\\20bar@example.com', 'foo\\20bar@example.com'],
  ['fussball@example.com', 'fussball@example.com'],
  ['fu\u00dfball@example.com', 'fu\u00dfball@example.com'],
  ['\u03c0@example.com', '\u03c0@example.com'],
  ['\u03a3@example.com/foo', '\u03c3@example.com/foo'],
  ['\u03c3@example.com/foo', '\u03c3@example.com/foo'],
  ['\u03c2@example.com/foo', '\u03c2@example.com/foo'],
  ['king@example.com/\u265a', 'king@example.com/\u265a'],
  ['example.com', 'example.com'],
  ['example.com/foobar', 'example.com/foobar'],
  ['a.example.com/b@example.net', 'a.example.com/b@example.net'],
  ['JULIET@Example.COM/Foo', 'juliet@example.com/Foo'],
  ['juliet@example.com.', 'juliet@example.com'],
  ['juliet@example.com/a/b', 'juliet@example.com/a/b'],
  ['\uff4a\uff55@example.com', 'ju@example.com'],
  ['A\u030a@example.com', '\u00e5@example.com'],
  ['a@[::1]', 'a@[::1]'],
  ['a@[2001:DB8::192.0.2.1]/x', 'a@[2001:db8::192.0.2.1]/x'],
  ['a@192.0.2.1', 'a@192.0.2.1'],
  ['a@xn--fuball-cta.example', 'a@fu\u00dfball.example'],
  ['a@B\u00dcCHER.example', 'a@b\u00fccher.example'],
  ['a@example\u3002com', 'a@example.com'],
  ['\u05d0\u05d1@example.com', '\u05d0\u05d1@example.com'],
  ['\u05d0\u05d15@example.com', '\u05d0\u05d15@example.com'],
  ['a\u00b7b@example.com', ''],
  ['l\u00b7l@example.com', 'l\u00b7l@example.com'],
  ['\u0645\u06cc\u200c\u062e@example.com', '\u0645\u06cc\u200c\u062e@example.com'],
  ['\u0915\u094d\u200d\u0937@example.com', '\u0915\u094d\u200d\u0937@example.com'],
  ['a@b/\u00a0x', 'a@b/ x'],
  [`${long(1023)}@b/${long(1023)}`, `${long(1023)}@b/${long(1023)}`],
];

const INVALID: [string, string][] = [
  ['"juliet"@example.com', 'local'],
  ['foo bar@example.com', 'local'],
  ['@example.com', 'local'],
  ['@example.com/', 'local'],
  ['henry\u2163@example.com', 'local'],
  ['\u265a@example.com', 'local'],
  ['juliet@', 'domain'],
  ['/foobar', 'domain'],
  ['juliet@example.com/', 'resource'],
  ['', 'domain'],
  ['@@@', 'local'],
  ['a@b@c', 'domain'],
  ['a@@b', 'domain'],
  ["a'b@c", 'local'],
  ['a&b@c', 'local'],
  ['a:b@c', 'local'],
  ['a<b@c', 'local'],
  ['a>b@c', 'local'],
  ['a\u0000b@c', 'local'],
  ['a\u007f@c', 'local'],
  ['\u212a@c', 'local'], // KELVIN SIGN: not another k
  ['\ufb01x@c', 'local'], // LATIN SMALL LIGATURE FI
  ['a\u200bb@c', 'local'],
  ['a\u202eb@c', 'local'],
  ['a\u0378@c', 'local'], // unassigned
  ['a\ufdd0@c', 'local'], // noncharacter
  ['a\ue000@c', 'local'], // private use
  ['a\ud800@c', 'local'], // lone surrogate
  ['a\u0640@c', 'local'],
  ['\u1100@c', 'local'],
  ['a\u05d0@c', 'local'], // mixed directions
  ['\u05d0a@c', 'local'],
  ['5\u05d0@c', 'local'],
  ['\u0661\u06f1\u0627@c', 'local'], // two kinds of Arabic digits
  ['\u0627\u0661\u0661\u06f1@c', 'local'],
  ['a@b/x\u30fb\u30fb', 'resource'], // KATAKANA MIDDLE DOT without a Japanese letter
  ['a\u200cb@c', 'local'],
  ['a\u200db@c', 'local'],
  ['\uff20@c', 'local'], // full-width @
  ['a@b/\u0007', 'resource'],
  ['a@b/\u0378', 'resource'],
  ['a@b/x\ufe0f', 'resource'],
  [`${long(1024)}@b`, 'local'],
  [`a@b/${long(1024)}`, 'resource'],
  [`a@b/${'\u00e9'.repeat(512)}`, 'resource'],
  [`a@${`${long(63)}.`.repeat(16)}${long(1)}`, 'domain'],
  [`a@${long(64)}`, 'domain'],
  ['a@b..c', 'domain'],
  ['a@.b', 'domain'],
  ['a@.', 'domain'],
  ['a@b..', 'domain'],
  ['a@-b', 'domain'],
  ['a@b-.c', 'domain'],
  ['a@b_c', 'domain'],
  ['a@b c', 'domain'],
  ['a@ab--c', 'domain'],
  ['a@xn--abc-', 'domain'],
  ['a@xn--a', 'domain'],
  ['a@xn--\u00fc', 'domain'],
  ['a@[::1', 'domain'],
  ['a@[1:2:3]', 'domain'],
  ['a@[::1::2]', 'domain'],
  ['a@[::256.0.0.1]', 'domain'],
  ['a@\u0301b', 'domain'],
];

test('valid addresses are prepared, and preparing again changes nothing (RFC 7622 §3.5)', () => {
  for (const [text, prepared] of VALID) {
    if (prepared === '') {
      assert.equal(Jid.tryParse(text), undefined, text);
      continue;
    }
    const jid = Jid.parse(text);
    assert.equal(jid.full, prepared, text);
    assert.equal(Jid.parse(jid.full).full, prepared, text);
    assert.ok(Jid.of(jid.local, jid.domain, jid.resource).equals(jid), text);
  }
});

test('invalid addresses are refused, with the part that is wrong', () => {
  for (const [text, part] of INVALID)
    assert.throws(
      () => Jid.parse(text),
      (error: unknown) => error instanceof JidError && error.part === part,
      `${JSON.stringify(text)} ${part}`,
    );
});

test('confusables stay apart, and sharp s is not ss', () => {
  assert.notEqual(Jid.parse('p\u0430ypal@c').bare, Jid.parse('paypal@c').bare);
  assert.notEqual(Jid.parse('fu\u00dfball@c').bare, Jid.parse('fussball@c').bare);
});

test('parts, bare and full', () => {
  const jid = Jid.parse('Ann@Example.org/Phone');
  assert.deepEqual(
    [jid.local, jid.domain, jid.resource, jid.bare, jid.full],
    ['ann', 'example.org', 'Phone', 'ann@example.org', 'ann@example.org/Phone'],
  );
  assert.equal(jid.isBare, false);
  assert.equal(jid.toBare().isBare, true);
  assert.equal(jid.toBare().toBare().toString(), 'ann@example.org');
  assert.equal(jid.toBare().withResource('x').full, 'ann@example.org/x');
  assert.throws(() => jid.withResource('\u0000'), JidError);
  assert.equal(Jid.parse('Ann@Example.org/Phone'), jid);
  assert.equal(JSON.stringify({ jid }), '{"jid":"ann@example.org/Phone"}');
});

test('the cache gives the same answers after it has turned over', () => {
  const first = Jid.parse('keep@example.org').full;
  for (let i = 0; i < 12_000; i++) Jid.parse(`u${i}@example.org`);
  assert.equal(Jid.parse('keep@example.org').full, first);
  assert.equal(Jid.parse('u0@example.org').local, 'u0');
});

test('a string of characters whose rule looks at the whole string is checked in a time that grows with its length, not its square', () => {
  let asked = 0;
  const text = `\u30a2${'\u30fb'.repeat(300)}`;
  const { replaceAll } = String.prototype;
  String.prototype.replaceAll = function (this: string, ...args: Parameters<typeof replaceAll>) {
    asked++;
    return replaceAll.apply(this, args);
  } as typeof replaceAll;
  try {
    assert.equal(Jid.parse(`a@b/${text}`).resource, text);
  } finally {
    String.prototype.replaceAll = replaceAll;
  }
  assert.ok(asked <= 1, `${asked} looks at the whole string`);
});

test('passwords are OpaqueString (RFC 8265 §4.3)', () => {
  assert.equal(preparePassword('correct horse battery staple'), 'correct horse battery staple');
  assert.equal(preparePassword('Correct Horse Battery Staple'), 'Correct Horse Battery Staple');
  assert.equal(preparePassword('\u03c0\u00df\u00e5'), '\u03c0\u00df\u00e5');
  assert.equal(preparePassword('Jack of \u2666s'), 'Jack of \u2666s');
  assert.equal(preparePassword('foo\u1680bar'), 'foo bar');
  assert.equal(preparePassword('A\u030a'), '\u00c5');
  assert.equal(preparePassword(''), undefined);
  assert.equal(preparePassword('my cat is a \u0009by'), undefined);
  assert.equal(preparePassword('a\u0000'), undefined);
});
