/** Who is meant in a text that is being written: `@` and a name. */
import type { Mention } from '@parley/sdk';

/** Somebody who can be mentioned. */
export interface Mentionable {
  readonly id: string;
  readonly name: string;
}

const LETTER = /[\p{L}\p{N}_]/u;

/** What stands behind an `@` that the cursor is in, and where the `@` is; undefined when it is in none. */
export function queryAt(text: string, cursor: number): { readonly query: string; readonly at: number } | undefined {
  const before = text.slice(0, cursor);
  const at = before.lastIndexOf('@');
  if (at < 0 || LETTER.test(before[at - 1] ?? ' ')) return undefined;
  const query = before.slice(at + 1);
  // A name may have spaces in it; a second line is no name any more.
  return query.length > 40 || query.includes('\n') ? undefined : { query, at };
}

/** Those whose name, a part of it, or address begins like that; at most `most`. */
export function matching<P extends Mentionable>(people: readonly P[], query: string, most: number): readonly P[] {
  const wanted = query.toLocaleLowerCase();
  const fits = ({ id, name }: P): boolean => {
    const low = name.toLocaleLowerCase();
    return low.startsWith(wanted) || low.includes(` ${wanted}`) || id.startsWith(wanted);
  };
  return people.filter(fits).slice(0, most);
}

/** Every `@Name` in the text. Of people with one name the first is meant: put those before that were chosen from the list. */
export function mentionsIn(text: string, people: readonly Mentionable[]): readonly Mention[] {
  const byLength = [...people].sort((a, b) => b.name.length - a.name.length);
  const low = text.toLocaleLowerCase();
  const found: Mention[] = [];
  // Where lower case is longer, positions would not be those of the text.
  if (low.length !== text.length) return found;
  for (let at = low.indexOf('@'); at >= 0; at = low.indexOf('@', at + 1)) {
    if (LETTER.test(text[at - 1] ?? ' ')) continue;
    const meant = byLength.find(({ name }) => {
      const end = at + 1 + name.length;
      return name !== '' && low.startsWith(name.toLocaleLowerCase(), at + 1) && !LETTER.test(text[end] ?? ' ');
    });
    if (meant === undefined) continue;
    found.push({ personId: meant.id, start: at, end: at + 1 + meant.name.length });
    at += meant.name.length;
  }
  return found;
}

/** A part of a text: plain, or somebody who is meant. */
export interface Part {
  readonly text: string;
  readonly personId?: string;
}

/** The text in parts, in order; joined again they are the same. Mentions that overlap or point nowhere are left out. */
export function partsOf(text: string, mentions: readonly Mention[]): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { personId, start, end } of [...mentions].sort((a, b) => a.start - b.start)) {
    if (start < at || start >= end || end > text.length) continue;
    if (start > at) parts.push({ text: text.slice(at, start) });
    parts.push({ text: text.slice(start, end), personId });
    at = end;
  }
  if (at < text.length || parts.length === 0) parts.push({ text: text.slice(at) });
  return parts;
}
