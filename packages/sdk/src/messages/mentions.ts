import { decodeReference, encodeReference, mentionedBy, mentionUri, NS } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Mention } from '../types.ts';

/** Mentions of one message; more are ignored. */
const MAX_MENTIONS = 100;
/** Longest address (RFC 7622). */
const MAX_ADDRESS_LENGTH = 3_071;

/** Code points of a text: what positions on the wire count (XEP-0372 §3.1, XEP-0426). */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** `before`: code points of what stands before the text in the body. */
export function encodeMentions(body: string, mentions: readonly Mention[], before: number): Element[] {
  return mentions.map(({ personId, start, end }) => {
    const begin = before + codePoints(body.slice(0, start));
    return encodeReference({ type: 'mention', uri: mentionUri(personId), begin, end: begin + codePoints(body.slice(start, end)) });
  });
}

/** `full` is the whole body, `gone` its code points that are not shown, `body` what is left. */
export function decodeMentions(stanza: Element, full: string, gone: Uint8Array | undefined, body: string): readonly Mention[] {
  const found: Mention[] = [];
  let places: readonly number[] | undefined;
  for (const element of stanza.childrenNamed('reference', NS.reference).slice(0, MAX_MENTIONS)) {
    const reference = decodeReference(element);
    const personId = reference === undefined ? undefined : mentionedBy(reference);
    if (reference === undefined || personId === undefined || !personId.includes('@') || personId.length > MAX_ADDRESS_LENGTH) continue;
    places ??= placesOf(full, gone);
    const start = reference.begin === undefined ? 0 : (places[reference.begin] ?? 0);
    const end = reference.end === undefined ? 0 : (places[reference.end] ?? 0);
    found.push(Object.freeze({ personId, ...(start < end && end <= body.length ? { start, end } : { start: 0, end: 0 }) }));
  }
  return found;
}

/** Where each code point of a text (and its end) is among what is shown of it, in UTF-16 units. */
function placesOf(full: string, gone: Uint8Array | undefined): readonly number[] {
  const places: number[] = [];
  let at = 0;
  let index = 0;
  for (const character of full) {
    places.push(at);
    if (gone?.[index] !== 1) at += character.length;
    index++;
  }
  places.push(at);
  return places;
}

/** What an application says of its text, checked. Throws `invalid-argument`. */
export function checkMentions(text: string, mentions: readonly Mention[] = []): readonly Mention[] {
  const wrong = mentions.some(
    ({ personId, start, end }) =>
      !personId.includes('@') ||
      personId.length > MAX_ADDRESS_LENGTH ||
      !Number.isInteger(start) ||
      !Number.isInteger(end) ||
      start < 0 ||
      start >= end ||
      end > text.length,
  );
  if (wrong || mentions.length > MAX_MENTIONS) throw new ChatError('invalid-argument', 'A mention is a part of the text and an address');
  return Object.freeze(mentions.map(({ personId, start, end }) => Object.freeze({ personId, start, end })));
}

/** Whether a message of a group is meant for its reader: by a reference, or by a name in the text, as the server counts it. */
export function mentionsMe(
  { body, mentions = [] }: { readonly body: string; readonly mentions?: readonly Mention[] | undefined },
  { me, group, nick }: { readonly me: string; readonly group: string; readonly nick: string },
): boolean {
  if (mentions.some(({ personId }) => personId === me || (nick !== '' && personId === `${group}/${nick}`))) return true;
  const text = body.toLowerCase();
  return [nick, me.slice(0, me.indexOf('@'))].some((name) => {
    const word = name.toLowerCase();
    if (word === '') return false;
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1))
      if (!LETTER.test(text[at - 1] ?? ' ') && !LETTER.test(text[at + word.length] ?? ' ')) return true;
    return false;
  });
}
const LETTER = /[\p{L}\p{N}_]/u;
