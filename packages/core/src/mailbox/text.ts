/** The text by which a message can be found in an archive. */
import { NS } from '@parley/protocol';
import { parseStanza } from '@parley/xml';

/** Texts of these are for clients that do not know better: they say nothing of their own. */
const WITHOUT_TEXT: ReadonlyArray<readonly [name: string, ns: string]> = [
  ['retract', NS.retraction],
  ['retracted', NS.retraction],
  ['reactions', NS.reactions],
  ['encrypted', 'eu.siacs.conversations.axolotl'],
  ['encrypted', 'urn:xmpp:omemo:2'],
  ['openpgp', 'urn:xmpp:openpgp:0'],
];

/** Body, subject, and names of files of a stored message; undefined when there is nothing to find it by. */
export function searchableText(stanza: Uint8Array): string | undefined {
  const message = parseStanza(stanza, undefined, NS.client);
  for (const [name, ns] of WITHOUT_TEXT) if (message.has(name, ns)) return undefined;
  const body = message.has('body', NS.client) ? message.childText('body', NS.client) : undefined;
  const subject = message.has('subject', NS.client) ? message.childText('subject', NS.client) : undefined;
  const file = message.has('file-sharing', NS.sfs)
    ? message.child('file-sharing', NS.sfs)?.child('file', NS.fileMetadata)?.childText('name', NS.fileMetadata)
    : undefined;
  const text = [body, subject, file].filter((part) => part !== undefined && part !== '').join(' ');
  return text === '' ? undefined : text;
}
