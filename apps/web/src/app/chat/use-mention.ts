import { useId, useRef, useState } from 'react';
import { type Mentionable, matching, queryAt } from './mentions.ts';

/** So many names are offered at once. */
const MOST = 6;

/** Offers the members that an `@` in a text may mean. */
export function useMention(
  text: string,
  members: readonly Mentionable[],
): {
  /** Of the list, for the box. */
  readonly id: string;
  readonly offered: readonly Mentionable[];
  readonly picked: number;
  /** The cursor is here. */
  readonly at: (cursor: number) => void;
  readonly move: (step: number) => void;
  readonly dismiss: () => void;
  /** The text with the name in it, and where the cursor goes. */
  readonly choose: (person: Mentionable) => { readonly text: string; readonly cursor: number } | undefined;
  /** Who was chosen, the latest first. */
  readonly chosen: () => readonly Mentionable[];
} {
  const id = useId();
  const [cursor, setCursor] = useState<number>();
  const [index, setIndex] = useState(0);
  /** Place of an `@` that nobody is to be offered for. */
  const [done, setDone] = useState<number>();
  const taken = useRef<readonly Mentionable[]>([]);
  const asked = cursor === undefined || members.length === 0 ? undefined : queryAt(text, cursor);
  const offered = asked === undefined || asked.at === done ? [] : matching(members, asked.query, MOST);
  const picked = Math.min(index, Math.max(0, offered.length - 1));
  return {
    id,
    offered,
    picked,
    at: (now) => {
      if (now === cursor) return;
      setCursor(now);
      setIndex(0);
      if (queryAt(text, now)?.at !== done) setDone(undefined);
    },
    move: (step) => setIndex((picked + step + offered.length) % offered.length),
    dismiss: () => setDone(asked?.at),
    choose: (person) => {
      if (asked === undefined || cursor === undefined) return undefined;
      taken.current = [person, ...taken.current.filter((one) => one.id !== person.id)];
      setDone(asked.at);
      const before = `${text.slice(0, asked.at)}@${person.name} `;
      return { text: before + text.slice(cursor).replace(/^ /, ''), cursor: before.length };
    },
    chosen: () => taken.current,
  };
}
