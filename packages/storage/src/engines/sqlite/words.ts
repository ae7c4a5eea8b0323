/** How text becomes words of the full-text index, and a query becomes what is looked for. Pure. */

/** Raised when the same text gives other words than before: the index is built anew then. */
export const WORDS_VERSION = 1;

/** UTF-16 code units of a text that are looked at. */
const TEXT_LENGTH = 32_768;
/** Different words of one text, and code units of one word, that are kept. */
const MOST_WORDS = 1000;
const WORD_LENGTH = 40;
const MOST_TERMS = 8;
/** Letters of a word that is looked for by its beginning, at least. */
const PREFIX_LENGTH = 3;

const WORD = /[\p{L}\p{N}]+/gu;
/** Scripts that are written without spaces: every two neighbours are a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;
const HAS_UNSPACED = new RegExp(UNSPACED.source, 'u');
const ASCII = /^[\x00-\x7f]*$/;

/** Without case, diacritics and differences of presentation: `Größe` is `große`, `ｶﾞ` is `カ`. */
function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .normalize('NFC')
    .toLowerCase();
}

/** Every two neighbours, and the last one alone: so that each character begins a word. */
function pairs(run: string, lastAlone: boolean): string[] {
  const characters = [...run];
  const out: string[] = [];
  for (let i = 0; i + 1 < characters.length; i++) out.push(`${characters[i]}${characters[i + 1]}`);
  if (lastAlone || characters.length === 1) out.push(characters[characters.length - 1] ?? '');
  return out;
}

/** Cut to a length, at a whole character. */
function cut(word: string): string {
  if (word.length <= WORD_LENGTH) return word;
  const code = word.charCodeAt(WORD_LENGTH - 1);
  return word.slice(0, code >= 0xd800 && code <= 0xdbff ? WORD_LENGTH - 1 : WORD_LENGTH);
}

/** The words of a text in order, with repetitions. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [word] of fold(text.slice(0, TEXT_LENGTH)).matchAll(WORD)) {
    if (words.length >= MOST_WORDS) break;
    if (!HAS_UNSPACED.test(word)) {
      words.push(cut(word));
      continue;
    }
    let at = 0;
    for (const run of word.matchAll(UNSPACED)) {
      if (run.index > at) words.push(cut(word.slice(at, run.index)));
      words.push(...pairs(run[0], true));
      at = run.index + run[0].length;
    }
    if (at < word.length) words.push(cut(word.slice(at)));
  }
  return words.length > MOST_WORDS ? words.slice(0, MOST_WORDS) : words;
}

/** One word that must be there. */
export interface Term {
  readonly word: string;
  /** A word that begins with it is enough. */
  readonly prefix: boolean;
  /** It is one only because it is the last word, and may be half written. */
  readonly implied?: boolean;
}

/** What a query asks for: all of these. The last word, and words with a star behind them, are beginnings. Empty: nothing can be found. */
export function termsOf(query: string): Term[] {
  const terms = new Map<string, Term>();
  const add = (word: string, prefix: boolean, implied = false): void => {
    if (terms.size < MOST_TERMS)
      terms.set(word, { word, prefix: prefix || (terms.get(word)?.prefix ?? false), implied: prefix && implied });
  };
  const folded = fold(query.slice(0, TEXT_LENGTH));
  const found = [...folded.matchAll(WORD)];
  for (const [i, match] of found.entries()) {
    const word = match[0];
    const starred = folded[match.index + word.length] === '*';
    const begins = i === found.length - 1 || starred;
    if (!HAS_UNSPACED.test(word)) {
      const letters = [...word].length;
      // Of three letters the index knows the beginnings as well as whole words.
      add(cut(word), begins && letters >= PREFIX_LENGTH, !starred && letters > PREFIX_LENGTH);
      continue;
    }
    let at = 0;
    for (const run of word.matchAll(UNSPACED)) {
      if (run.index > at) add(cut(word.slice(at, run.index)), false);
      const two = pairs(run[0], false);
      for (const one of two) add(one, two.length === 1 && [...one].length === 1);
      at = run.index + run[0].length;
    }
    if (at < word.length) add(cut(word.slice(at)), begins && word.length - at >= PREFIX_LENGTH);
  }
  return [...terms.values()];
}

/** Whether all terms are among the words. */
export function matchesTerms(words: readonly string[], terms: readonly Term[]): boolean {
  return terms.every(({ word, prefix }) => words.some((one) => one === word || (prefix && one.startsWith(word))));
}

const DAY_MS = 86_400_000;
/** A match counts half as much after so long. */
const HALF_AFTER_MS = 90 * DAY_MS;

/**
 * How well a message answers a query: how often the words are there (each repetition counts less), whole words more than
 * beginnings, in short messages more than in long ones, in newer ones more than in older ones. From 0 to the number of terms.
 */
export function scoreOf(words: readonly string[], terms: readonly Term[], ageMs: number): number {
  let score = 0;
  for (const { word, prefix } of terms) {
    let times = 0;
    for (const one of words) {
      if (one === word) times += 1;
      else if (prefix && one.startsWith(word)) times += 0.6;
    }
    score += times / (times + 0.5);
  }
  const long = 1 + Math.log2(1 + words.length / 20) / 4;
  return (score / long) * (0.5 + 0.5 * 2 ** (-Math.max(0, ageMs) / HALF_AFTER_MS));
}

/** Five characters and a dot: which mailbox a word is for. Mailboxes of groups have negative numbers. */
export function mailboxPrefix(mailbox: number): string {
  return mailbox >= 0 ? `${mailbox.toString(36).padStart(5, '0')}.` : `_${(-mailbox).toString(36).padStart(4, '0')}.`;
}
