import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { parseElement } from '@parley/xml';
import type { Attachment } from '../types.ts';
import { decodeMessage, encodeContent, encodeMessage } from './codec.ts';

const file = (url: string): Attachment => ({
  kind: 'image',
  name: 'sea.jpg',
  mediaType: 'image/jpeg',
  sizeBytes: 5,
  url,
  width: 4,
  height: 3,
  thumbhash: undefined,
  thumbnail: undefined,
  uploadId: undefined,
});
const A = 'https://example.org/a.jpg';
const B = 'https://example.org/b.jpg';

describe('words and links of a message with files (XEP-0447 §3.4, XEP-0428)', () => {
  const cases = [
    { words: 'At the 🌊 sea', urls: [A], body: `At the 🌊 sea\n${A}`, range: { start: '12', end: '38' } },
    { words: 'Two', urls: [A, B], body: `Two\n${A}\n${B}`, range: { start: '3', end: '55' } },
    { words: '', urls: [A], body: A, range: {} },
  ];
  for (const { words, urls, body, range } of cases) {
    it(`"${words}" with ${urls.length} of them`, () => {
      const sent = encodeMessage('bob@example.org', 'id-1', encodeContent({ body: words, attachments: urls.map(file) }));
      assert.equal(sent.childText('body', NS.client), body);
      assert.equal(sent.child('x', NS.oob)?.childText('url'), urls[0]);
      const fallback = sent.child('fallback', NS.fallback);
      assert.equal(fallback?.attr('for'), NS.sfs);
      assert.deepEqual({ ...fallback?.child('body')?.attrs }, range);
      const { content } = decodeMessage(parseElement(sent.toString(''), {}, NS.client));
      assert.equal(content?.body, words);
      assert.deepEqual(
        content?.attachments.map((one) => one.url),
        urls,
      );
    });
  }

  const received = (fallback: string, body = `Words ${A}`): string | undefined =>
    decodeMessage(
      parseElement(
        `<message xmlns="${NS.client}"><body>${body}</body><file-sharing xmlns="${NS.sfs}"><file xmlns="${NS.fileMetadata}"/>` +
          `<sources><url-data xmlns="${NS.urlData}" target="${A}"/></sources></file-sharing>${fallback}</message>`,
      ),
    ).content?.body;

  it('marks of others are taken as they are, and odd ones do no harm', () => {
    const mark = (inner: string, target: string = NS.sfs): string => `<fallback xmlns="${NS.fallback}" for="${target}">${inner}</fallback>`;
    assert.equal(received(''), `Words ${A}`);
    assert.equal(received('', A), '');
    assert.equal(received(mark('')), '');
    assert.equal(received(mark('<body/>')), '');
    assert.equal(received(mark('<body start="5"/>')), 'Words');
    assert.equal(received(mark('<body start="0" end="2"/><body start="5" end="31"/>')), 'rds');
    assert.equal(received(mark('<body start="9" end="3"/>')), `Words ${A}`);
    assert.equal(received(mark('<body start="5" end="99999"/>')), 'Words');
    assert.equal(received(mark('<body/>', 'urn:xmpp:reply:0')), `Words ${A}`);
  });
});
