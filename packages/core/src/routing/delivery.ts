/** RFC 6121 §8.5: who gets a message, as pure decisions. */
import { NS, StanzaError } from '@parley/protocol';
import type { Stanza } from '@parley/xml';
import type { Session } from '../session/session.ts';

export type MessageType = 'normal' | 'chat' | 'groupchat' | 'headline' | 'error';

/** An unknown or absent type is `normal` (RFC 6121 §5.2.2). */
export function messageType(type: string | undefined): MessageType {
  return type === 'chat' || type === 'groupchat' || type === 'headline' || type === 'error' ? type : 'normal';
}

/** Receivers, or what becomes of the message when there are none. */
export type MessageRoute =
  | { readonly to: readonly Session[] }
  /** Nobody is there: kept messages wait in the mailbox, others are gone. */
  | { readonly nobody: 'wait' | 'ignore' | 'service-unavailable' };

const WAIT: MessageRoute = { nobody: 'wait' };
const IGNORE: MessageRoute = { nobody: 'ignore' };
const UNAVAILABLE: MessageRoute = { nobody: 'service-unavailable' };

/**
 * Message to an account of ours. Bare JID (§8.5.2): every resource with a non-negative priority. Full JID (§8.5.3):
 * that resource when it is there (§8.5.3.1), else chat and normal go on as if to the bare JID (§8.5.3.2.1).
 */
export function routeMessage(type: MessageType, resource: string, exact: Session | undefined, sessions: readonly Session[]): MessageRoute {
  if (resource !== '') {
    if (exact !== undefined) return { to: [exact] };
    if (type === 'groupchat') return UNAVAILABLE;
    if (type === 'headline' || type === 'error') return IGNORE;
  }
  if (type === 'groupchat') return UNAVAILABLE;
  if (type === 'error') return IGNORE;
  if (sessions.length === 1) {
    const only = sessions[0] as Session;
    return only.receptive ? { to: sessions } : type === 'headline' ? IGNORE : WAIT;
  }
  const receptive = sessions.filter((session) => session.receptive);
  if (receptive.length > 0) return { to: receptive };
  return type === 'headline' ? IGNORE : WAIT;
}

/** RFC 6121 §4.7.2.3; 0 when it says none. Throws StanzaError. */
export function priorityOf(presence: Stanza): number {
  const text = presence.childText('priority', NS.client)?.trim() ?? '';
  if (text === '') return 0;
  if (!/^[+-]?\d{1,3}$/.test(text) || Number(text) < -128 || Number(text) > 127)
    throw new StanzaError('bad-request', { text: 'The priority must be a number from -128 to 127.' });
  return Number(text);
}

/** RFC 6121 §3. */
export const isSubscription = (type: string | undefined): boolean =>
  type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed';
