import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { KeptReaction, MessageRecord } from '../store/store.ts';
import type { Attachment, Mention } from '../types.ts';
import { MAX_ID_LENGTH } from './limits.ts';

/** XEP-0424 */
export const RETRACT = 'urn:xmpp:message-retract:1';
/** XEP-0444 */
export const REACTIONS = 'urn:xmpp:reactions:0';

/** Emoji of one person under one message; more are ignored. */
const MAX_EMOJI = 8;
/** A family with skin tones has 41 UTF-16 units. */
const MAX_EMOJI_LENGTH = 64;
/** People whose reactions are kept under one message. */
const MAX_REACTING = 1_024;

/** What happens to a message after it was sent. Plain data: it is kept while its message is not here. */
export interface Change {
  readonly kind: 'edit' | 'retract' | 'react';
  /** Who wants it, after the checks of who may speak for whom. */
  readonly senderId: string;
  readonly mine: boolean;
  /** `retract`: by a moderator of the group (XEP-0425), who may take away what others wrote. */
  readonly moderated?: boolean;
  /** Id on the wire of the message it is about. */
  readonly targetId: string;
  /** Milliseconds since 1970: of several changes of one kind the latest counts. */
  readonly at: number;
  /** `edit`: the new text and files. */
  readonly body?: string;
  readonly attachments?: readonly Attachment[];
  readonly mentions?: readonly Mention[];
  /** `react`: everything this person has put under it now. */
  readonly emoji?: readonly string[];
}

/** What the record becomes, or undefined when this change may not or need not be made. */
export function changeTo(record: MessageRecord, change: Change): Partial<MessageRecord> | undefined {
  if (record.deleted === true || record.notice !== undefined) return undefined;
  switch (change.kind) {
    case 'edit':
      // XEP-0308 §5: only who wrote it.
      if (record.senderId !== change.senderId || (record.editedAt !== undefined && record.editedAt > change.at)) return undefined;
      return { body: change.body ?? '', attachments: change.attachments ?? [], mentions: change.mentions ?? [], editedAt: change.at };
    case 'retract':
      // XEP-0424 §5: the same.
      if (record.senderId !== change.senderId && change.moderated !== true) return undefined;
      return {
        deleted: true,
        body: '',
        attachments: [],
        mentions: [],
        mentionsMe: false,
        reactions: [],
        replyTo: undefined,
        starred: false,
      };
    case 'react':
      return react(record.reactions ?? [], change);
  }
}

function react(reactions: readonly KeptReaction[], { senderId, mine, at, emoji = [] }: Change): Partial<MessageRecord> | undefined {
  const index = reactions.findIndex((reaction) => reaction.senderId === senderId);
  const before = reactions[index];
  if (before !== undefined && before.at > at) return undefined;
  if (before === undefined && reactions.length >= MAX_REACTING) return undefined;
  // An empty one is kept as well, so that an older word of the same person that comes later does not win.
  const next = { senderId, mine, emoji, at };
  return { reactions: before === undefined ? [...reactions, next] : reactions.with(index, next) };
}

/** The change that a message stanza carries; undefined when it is none. Bounded; never throws. */
export function decodeChange(stanza: Element): Pick<Change, 'kind' | 'targetId' | 'emoji'> | undefined {
  const retract = idOf(stanza.child('retract', RETRACT));
  if (retract !== undefined) return { kind: 'retract', targetId: retract };
  const reactions = stanza.child('reactions', REACTIONS);
  const reacted = idOf(reactions);
  if (reactions !== undefined && reacted !== undefined) {
    const emoji = new Set<string>();
    for (const reaction of reactions.childrenNamed('reaction', REACTIONS)) {
      const text = reaction.text().trim();
      if (isEmoji(text) && emoji.size < MAX_EMOJI) emoji.add(text);
    }
    return { kind: 'react', targetId: reacted, emoji: [...emoji] };
  }
  const replaced = idOf(stanza.child('replace', NS.correction));
  return replaced === undefined ? undefined : { kind: 'edit', targetId: replaced };
}

function idOf(element: Element | undefined): string | undefined {
  const id = element?.attr('id');
  return id === undefined || id === '' || id.length > MAX_ID_LENGTH ? undefined : id;
}

const PICTURE = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;
/** ℹ counts as a letter. */
const NO_EMOJI = /(?!\u2139)\p{L}|[\s\p{Cc}]/u;

/** XEP-0444 §4: one emoji. Without the tables of UTS #51 this says: short, with a picture in it, no letters, no white space. */
export function isEmoji(text: string): boolean {
  return text.length <= MAX_EMOJI_LENGTH && PICTURE.test(text) && !NO_EMOJI.test(text);
}

/** The content elements of a change on its way out. `content` is that of the corrected message. */
export function encodeChange(change: Change, content: readonly Element[]): Element[] {
  const store = el('store', { xmlns: NS.hints });
  switch (change.kind) {
    case 'edit':
      return [...content, el('replace', { xmlns: NS.correction, id: change.targetId })];
    case 'retract':
      return [
        el('body', { xmlns: NS.client }, 'This person took back a message, which your app cannot show.'),
        el('retract', { xmlns: RETRACT, id: change.targetId }),
        el('fallback', { xmlns: NS.fallback, for: RETRACT }),
        store,
      ];
    case 'react':
      return [
        el('reactions', { xmlns: REACTIONS, id: change.targetId }, ...(change.emoji ?? []).map((emoji) => el('reaction', null, emoji))),
        store,
      ];
  }
}
