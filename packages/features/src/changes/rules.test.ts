import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement, Stanza } from '@parley/xml';
import { changeOf } from './rules.ts';

const stanza = (content: string) => Stanza.from(parseElement(`<message>${content}</message>`, undefined, 'jabber:client'));
const RETRACT = "<retract xmlns='urn:xmpp:message-retract:1' id='a'/>";
const REPLACE = "<replace xmlns='urn:xmpp:message-correct:0' id='b'/>";
const REACT = "<reactions xmlns='urn:xmpp:reactions:0' id='c'><reaction>x</reaction></reactions>";

test('what a message changes', () => {
  assert.equal(changeOf(stanza('<body>x</body>')), undefined);
  assert.equal(changeOf(stanza("<retract xmlns='urn:xmpp:jingle-message:0' id='a'/>")), undefined);
  assert.deepEqual(changeOf(stanza(RETRACT)), { kind: 'retract', id: 'a' });
  assert.deepEqual(changeOf(stanza(`<body>x</body>${REPLACE}`)), { kind: 'correct', id: 'b' });
  assert.deepEqual(changeOf(stanza(REACT)), { kind: 'react' });
  assert.deepEqual(changeOf(stanza(REPLACE + RETRACT)), { kind: 'retract', id: 'a' });
});

test('changes without a target, and floods, are refused', () => {
  const condition = (content: string) => {
    try {
      changeOf(stanza(content));
    } catch (error) {
      return (error as { condition: string }).condition;
    }
    return undefined;
  };
  assert.equal(condition("<retract xmlns='urn:xmpp:message-retract:1'/>"), 'bad-request');
  assert.equal(condition(RETRACT + RETRACT), 'bad-request');
  assert.equal(condition(REPLACE + REPLACE), 'bad-request');
  assert.equal(condition(REACT + REACT), 'bad-request');
  assert.equal(condition("<reactions xmlns='urn:xmpp:reactions:0'/>"), 'not-acceptable');
  assert.equal(
    condition(`<reactions xmlns='urn:xmpp:reactions:0' id='a'>${'<reaction>x</reaction>'.repeat(33)}</reactions>`),
    'not-acceptable',
  );
});
