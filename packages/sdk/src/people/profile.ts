/** The name a person gives to themselves (XEP-0054 vCard): what others see until they choose a name of their own. */
import { decodeVCard, encodeVCard, type VCard, vcardQuery } from '@parley/protocol';
import { el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { ChatClient } from '../types.ts';

/** Longer names are cut. */
export const MAX_PROFILE_NAME_LENGTH = 100;

async function fetchCard(chat: ChatClient, id: string | undefined): Promise<VCard> {
  try {
    const answer = await chat.xmpp.iq(el('iq', { type: 'get', to: id }, vcardQuery()));
    return decodeVCard(answer.elements()[0]) ?? {};
  } catch (error) {
    // XEP-0054 §3.1: nobody there, no card, or none for us are told in several ways and mean the same.
    if (error instanceof ChatError && error.condition !== undefined) return {};
    throw error;
  }
}

/** One line, without what could turn the text around it, of bounded length. */
function clean(name: string | undefined): string {
  const line = (name ?? '').replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
  return [...line].slice(0, MAX_PROFILE_NAME_LENGTH).join('').trim();
}

/**
 * The name that somebody (default: the own account) has published, or undefined. A bare address as `id`.
 * Rejects with `offline` or `connection-lost`; a refusal by the server counts as "no name".
 */
export async function fetchProfileName(chat: ChatClient, id?: string): Promise<string | undefined> {
  const card = await fetchCard(chat, id);
  const name = clean(card.nickname) || clean(card.fullName);
  return name === '' ? undefined : name;
}

/** Publishes the own name; '' takes it back. Everything else on the card stays. Rejects with `offline` or the server's refusal. */
export async function publishProfileName(chat: ChatClient, name: string): Promise<void> {
  const { nickname: _nickname, fullName: _fullName, ...rest } = await fetchCard(chat, undefined);
  const text = clean(name);
  const card = text === '' ? rest : { ...rest, fullName: text, nickname: text };
  await chat.xmpp.iq(el('iq', { type: 'set' }, encodeVCard(card)));
}
