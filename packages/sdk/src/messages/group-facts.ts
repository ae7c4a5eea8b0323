import { NS } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { iqError } from '../connection/session.ts';
import { GROUPS } from '../sync/features.ts';
import type { GroupRole, Notice } from '../types.ts';
import { decodeMessage } from './codec.ts';
import { bareOf, delayOf, type Fact, type FactBase, type FactOptions, NO_CONTENT } from './facts.ts';
import { MAX_ID_LENGTH, MAX_NAME_LENGTH } from './limits.ts';

const MUC_USER = 'http://jabber.org/protocol/muc#user';
/** XEP-0425 */
const MODERATE = 'urn:xmpp:message-moderate:1';
const ROLES: ReadonlySet<string> = new Set<GroupRole>(['owner', 'admin', 'member', 'none', 'outcast']);

/** The role in an attribute, if it is one. */
export const roleOf = (text: string | undefined): GroupRole | undefined =>
  text !== undefined && ROLES.has(text) ? (text as GroupRole) : undefined;

/** What one message stanza of a group says. The caller has checked that this account is (or was) in the group. */
export function groupFacts(sealed: Element, options: FactOptions & { readonly nick: string }): Fact[] {
  const { me, origin, cipher } = options;
  const from = sealed.attr('from') ?? '';
  const room = bareOf(from);
  const nick = from.slice(room.length + 1).slice(0, MAX_NAME_LENGTH);
  const base: FactBase = {
    origin,
    conversationId: room,
    room: true,
    serverId: options.archiveId ?? roomId(sealed, room),
    stampedAt: options.stampedAt ?? delayOf(sealed, [room, me, me.slice(me.indexOf('@') + 1)]),
  };
  const nothing: Fact[] = [{ ...base, kind: 'nothing' }];
  if (sealed.attr('type') === 'error') {
    const wireId = sealed.attr('id');
    if (wireId === undefined || wireId === '') return nothing;
    const { code, message, retryable } = iqError(sealed);
    return [{ ...base, kind: 'refused', wireId, error: { code, message, retryable } }];
  }
  const seen = sealed.child('seen', GROUPS);
  // Only the group itself can know what all members have.
  if (seen !== undefined)
    return nick === '' ? [{ ...base, kind: 'seen', delivered: seen.attr('delivered'), read: seen.attr('read') }] : nothing;
  if (sealed.attr('type') !== 'groupchat') return nothing;

  const decoded = decodeMessage(cipher.open(sealed));
  const item = sealed.child('x', MUC_USER)?.child('item', MUC_USER);
  if (nick === '') return fromRoom(sealed, base, decoded, item, options);
  const real = bareOf(item?.attr('jid') ?? '');
  const mine = real === '' ? nick === options.nick : real === me;
  const senderId = mine ? me : real === '' ? `${room}/${nick}` : real;
  if (decoded.change !== undefined) {
    const { body, attachments, mentions = [] } = decoded.content ?? NO_CONTENT;
    if (decoded.change.kind === 'edit' && decoded.content === undefined) return nothing;
    const content = decoded.change.kind === 'edit' ? { body, attachments, mentions } : {};
    const change = { ...decoded.change, senderId, mine, at: base.stampedAt ?? options.now(), ...content };
    return [{ ...base, kind: 'change', change, wireId: decoded.wireId }];
  }
  const subject = sealed.childText('subject', NS.client);
  if (subject !== undefined && decoded.content === undefined) {
    if (base.serverId === undefined) return nothing;
    return [
      notice(base, senderId, mine, { kind: 'subject', actorId: senderId, personId: undefined, text: subject.slice(0, MAX_NAME_LENGTH) }),
    ];
  }
  const facts: Fact[] = [];
  if (decoded.content !== undefined || decoded.retracted) {
    facts.push({
      ...base,
      kind: 'message',
      senderId,
      senderName: nick,
      mine,
      from,
      content: decoded.retracted ? NO_CONTENT : (decoded.content ?? NO_CONTENT),
      retracted: decoded.retracted,
      wireId: decoded.wireId,
      originId: decoded.originId,
      receiptWanted: false,
    });
  } else if (decoded.timer !== undefined)
    facts.push({ ...base, kind: 'timer', senderId, mine, seconds: decoded.timer, wireId: decoded.wireId });
  if (decoded.displayedId !== undefined && mine) facts.push({ ...base, kind: 'displayed', by: 'me', wireId: decoded.displayedId });
  // Without an address only the own nickname tells oneself apart: while it is not known, it may be this very person who types.
  if (decoded.chatState !== undefined && !mine && origin === 'live' && (real !== '' || options.nick !== '')) {
    facts.push({ ...base, kind: 'typing', state: decoded.chatState, personId: `${room}/${nick}` });
  }
  return facts.length === 0 ? nothing : facts;
}

/** The group speaks for itself: who is a member, and what a moderator took away (XEP-0425). */
function fromRoom(
  sealed: Element,
  base: FactBase,
  decoded: ReturnType<typeof decodeMessage>,
  item: Element | undefined,
  options: FactOptions,
): Fact[] {
  const moderated =
    decoded.change?.kind === 'retract' && sealed.child('retract', 'urn:xmpp:message-retract:1')?.child('moderated', MODERATE) !== undefined;
  if (decoded.change !== undefined && moderated) {
    const change = { ...decoded.change, senderId: base.conversationId, mine: false, moderated: true, at: base.stampedAt ?? options.now() };
    return [{ ...base, kind: 'change', change, wireId: decoded.wireId }];
  }
  // Set in the configuration of the room: nobody in particular.
  if (decoded.timer !== undefined && item === undefined)
    return [{ ...base, kind: 'timer', senderId: base.conversationId, mine: false, seconds: decoded.timer, wireId: undefined }];
  const role = roleOf(item?.attr('affiliation'));
  const personId = bareOf(item?.attr('jid') ?? '');
  if (role === undefined || personId === '' || base.serverId === undefined) return [{ ...base, kind: 'nothing' }];
  const actor = bareOf(item?.child('actor', MUC_USER)?.attr('jid') ?? '');
  return [notice(base, base.conversationId, false, { kind: role, actorId: actor === '' ? undefined : actor, personId, text: '' })];
}

function notice(base: FactBase, senderId: string, mine: boolean, said: Notice): Fact {
  return {
    ...base,
    kind: 'message',
    senderId,
    mine,
    from: base.conversationId,
    content: NO_CONTENT,
    retracted: false,
    wireId: undefined,
    originId: undefined,
    receiptWanted: false,
    notice: Object.freeze(said),
  };
}

/** XEP-0359: the id that the group gave. */
function roomId(stanza: Element, room: string): string | undefined {
  const ours = stanza.childrenNamed('stanza-id', NS.sid).filter((child) => child.attr('by') === room);
  const id = ours.length === 1 ? ours[0]!.attr('id') : undefined;
  return id === undefined || id === '' || id.length > MAX_ID_LENGTH ? undefined : id;
}
