/** Who is told by push, and when. Pure. */
import { shouldKeep, shouldKeepContent } from '@parley/core';
import { NS } from '@parley/protocol';
import type { Stanza } from '@parley/xml';
import type { PushKind, Wish } from './service.ts';

/** What is known of one session of an account. */
export interface SessionFacts {
  readonly device: string;
  /** It has a connection, as far as anybody knows. */
  readonly connected: boolean;
  /** It asked for messages: available, with a priority that is not negative. */
  readonly receptive: boolean;
  /** The client says that nobody looks (XEP-0352). */
  readonly inactive: boolean;
  /** `<show/>` of its presence. */
  readonly show: string | undefined;
}

/** Somebody sits before this device and sees what comes. A device that has set itself to away has nobody before it. */
export function isActive(session: SessionFacts): boolean {
  return session.connected && session.receptive && !session.inactive && session.show !== 'away' && session.show !== 'xa';
}

/** What a kept message is for a person; undefined for what nobody needs to be told of. */
export function noteworthy(stanza: Stanza): { readonly kind: PushKind; readonly encrypted: boolean } | undefined {
  const { keep, quiet, reason } = stanza.type === 'groupchat' ? shouldKeepContent(stanza) : shouldKeep(stanza);
  if (!keep || quiet) return undefined;
  if (reason === 'call') return { kind: 'call', encrypted: false };
  if (reason === 'invitation') return { kind: 'invitation', encrypted: false };
  return { kind: 'chat', encrypted: reason === 'encrypted' || isEncrypted(stanza) };
}

const ENCRYPTIONS = new Set([
  'eu.siacs.conversations.axolotl',
  'urn:xmpp:omemo:2',
  'urn:xmpp:openpgp:0',
  'jabber:x:encrypted',
  'urn:xmpp:eme:0',
]);
/** The body beside an encrypted message only says that it is one. */
const isEncrypted = (stanza: Stanza): boolean => stanza.children.some((child) => ENCRYPTIONS.has(child.ns));

/** Whether sending this shows that the conversation was read: an answer, or a displayed marker (XEP-0333). */
export function showsReading(stanza: Stanza): boolean {
  if (stanza.has('displayed', NS.markers)) return true;
  const { keep, quiet } = stanza.type === 'groupchat' ? shouldKeepContent(stanza) : shouldKeep(stanza);
  return keep && !quiet;
}

/** A step of a call that ends its ringing (XEP-0353), from whichever side. */
export function endsRinging(stanza: Stanza): boolean {
  return stanza.children.some(({ ns, name }) => ns === 'urn:xmpp:jingle-message:0' && name !== 'propose' && name !== 'ringing');
}

/** The quietest of several wishes. */
export function quietest(wishes: readonly Wish[]): Wish {
  return wishes.includes('nothing') ? 'nothing' : wishes.includes('mentions') ? 'mentions' : 'all';
}
/** A notification level of XEP-0492 as a wish; not said is everything. Who wants to be told of mentions is told of them in a muted chat, too. */
export const wishOf = (level: 'always' | 'on-mention' | 'never' | undefined, muted: boolean): Wish =>
  level === 'never' ? 'nothing' : level === 'on-mention' ? 'mentions' : muted ? 'nothing' : 'all';
export const wants = (wish: Wish, mention: boolean): boolean => wish === 'all' || (wish === 'mentions' && mention);

export interface Waiting {
  /** Positions of the first and the last arrival that nobody was told of. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the first of them came, ms. */
  readonly since: number;
}
export type Judgement =
  /** A device has it; nobody need be told. */
  | { readonly verdict: 'delivered' }
  /** Look again at this time, ms. */
  | { readonly verdict: 'wait'; readonly until: number }
  /** The devices have it up to `taken`, the rest is younger: wait for that. */
  | { readonly verdict: 'restart'; readonly firstSeq: number }
  | { readonly verdict: 'tell' };

/**
 * Whether the waiting arrivals of a conversation are told by push now. While somebody sits before a device, it is given the time to
 * acknowledge: a connection that only seems alive must not swallow what is new.
 * `taken`: how far the devices that were active since have taken the mailbox.
 */
export function judge(
  waiting: Waiting,
  facts: { readonly now: number; readonly anyActive: boolean; readonly taken: number; readonly graceMs: number },
): Judgement {
  const { now, anyActive, taken, graceMs } = facts;
  if (taken >= waiting.lastSeq) return { verdict: 'delivered' };
  if (!anyActive) return { verdict: 'tell' };
  if (now < waiting.since + graceMs) return { verdict: 'wait', until: waiting.since + graceMs };
  return taken >= waiting.firstSeq ? { verdict: 'restart', firstSeq: taken + 1 } : { verdict: 'tell' };
}

/** The same for one target: its own device may be connected with nobody before it; it is told there, when it acknowledges in time. */
export function judgeTarget(
  waiting: Waiting,
  facts: { readonly now: number; readonly connected: boolean; readonly taken: number; readonly graceMs: number },
): 'tell' | 'skip' | 'wait' {
  if (!facts.connected) return 'tell';
  if (facts.taken >= waiting.lastSeq) return 'skip';
  return facts.now < waiting.since + facts.graceMs ? 'wait' : 'tell';
}
