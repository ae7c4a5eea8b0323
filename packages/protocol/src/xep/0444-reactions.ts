/** XEP-0444: Message Reactions. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

export interface Reactions {
  /** Of the message that is reacted to. */
  id: string;
  /** All that the sender has given it; none takes them back. */
  reactions: string[];
}
/** Reactions of one person to one message. */
export const MAX_REACTIONS = 32;
/** UTF-16 code units of one reaction: the longest emoji sequences have about 35. */
export const REACTION_LENGTH = 64;

export function encodeReactions(value: Reactions): Element {
  return el('reactions', { xmlns: NS.reactions, id: value.id }, ...value.reactions.map((one) => el('reaction', null, one)));
}
/** Each reaction once (§4). Undefined without an id, for more than 32 reactions and for one that is empty or too long to be an emoji. */
export function decodeReactions(element: Element | undefined): Reactions | undefined {
  if (!is(element, 'reactions', NS.reactions)) return undefined;
  const id = bounded(element.attr('id'), 1024);
  const found = element.childrenNamed('reaction', NS.reactions).map((one) => one.text().trim());
  if (!id || found.length > MAX_REACTIONS || found.some((one) => one === '' || one.length > REACTION_LENGTH)) return undefined;
  return { id, reactions: [...new Set(found)] };
}
