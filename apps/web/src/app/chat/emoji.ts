/** Emoji: the packed list, the ones used lately, and skin tones. */

/** One emoji with the words it is found by. */
export interface Emoji {
  readonly emoji: string;
  readonly name: string;
  /** Name and search words, each with a space before it. */
  readonly words: string;
  readonly toned: boolean;
}

/** Emoji that belong together. */
export interface EmojiGroup {
  readonly name: string;
  readonly emoji: readonly Emoji[];
}

/** The six that are one click away under every message. */
export const QUICK_EMOJI: readonly string[] = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

/** Skin tones (UTS #51 §2.4). */
export const TONES: readonly { readonly name: string; readonly modifier: string }[] = [
  { name: 'default', modifier: '' },
  { name: 'light', modifier: '\u{1f3fb}' },
  { name: 'medium-light', modifier: '\u{1f3fc}' },
  { name: 'medium', modifier: '\u{1f3fd}' },
  { name: 'medium-dark', modifier: '\u{1f3fe}' },
  { name: 'dark', modifier: '\u{1f3ff}' },
];

const RECENT = 'parley.emoji.recent';
const TONE = 'parley.emoji.tone';
const MOST_RECENT = 16;

let loading: Promise<readonly EmojiGroup[]> | undefined;

/** The list; a download of its own, the first time. */
export function loadEmoji(): Promise<readonly EmojiGroup[]> {
  loading ??= import('virtual:emoji').then(({ default: groups }) =>
    groups.map(({ name, lines }) => ({
      name,
      emoji: lines.split('\n').map((line) => {
        const [emoji = '', title = '', words = '', toned = ''] = line.split('|');
        return { emoji, name: title, words: ` ${title} ${words}`.toLocaleLowerCase(), toned: toned === '1' };
      }),
    })),
  );
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

/** With the person's skin tone, where the emoji has one. */
export function withTone({ emoji, toned }: Emoji, tone: number): string {
  const modifier = TONES[tone]?.modifier ?? '';
  if (!toned || modifier === '') return emoji;
  // After the first character of the sequence, in place of a variation selector.
  const [first = '', ...rest] = [...emoji];
  return first + modifier + (rest[0] === '\uFE0F' ? rest.slice(1) : rest).join('');
}

function read(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Forgotten when the page closes.
  }
}

/** Those used lately, newest first. */
export function recentEmoji(): readonly string[] {
  const kept = read(RECENT);
  return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === 'string' && one.length <= 64).slice(0, MOST_RECENT) : [];
}

/** Puts an emoji to the front of those used lately. */
export const rememberEmoji = (emoji: string): void =>
  write(RECENT, [emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, MOST_RECENT));

/** Which of {@link TONES} the person has chosen. */
export function savedTone(): number {
  const kept = read(TONE);
  return typeof kept === 'number' && TONES[kept] !== undefined ? kept : 0;
}

/** Keeps the choice of a skin tone. */
export const saveTone = (tone: number): void => write(TONE, tone);
