import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataForm, NS } from '@parley/protocol';
import { applyForm, BadConfig, changeStatuses, configForm, DEFAULT_GROUP, MEMBERS_FIELD, TIMER_FIELD } from './config.ts';

const P = 'muc#roomconfig_';
const submit = (fields: Readonly<Record<string, string | readonly string[]>>): DataForm => ({
  type: 'submit',
  fields: [
    { var: 'FORM_TYPE', type: 'hidden', values: [NS.mucConfig] },
    ...Object.entries(fields).map(([name, value]) => ({ var: name, values: typeof value === 'string' ? [value] : [...value] })),
  ],
});
const limits = { maxUsers: 100, maxHistory: 50, timer: (seconds: number) => Math.min(seconds, 1000) };

test('what a form says is taken, what it does not speak of stays; numbers are bounded', () => {
  const { config, owners, admins, members } = applyForm(
    submit({
      [`${P}roomname`]: 'Team',
      [`${P}maxusers`]: '5000',
      'muc#maxhistoryfetch': '400',
      [TIMER_FIELD]: '86400',
      [MEMBERS_FIELD]: ['A@h/x', ' '],
    }),
    DEFAULT_GROUP,
    limits,
  );
  assert.deepEqual(config, { ...DEFAULT_GROUP, name: 'Team', maxUsers: 100, maxHistory: 50, timer: 1000 });
  assert.deepEqual([owners, admins, members], [undefined, undefined, ['a@h']]);
  assert.deepEqual(changeStatuses(DEFAULT_GROUP, config), [104]);
  // What is shown can be sent back as it is.
  const form = configForm(config, ['a@h'], [], 'x', true);
  assert.deepEqual(applyForm({ ...form, type: 'submit' }, DEFAULT_GROUP, limits).config, config);
  assert.equal(applyForm(submit({ [TIMER_FIELD]: '0' }), config, limits).config.timer, undefined);
});

test('oversize and malformed forms are refused as a whole, in a sentence', () => {
  for (const [name, value] of [
    [`${P}roomname`, 'x'.repeat(257)],
    [`${P}roomdesc`, 'x'.repeat(4097)],
    [`${P}lang`, 'x'.repeat(65)],
    [`${P}roomsecret`, 'x'.repeat(4097)],
    [`${P}persistentroom`, 'maybe'],
    [`${P}whois`, 'nobody'],
    [`${P}allowpm`, ''],
    [`${P}maxusers`, '-1'],
    [`${P}maxusers`, '99999999'],
    [`${P}presencebroadcast`, ['moderator', 'king']],
    [`${P}passwordprotectedroom`, '1'],
    [`${P}roomowners`, ['not an address@@']],
    [`${P}roomadmins`, ['just.a.domain']],
    [`${P}roomowners`, Array.from({ length: 501 }, (_, i) => `u${i}@h`)],
    [MEMBERS_FIELD, Array.from({ length: 501 }, (_, i) => `u${i}@h`)],
    ['muc#maxhistoryfetch', 'many'],
    [TIMER_FIELD, '-5'],
    [TIMER_FIELD, '99999999999'],
    [`${P}slow_mode_duration`, '1e9'],
  ] as const)
    assert.throws(() => applyForm(submit({ [name]: value }), DEFAULT_GROUP, limits), BadConfig, `${name}: ${String(value).slice(0, 40)}`);
  assert.throws(
    () => applyForm({ type: 'submit', fields: [{ var: 'FORM_TYPE', values: ['urn:other'] }] }, DEFAULT_GROUP, limits),
    BadConfig,
  );
});

test('a timer where messages do not disappear is refused, and not promised', () => {
  assert.throws(() => applyForm(submit({ [TIMER_FIELD]: '60' }), DEFAULT_GROUP, { ...limits, timer: undefined }), BadConfig);
  assert.ok(!configForm(DEFAULT_GROUP, [], [], 'x', false).fields.some((field) => field.var === TIMER_FIELD));
});
