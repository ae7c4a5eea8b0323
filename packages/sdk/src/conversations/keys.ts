import type { Change } from '../messages/changes.ts';
import type { Fact } from '../messages/facts.ts';

/** `order` of a time: microseconds, so that there is room between two messages of a millisecond. */
export function stampOrder(ms: number): number {
  return Math.round(ms) * 1_000;
}

export function serverKey(serverId: string): string {
  return `s ${serverId}`;
}

/** The archive id that a group gave; unique in that group only. */
export function roomKey(room: string, id: string): string {
  return `r ${room} ${id}`;
}

/** Whether an id is one that a message has when the archive brings it: its key by archive id. */
export const isArchiveId = (id: string): boolean => /^[sr] ./.test(id);

/** XEP-0359: an origin-id says nothing across senders, so the sender is part of the key. */
export function originKey(senderId: string, conversationId: string, originId: string): string {
  return `o ${senderId} ${conversationId} ${originId}`;
}

export function stanzaKey(senderId: string, conversationId: string, wireId: string): string {
  return `m ${senderId} ${conversationId} ${wireId}`;
}

/** By whom an archive id was given is part of its meaning. */
export function archiveKey({ room, conversationId }: Pick<Fact, 'room' | 'conversationId'>, id: string): string {
  return room === true ? roomKey(conversationId, id) : serverKey(id);
}

export function messageKeys(fact: Fact & { kind: 'message' }): [string | undefined, string | undefined, string | undefined] {
  return [
    fact.serverId === undefined ? undefined : archiveKey(fact, fact.serverId),
    fact.originId === undefined ? undefined : originKey(fact.senderId, fact.conversationId, fact.originId),
    fact.wireId === undefined ? undefined : stanzaKey(fact.senderId, fact.conversationId, fact.wireId),
  ];
}

/** Under both names that a receipt or marker may use. */
export function bothKeys(senderId: string, conversationId: string, wireId: string): string[] {
  return [originKey(senderId, conversationId, wireId), stanzaKey(senderId, conversationId, wireId)];
}

/** What a change may be about: messages of its sender, and for a reaction those of the other side as well. */
export function targetKeys(change: Change, conversationId: string, me: string, room: boolean): string[] {
  const { kind, senderId, targetId } = change;
  const inRoom = roomKey(conversationId, targetId);
  // In groups the group's own ids count; XEP-0308 alone names the sender's.
  if (room) return kind === 'edit' ? [inRoom, ...bothKeys(senderId, conversationId, targetId)] : [inRoom];
  if (kind !== 'react') return bothKeys(senderId, conversationId, targetId);
  return [...bothKeys(conversationId, conversationId, targetId), ...bothKeys(me, conversationId, targetId)];
}

/** The message that this one answers: of either side. */
export function quotedKeys(fact: Fact & { kind: 'message' }, me: string): string[] {
  const wireId = fact.content.replyTo?.wireId;
  if (wireId === undefined) return [];
  if (fact.room === true) return [roomKey(fact.conversationId, wireId)];
  return [...bothKeys(fact.conversationId, fact.conversationId, wireId), ...bothKeys(me, fact.conversationId, wireId)];
}

/** Everything that a fact may refer to. */
export function keysOf(fact: Fact, me: string): string[] {
  switch (fact.kind) {
    case 'message':
      return [...messageKeys(fact), ...quotedKeys(fact, me)].filter((key) => key !== undefined);
    case 'delivered':
    case 'refused':
      return bothKeys(me, fact.conversationId, fact.wireId);
    case 'displayed':
      if (fact.room === true) return [roomKey(fact.conversationId, fact.wireId)];
      return bothKeys(fact.by === 'peer' ? me : fact.conversationId, fact.conversationId, fact.wireId);
    case 'change':
      return targetKeys(fact.change, fact.conversationId, me, fact.room === true);
    case 'seen':
    case 'timer':
    case 'typing':
    case 'nothing':
      return [];
  }
}
