/** What people are called here: by one's own list, else by what they call themselves in a group, else by their address. */
import type { Message, Notice } from '@parley/sdk';
import { useChat, useContacts, useMembers, useUser } from '@parley/sdk-react';
import { useMemo } from 'react';
import type { People } from './chat/Message.tsx';
import { timerWords } from './panels/timer-words.ts';

/** The last resort: the name part of an address; for an occupant `room/Nick`, the nick. */
export function plainName(address: string): string {
  const slash = address.indexOf('/');
  if (slash >= 0) return address.slice(slash + 1);
  return address.includes('@') ? address.slice(0, Math.max(1, address.indexOf('@'))) : address;
}

/** Who takes part in the chat `id`, which is called `name`. `ask`: find out who the members of a group are. */
export function usePeople(id: string, name: string, group: boolean, ask = true): People {
  const { contacts } = useChat();
  const list = useContacts();
  const me = useUser()?.id ?? '';
  const members = useMembers(ask ? id : undefined);
  return useMemo<People>(() => {
    void list;
    if (!group) return { group, nameOf: (address) => (address === me ? 'You' : address === id ? name : plainName(address)) };
    const nicks = new Map(members?.map((member) => [member.id, member.nick]));
    // `group@service/Nick` is whoever has that nick.
    const byNick = new Map(members?.map((member) => [`${id}/${member.nick ?? ''}`, member.id]));
    return {
      group,
      nameOf: (address, hint) => {
        const known = byNick.get(address) ?? address;
        return known === me ? 'You' : (contacts.get(known)?.name ?? nicks.get(known) ?? hint ?? plainName(known));
      },
    };
  }, [contacts, list, group, id, members, me, name]);
}

/** "Ann added Bob": a notice of a group as a sentence. */
export function noticeWords({ kind, actorId, personId, text }: Notice, people: People): string {
  const actor = actorId === undefined ? undefined : people.nameOf(actorId);
  const person = personId === undefined ? '' : people.nameOf(personId);
  const own = personId !== undefined && personId === actorId;
  const you = person === 'You' ? 'you' : person;
  switch (kind) {
    case 'subject':
      return text === '' ? `${actor ?? 'Somebody'} removed the subject` : `${actor ?? 'Somebody'} changed the subject to “${text}”`;
    case 'timer':
      return text === '0'
        ? `${actor ?? 'Somebody'} turned off disappearing messages`
        : `${actor ?? 'Somebody'} set new messages to disappear after ${timerWords(Number(text))}`;
    case 'member':
      return actor === undefined || own ? `${person} joined` : `${actor} added ${you}`;
    case 'admin':
      return person === 'You' ? 'You are now an admin' : `${person} is now an admin`;
    case 'owner':
      return own ? `${person} created the group` : person === 'You' ? 'You now own the group' : `${person} now owns the group`;
    case 'none':
      return actor === undefined || own ? `${person} left` : `${actor} removed ${you}`;
    case 'outcast':
      return actor === undefined ? `${person} was banned` : `${actor} banned ${you}`;
  }
}

/** One line about a message for lists and notifications, with its sender in groups. */
export function lineOf(message: Message, people: People, summary: string): string {
  if (message.notice !== undefined) return noticeWords(message.notice, people);
  return people.group && !message.mine ? `${people.nameOf(message.senderId, message.senderName)}: ${summary}` : summary;
}
