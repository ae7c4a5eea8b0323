import { NS, parseDateTime } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { iqError } from '../connection/session.ts';
import type { MessageFailure, Notice } from '../types.ts';
import type { Change } from './changes.ts';
import { type ChatState, type Content, decodeMessage } from './codec.ts';
import type { Cipher } from './pipeline.ts';

/** Where a stanza was met: handed to us, copied from another own device (XEP-0280), or read from the archive (XEP-0313). */
export type Origin = 'live' | 'carbon' | 'archive';

export interface FactBase {
  readonly origin: Origin;
  readonly conversationId: string;
  /** The conversation is a group. */
  readonly room?: boolean;
  /** Archive id, when the own server vouches for it; in a group, the group's. */
  readonly serverId: string | undefined;
  /** Milliseconds since 1970 by the own server; undefined: now. */
  readonly stampedAt: number | undefined;
}

/** One thing that a stanza says, after the checks of who may say it. */
export type Fact =
  | (FactBase & {
      readonly kind: 'message';
      readonly senderId: string;
      /** In a group: the name there. */
      readonly senderName?: string;
      readonly mine: boolean;
      /** No message of a person but something that happened in the group. */
      readonly notice?: Notice;
      /** Address a receipt goes to. */
      readonly from: string;
      readonly content: Content;
      readonly wireId: string | undefined;
      readonly originId: string | undefined;
      readonly receiptWanted: boolean;
      /** Only the archive's tombstone of it is left. */
      readonly retracted: boolean;
    })
  /** A change to a message that was sent earlier. */
  | (FactBase & { readonly kind: 'change'; readonly change: Change; readonly wireId: string | undefined })
  | (FactBase & { readonly kind: 'delivered'; readonly wireId: string })
  | (FactBase & { readonly kind: 'displayed'; readonly by: 'me' | 'peer'; readonly wireId: string })
  | (FactBase & { readonly kind: 'refused'; readonly wireId: string; readonly error: MessageFailure })
  /** What follows is to stay this long (XEP-0466). */
  | (FactBase & {
      readonly kind: 'timer';
      readonly senderId: string;
      readonly mine: boolean;
      readonly seconds: number;
      readonly wireId: string | undefined;
    })
  /** All members of a group have what is up to here. */
  | (FactBase & { readonly kind: 'seen'; readonly delivered: string | undefined; readonly read: string | undefined })
  | (FactBase & { readonly kind: 'typing'; readonly state: ChatState; readonly personId: string })
  /** Nothing to keep, but the archive position moves. */
  | (FactBase & { readonly kind: 'nothing' });

/** Of a message of the server: its subject is its first line. */
const MAX_SUBJECT_LENGTH = 200;

export const NO_CONTENT: Content = { body: '', attachments: [] };

/** `name@domain` of an address. */
export function bareOf(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}

/**
 * Unwraps a carbon (XEP-0280). Undefined: `stanza` is none. Null: it is one but must be ignored, because it was not made by
 * the own server (CVE-2017-5589 and relatives): only the own bare address may send it.
 */
export function unwrapCarbon(stanza: Element, me: string): { readonly message: Element; readonly sent: boolean } | null | undefined {
  const wrapper = stanza.elements().find((child) => child.ns === NS.carbons && (child.name === 'received' || child.name === 'sent'));
  if (wrapper === undefined) return undefined;
  if (stanza.attr('from') !== me) return null;
  const message = wrapper.child('forwarded', NS.forward)?.child('message', NS.client);
  if (message === undefined) return null;
  const sent = wrapper.name === 'sent';
  // A copy of what was sent must come from this account, or it would put words into the owner's mouth.
  return sent && bareOf(message.attr('from') ?? '') !== me ? null : { message, sent };
}

/** How a stanza came. */
export interface FactOptions {
  readonly me: string;
  readonly origin: Origin;
  readonly cipher: Cipher;
  readonly archiveId?: string;
  readonly stampedAt?: number;
  now(): number;
}

/** The facts in one message stanza that is known to be real (a live one, or unwrapped from carbon or archive). */
export function factsOf(sealed: Element, options: FactOptions): Fact[] {
  const { me, origin } = options;
  const from = sealed.attr('from') ?? me;
  const sender = bareOf(from);
  const mine = sender === me;
  const conversationId = mine ? bareOf(sealed.attr('to') ?? me) : sender;
  const domain = me.slice(me.indexOf('@') + 1);
  const base: FactBase = {
    origin,
    conversationId,
    serverId: options.archiveId ?? ownStanzaId(sealed, me),
    stampedAt: options.stampedAt ?? delayOf(sealed, [me, domain]),
  };
  const type = sealed.attr('type') ?? 'normal';
  if (conversationId === domain) return factsOfServer(sealed, base, mine, options);
  // Only people, and the own server: rooms and other services have no conversation here.
  if (type === 'groupchat' || type === 'headline' || !conversationId.includes('@')) return [{ ...base, kind: 'nothing' }];
  if (type === 'error') {
    const wireId = sealed.attr('id');
    if (mine || wireId === undefined || wireId === '') return [{ ...base, kind: 'nothing' }];
    const { code, message, retryable } = iqError(sealed);
    return [{ ...base, kind: 'refused', wireId, error: { code, message, retryable } }];
  }
  const decoded = decodeMessage(options.cipher.open(sealed));
  const facts: Fact[] = [];
  if (decoded.change !== undefined) {
    const { body, attachments, mentions = [] } = decoded.content ?? NO_CONTENT;
    // A correction to nothing would be a deletion that nobody is told of.
    if (decoded.change.kind !== 'edit' || decoded.content !== undefined) {
      const at = base.stampedAt ?? options.now();
      facts.push({
        ...base,
        kind: 'change',
        change: {
          ...decoded.change,
          senderId: sender,
          mine,
          at,
          ...(decoded.change.kind === 'edit' ? { body, attachments, mentions } : {}),
        },
        wireId: decoded.wireId,
      });
    }
  } else if (decoded.content !== undefined || decoded.retracted) {
    facts.push({
      ...base,
      kind: 'message',
      senderId: sender,
      mine,
      from,
      content: decoded.retracted ? NO_CONTENT : (decoded.content ?? NO_CONTENT),
      retracted: decoded.retracted,
      wireId: decoded.wireId,
      originId: decoded.originId,
      receiptWanted: decoded.receiptWanted,
    });
  } else if (decoded.timer !== undefined)
    facts.push({ ...base, kind: 'timer', senderId: sender, mine, seconds: decoded.timer, wireId: decoded.wireId });
  if (decoded.receivedId !== undefined && !mine) facts.push({ ...base, kind: 'delivered', wireId: decoded.receivedId });
  if (decoded.displayedId !== undefined) facts.push({ ...base, kind: 'displayed', by: mine ? 'me' : 'peer', wireId: decoded.displayedId });
  if (decoded.chatState !== undefined && !mine && origin === 'live' && base.stampedAt === undefined) {
    facts.push({ ...base, kind: 'typing', state: decoded.chatState, personId: sender });
  }
  if (facts.length === 0) facts.push({ ...base, kind: 'nothing' });
  return facts;
}

/**
 * What the own server says: texts that are only read (a new device, XEP-0133 §4.23–4.25, also as headlines), and how far another own
 * device has read them. Nothing that is sent to it is kept, and it changes nothing.
 */
function factsOfServer(sealed: Element, base: FactBase, mine: boolean, { cipher }: FactOptions): Fact[] {
  const type = sealed.attr('type');
  if (type !== 'error' && type !== 'groupchat') {
    const { content, wireId, originId, displayedId, change } = decodeMessage(cipher.open(sealed));
    if (mine && displayedId !== undefined) return [{ ...base, kind: 'displayed', by: 'me', wireId: displayedId }];
    if (!mine && content !== undefined && change === undefined) {
      const subject = sealed.childText('subject', NS.client)?.trim().slice(0, MAX_SUBJECT_LENGTH) ?? '';
      const shown = { body: subject === '' ? content.body : `${subject}\n${content.body}`, attachments: content.attachments };
      const { conversationId } = base;
      return [
        {
          ...base,
          kind: 'message',
          senderId: conversationId,
          mine,
          from: conversationId,
          content: shown,
          retracted: false,
          wireId,
          originId,
          receiptWanted: false,
        },
      ];
    }
  }
  return [{ ...base, kind: 'nothing' }];
}

/**
 * XEP-0359: the id that the own archive gave. A server strips forged ones; some miss it, and then two claim to be ours:
 * believe neither.
 */
function ownStanzaId(stanza: Element, me: string): string | undefined {
  const ours = stanza.childrenNamed('stanza-id', NS.sid).filter((child) => child.attr('by') === me);
  const id = ours.length === 1 ? ours[0]!.attr('id') : undefined;
  return id === undefined || id === '' || id.length > 1_024 ? undefined : id;
}

/** XEP-0203, only when one of `trusted` (the own server, the account, the group) put it there. */
export function delayOf(stanza: Element, trusted: readonly string[]): number | undefined {
  const delay = stanza.childrenNamed('delay', NS.delay).find((child) => trusted.includes(child.attr('from') ?? ''));
  const stamp = delay?.attr('stamp');
  return stamp === undefined ? undefined : parseDateTime(stamp);
}
