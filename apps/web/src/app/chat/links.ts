/** Turns the text of a message into pieces: plain text and links that are safe to follow. */
import { find, registerCustomProtocol } from 'linkifyjs';

registerCustomProtocol('xmpp', true);

/** Plain text, or text with the address it leads to. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

const ALLOWED = new Set(['http:', 'https:', 'mailto:', 'xmpp:']);
/** Longer texts are shown without links: finding them is not worth a slow page. */
const LONGEST_TEXT = 20_000;

function safeAddress(href: string): string | undefined {
  try {
    const url = new URL(href);
    return ALLOWED.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The pieces of `text`, in order; joined again they are the same text. */
export function piecesOf(text: string): readonly Piece[] {
  if (text.length > LONGEST_TEXT) return [{ text }];
  const pieces: Piece[] = [];
  let end = 0;
  for (const link of find(text, { defaultProtocol: 'https' })) {
    const href = safeAddress(link.href);
    if (href === undefined) continue;
    if (link.start > end) pieces.push({ text: text.slice(end, link.start) });
    pieces.push({ text: text.slice(link.start, link.end), href });
    end = link.end;
  }
  if (end < text.length || pieces.length === 0) pieces.push({ text: text.slice(end) });
  return pieces;
}

const ONLY_EMOJI =
  /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F|\u200D\p{Extended_Pictographic})*|\p{Regional_Indicator}{2}){1,3}$/u;

/** Up to three emoji and nothing else: shown big. */
export const isJumbo = (text: string): boolean => text.length < 40 && ONLY_EMOJI.test(text);
