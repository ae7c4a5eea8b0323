/** XEP-0085: Chat State Notifications. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';

export const CHAT_STATES = ['active', 'composing', 'gone', 'inactive', 'paused'] as const;
export type ChatState = (typeof CHAT_STATES)[number];

export function encodeChatState(state: ChatState): Element {
  return el(state, { xmlns: NS.chatStates });
}
/** The state in a message; undefined for none. */
export function decodeChatState(message: Element): ChatState | undefined {
  return CHAT_STATES.find((state) => message.child(state, NS.chatStates) !== undefined);
}
