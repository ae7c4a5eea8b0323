/** Whether a message mentions somebody: the same for the list of conversations and for push. */
import { decodeReference, mentionedBy, NS } from '@parley/protocol';
import type { Stanza } from '@parley/xml';

/** References of one message that are looked at. */
const MOST = 100;

/** Somebody who may be mentioned. */
export interface Mentionable {
  /** Bare address. */
  readonly bare: string;
  /** Address of the group. */
  readonly group: string;
  /** Name in the group; without one the name of the account stands for it. */
  readonly nick: string | undefined;
}

/** Referred to by address, or by that of the occupant (XEP-0372 §3.2); or a text says one of the names as a word of its own. */
export function mentions(stanza: Stanza, { bare, group, nick }: Mentionable): boolean {
  if (stanza.has('reference', NS.reference))
    for (const element of stanza.element().childrenNamed('reference', NS.reference).slice(0, MOST)) {
      const reference = decodeReference(element);
      const address = reference === undefined ? undefined : mentionedBy(reference);
      if (address === bare || (nick !== undefined && address === `${group}/${nick}`)) return true;
    }
  if (!stanza.has('body', NS.client)) return false;
  return says(stanza.childText('body', NS.client) ?? '', [nick, bare.slice(0, bare.indexOf('@'))]);
}

/** One of these names is in the text, as a word of its own. */
export function says(body: string, names: readonly (string | undefined)[]): boolean {
  const text = body.toLowerCase();
  return names.some((name) => {
    const word = name?.toLowerCase() ?? '';
    if (word === '') return false;
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1))
      if (!LETTER.test(text[at - 1] ?? ' ') && !LETTER.test(text[at + word.length] ?? ' ')) return true;
    return false;
  });
}
const LETTER = /[\p{L}\p{N}_]/u;
