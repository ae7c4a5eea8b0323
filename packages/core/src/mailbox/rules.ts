/** What is kept, as pure decisions. */
import { NS } from '@parley/protocol';
import type { Stanza } from '@parley/xml';

export interface KeepVerdict {
  readonly keep: boolean;
  readonly reason:
    | 'hint'
    | 'type'
    | 'body'
    | 'file'
    | 'receipt'
    | 'marker'
    | 'change'
    | 'encrypted'
    | 'call'
    | 'invitation'
    | 'nothing-to-keep';
  /**
   * True for what a person would not miss if it were shown nowhere by itself: receipts, markers, and changes of other messages.
   * It is not counted as unread and is not the last message of its conversation.
   */
  readonly quiet: boolean;
}

const verdict = (keep: boolean, reason: KeepVerdict['reason'], quiet: boolean): KeepVerdict => ({ keep, reason, quiet });
/** Verdicts are shared: this runs for every message. */
const BODY = verdict(true, 'body', false);
const FILE = verdict(true, 'file', false);
const ENCRYPTED = verdict(true, 'encrypted', false);
const INVITATION = verdict(true, 'invitation', false);
const CALL = verdict(true, 'call', false);
const CALL_STEP = verdict(true, 'call', true);
const CHANGE = verdict(true, 'change', true);
const MARKER = verdict(true, 'marker', true);
const RECEIPT = verdict(true, 'receipt', true);
const ASKED = verdict(true, 'hint', true);
const NO_STORE = verdict(false, 'hint', true);
const WRONG_TYPE = verdict(false, 'type', true);
const NOTHING = verdict(false, 'nothing-to-keep', true);

/** Elements that change another message, or how the next ones are kept: by namespace. */
const CHANGES: ReadonlySet<string> = new Set([
  NS.correction,
  NS.retraction,
  'urn:xmpp:message-retract:0',
  NS.reactions,
  'urn:xmpp:fasten:0',
  NS.ephemeral,
]);
const ENCRYPTIONS: ReadonlySet<string> = new Set([
  'eu.siacs.conversations.axolotl',
  'urn:xmpp:omemo:2',
  'urn:xmpp:openpgp:0',
  'jabber:x:encrypted',
]);

/**
 * Whether a message belongs in the mailboxes. By rule rather than by hint: what a person would miss when it
 * were gone is kept, also without a body. XEP-0334 hints win; headline, error and groupchat messages are not kept
 * (XEP-0160 §3, XEP-0313 §6.1).
 */
export function shouldKeep(stanza: Stanza): KeepVerdict {
  const { type } = stanza;
  if (type !== undefined && type !== 'chat' && type !== 'normal' && (type === 'error' || type === 'headline' || type === 'groupchat'))
    return WRONG_TYPE;
  return shouldKeepContent(stanza);
}

/** The same whatever its type: groups keep messages of type groupchat by this rule. */
export function shouldKeepContent(stanza: Stanza): KeepVerdict {
  /** The strongest reason so far for something a person reads. */
  let content: KeepVerdict | undefined;
  let quiet: KeepVerdict | undefined;
  /** It is a change of another message: its body is a text for clients that do not know better. */
  let change = false;
  const { children } = stanza;
  for (let i = 0; i < children.length; i++) {
    const { ns, name } = children[i] as { ns: string; name: string };
    switch (ns) {
      case NS.client:
        if (name === 'body' || name === 'subject') content ??= BODY;
        break;
      case NS.hints:
        if (name === 'no-store' || name === 'no-permanent-store') return NO_STORE;
        if (name === 'store') quiet ??= ASKED;
        break;
      case NS.receipts:
        if (name === 'received') quiet ??= RECEIPT;
        break;
      case NS.markers:
        if (name === 'displayed' || name === 'acknowledged') quiet ??= MARKER;
        break;
      case NS.sfs:
      case NS.oob:
        if (name === 'file-sharing' || name === 'x') content ??= FILE;
        break;
      case 'urn:xmpp:jingle-message:0':
        if (name === 'propose') content ??= CALL;
        else quiet ??= CALL_STEP;
        break;
      case 'jabber:x:conference':
        content ??= INVITATION;
        break;
      default:
        if (CHANGES.has(ns)) {
          quiet ??= CHANGE;
          if (ns !== NS.ephemeral) change = true;
        } else if (ENCRYPTIONS.has(ns)) content ??= ENCRYPTED;
    }
  }
  if (change) return CHANGE;
  return content ?? quiet ?? NOTHING;
}
