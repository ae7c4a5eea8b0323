/** The emoji that the picker offers, packed for the web client: groups, names and search words of Unicode's own list. */

import keywords from 'emojilib/dist/emoji-en-US.json' with { type: 'json' };
import byGroup from 'unicode-emoji-json/data-by-group.json' with { type: 'json' };

/** Newer ones are missing from the fonts of many devices. */
const NEWEST = 15;

/** One line an emoji: the emoji, its name, its words, and `1` when it has skin tones; one entry a group. */
export function packedEmoji(): { readonly name: string; readonly lines: string }[] {
  const words = keywords as Readonly<Record<string, readonly string[]>>;
  return byGroup.map(({ name, emojis }) => ({
    name,
    lines: emojis
      .filter((entry) => Number(entry.emoji_version) <= NEWEST)
      .map((entry) => {
        const known = new Set(entry.name.split(/\W+/));
        const more = (words[entry.emoji] ?? []).flatMap((word) => word.split('_')).filter((word) => !known.has(word));
        return [entry.emoji, entry.name, [...new Set(more)].join(' '), entry.skin_tone_support ? '1' : ''].join('|');
      })
      .join('\n'),
  }));
}
