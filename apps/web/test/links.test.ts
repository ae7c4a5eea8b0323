import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isJumbo, piecesOf } from '../src/app/chat/links.ts';

const hrefs = (text: string): (string | undefined)[] => piecesOf(text).flatMap(({ href }) => (href === undefined ? [] : [href]));

describe('links in messages', () => {
  it('finds web, mail and chat addresses', () => {
    assert.deepEqual(hrefs('see https://example.org/a?b=c, or example.com.'), ['https://example.org/a?b=c', 'https://example.com/']);
    assert.deepEqual(hrefs('write to ann@example.org'), ['mailto:ann@example.org']);
    assert.deepEqual(hrefs('join xmpp:room@example.org?join now'), ['xmpp:room@example.org?join']);
  });

  it('never links to a scheme that runs or reads something', () => {
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,<script>',
      'file:///etc/passwd',
      'vbscript:x',
      'JaVaScRiPt:alert(1)//https',
      'ftp://example.org/x',
    ])
      assert.deepEqual(
        hrefs(text).filter((href) => !/^(https?|mailto|xmpp):/.test(href ?? '')),
        [],
        text,
      );
  });

  it('loses and adds nothing', () => {
    const words = fc.array(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.webUrl(), fc.emailAddress(), fc.constantFrom(' ', '\n', '<', 'xmpp:a@b', 'javascript:')),
    );
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join('');
        assert.equal(
          piecesOf(text)
            .map((piece) => piece.text)
            .join(''),
          text,
        );
        for (const href of hrefs(text)) assert.match(href ?? '', /^(https?|mailto|xmpp):/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('big emoji', () => {
  it('only alone, and at most three', () => {
    assert.ok(['🙂', '👍🏽', '👩‍👩‍👧', '🇩🇪🇫🇷', '❤️❤️❤️'].every(isJumbo));
    assert.ok(!['🙂 hi', '1', 'a', '', '🙂🙂🙂🙂'].some(isJumbo));
  });
});
