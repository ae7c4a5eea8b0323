import { NS } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { describeSelf } from '../connection/describe.ts';
import type { Context } from '../context.ts';
import type { ConversationRegistry } from '../conversations/registry.ts';
import type { Settings } from '../conversations/settings.ts';
import type { ConversationState } from '../conversations/state.ts';
import type { TypingTimers } from '../conversations/typing.ts';
import type { GroupBook } from '../groups/groups.ts';
import { bareOf, factsOf, unwrapCarbon } from '../messages/facts.ts';
import { groupFacts } from '../messages/group-facts.ts';
import type { AvatarBook } from '../people/avatars.ts';
import type { ContactBook } from '../people/contacts.ts';
import type { PresenceBook } from '../people/presence.ts';
import type { Sync } from './sync.ts';

/** The rooms that what comes in goes to. */
export interface IncomingRooms {
  readonly context: Context;
  readonly sync: Sync;
  readonly registry: ConversationRegistry;
  readonly settings: Settings;
  readonly groups: GroupBook;
  readonly typing: TypingTimers;
  readonly contacts: ContactBook;
  readonly presences: PresenceBook;
  readonly avatars: AvatarBook;
}

/** Brings each stanza that comes in to the room it is for. */
export class Incoming {
  readonly #rooms: IncomingRooms;

  constructor(rooms: IncomingRooms) {
    this.#rooms = rooms;
  }

  message(stanza: Element): void {
    const { context, sync, registry, settings, groups, typing } = this.#rooms;
    const { me, cipher, now } = context;
    if (sync.archive.take(stanza, me) || settings.take(stanza) || groups.take(stanza)) return;
    const carbon = unwrapCarbon(stanza, me);
    if (carbon === null) return;
    const message = carbon === undefined ? stanza : carbon.message;
    const options = { me, origin: carbon === undefined ? ('live' as const) : ('carbon' as const), cipher, now };
    const group = this.#groupOf(message);
    const facts =
      group === undefined ? factsOf(message, options) : groupFacts(message, { ...options, nick: group.record.group?.nick ?? '' });
    // A live stanza in our own name comes from the own server or from nobody.
    for (const fact of facts) {
      if (fact.kind === 'typing') typing.take(registry.state(fact.conversationId), fact.personId, fact.state);
      if (fact.kind !== 'message') continue;
      const state = registry.state(fact.conversationId);
      if (fact.notice !== undefined) groups.changed(state, fact.notice);
      else if (!fact.mine) typing.take(state, fact.room === true ? `${fact.conversationId}/${fact.senderName}` : fact.senderId, 'active');
    }
    const kept = facts.filter((fact) => fact.kind !== 'typing' && (fact.kind !== 'nothing' || fact.serverId !== undefined));
    if (kept.length > 0) sync.take(kept);
  }

  /** The group that a stanza is from; rooms that this account is not in have no say. */
  #groupOf(stanza: Element): ConversationState | undefined {
    const room = bareOf(stanza.attr('from') ?? '');
    const { context, registry } = this.#rooms;
    if (room === context.me || !room.includes('@')) return undefined;
    const state = registry.find(room);
    return state?.record.group === undefined ? undefined : state;
  }

  presence(stanza: Element): void {
    const { presences, contacts, avatars } = this.#rooms;
    const type = stanza.attr('type');
    const from = stanza.attr('from') ?? '';
    // XEP-0153: which picture they have now; without <photo/> they do not say.
    const photo = type === undefined ? stanza.child('x', NS.vcardUpdate)?.childText('photo', NS.vcardUpdate) : undefined;
    if (photo !== undefined && (contacts.has(bareOf(from)) || bareOf(from) === this.#rooms.context.me))
      avatars.hint(bareOf(from), photo.trim());
    if (type === undefined || type === 'unavailable') presences.take(stanza, type);
    else contacts.subscription(type, from);
  }

  request(stanza: Element, payload: Element): Element | null | undefined {
    const { contacts, context } = this.#rooms;
    const answer = contacts.request(stanza, payload, context.me);
    return answer === undefined ? describeSelf(stanza, payload, context.platform.name) : answer;
  }
}
