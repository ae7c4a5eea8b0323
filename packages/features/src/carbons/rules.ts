/** XEP-0280 §6.1: which messages are worth a copy. Pure. */
import { NS } from '@parley/protocol';
import type { Stanza } from '@parley/xml';

export interface CopyVerdict {
  readonly copy: boolean;
  readonly reason: 'chat' | 'body' | 'payload' | 'private' | 'hint' | 'groupchat' | 'headline' | 'room' | 'carbon' | 'nothing';
}

const PAYLOADS: ReadonlySet<string> = new Set([
  NS.receipts,
  NS.markers,
  NS.chatStates,
  NS.correction,
  NS.retraction,
  NS.reactions,
  NS.sfs,
  NS.ephemeral,
  'urn:xmpp:jingle-message:0',
  'jabber:x:conference',
]);

/** @param stanza a message that was routed */
export function shouldCopy(stanza: Stanza): CopyVerdict {
  if (stanza.type === 'groupchat') return { copy: false, reason: 'groupchat' };
  if (stanza.type === 'headline') return { copy: false, reason: 'headline' };
  let payload = false;
  for (const child of stanza.children) {
    if (child.ns === NS.carbons) return { copy: false, reason: child.name === 'private' ? 'private' : 'carbon' };
    if (child.ns === NS.hints && child.name === 'no-copy') return { copy: false, reason: 'hint' };
    if (child.ns === 'http://jabber.org/protocol/muc#user') return { copy: false, reason: 'room' };
    if (PAYLOADS.has(child.ns)) payload = true;
  }
  if (stanza.type === 'error') return { copy: false, reason: 'nothing' };
  if (stanza.type === 'chat') return { copy: true, reason: 'chat' };
  if (stanza.has('body', NS.client)) return { copy: true, reason: 'body' };
  return payload ? { copy: true, reason: 'payload' } : { copy: false, reason: 'nothing' };
}
