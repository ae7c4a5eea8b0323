/** Who is found. Pure. */
import { SEARCH_FIELDS, type SearchTerms } from '@parley/protocol';

/** Letters of each term, at least: fewer would list everybody. */
export const LEAST_LETTERS = 3;

const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .trim();

/** What a person is found by, as it is compared. */
export function foldAll(terms: SearchTerms): SearchTerms {
  const out: SearchTerms = {};
  for (const name of SEARCH_FIELDS) if (terms[name] !== undefined) out[name] = fold(terms[name]);
  return out;
}

/** True when the terms ask for something, and no field is so short that it would list everybody. */
export function asksEnough(terms: SearchTerms): boolean {
  const given = SEARCH_FIELDS.flatMap((name) => terms[name] ?? []);
  return given.length > 0 && given.every((text) => (text.match(/[\p{L}\p{N}]/gu) ?? []).length >= LEAST_LETTERS);
}

/** All terms are beginnings of the field of their name, or of one of its words. Both folded. */
export function isFound(person: SearchTerms, terms: SearchTerms): boolean {
  return SEARCH_FIELDS.every((name) => {
    const term = terms[name];
    if (term === undefined) return true;
    const field = person[name];
    return field !== undefined && (field.startsWith(term) || field.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(term)));
  });
}
