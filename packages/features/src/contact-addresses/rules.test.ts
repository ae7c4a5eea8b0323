import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formValues } from '@parley/protocol';
import { readAddresses, serverInfo } from './rules.ts';

test('addresses are URIs, several separated by spaces', () => {
  assert.deepEqual(readAddresses(' mailto:abuse@a.example  xmpp:abuse@a.example?message '), [
    'mailto:abuse@a.example',
    'xmpp:abuse@a.example?message',
  ]);
  assert.deepEqual(readAddresses(''), []);
  for (const wrong of ['abuse@a.example', 'javascript:alert(1)', 'mailto:x', 'https://a.example "'])
    assert.equal(readAddresses(wrong), undefined, wrong);
});

test('XEP-0157: kinds without an address are left out, and without any there is no form', () => {
  assert.equal(serverInfo(new Map([['abuse', []]])), undefined);
  const form = serverInfo(new Map([['security', ['mailto:s@a.example']]]));
  assert.deepEqual(
    form?.fields.map((field) => field.var),
    ['FORM_TYPE', 'security-addresses'],
  );
  assert.deepEqual(form === undefined ? [] : formValues(form, 'security-addresses'), ['mailto:s@a.example']);
});
