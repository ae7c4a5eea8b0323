/** XEP-0249: Direct MUC Invitations. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

export interface DirectInvitation {
  /** The room. */
  jid: string;
  password?: string;
  reason?: string;
  /** A conversation of two goes on in the room. */
  goesOn?: boolean;
  thread?: string;
}
const TEXT_LENGTH = 2048;

export function encodeDirectInvitation(value: DirectInvitation): Element {
  return el('x', {
    xmlns: NS.conference,
    jid: value.jid,
    password: value.password,
    reason: value.reason,
    continue: value.goesOn ? 'true' : undefined,
    thread: value.thread,
  });
}
/** Undefined without the address of a room. */
export function decodeDirectInvitation(element: Element | undefined): DirectInvitation | undefined {
  if (!is(element, 'x', NS.conference)) return undefined;
  const jid = bounded(element.attr('jid'), 3071);
  if (jid === undefined || jid === '') return undefined;
  const goesOn = element.attr('continue');
  return {
    jid,
    password: bounded(element.attr('password'), TEXT_LENGTH),
    reason: bounded(element.attr('reason'), TEXT_LENGTH),
    goesOn: goesOn === 'true' || goesOn === '1' || undefined,
    thread: bounded(element.attr('thread'), TEXT_LENGTH),
  };
}
