/** Web Push: what is said, and what becomes of a message after the push service has answered. Pure. */
import type { PushContent } from '@parley/protocol';
import { utf8Encode } from '@parley/xml';
import type { PushNotice } from '../push/service.ts';
import type { WebPushMessage } from './port.ts';

/** One device that wants to be told. */
export interface Registration {
  readonly device: string;
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
  readonly content: PushContent;
  /** ms since the epoch. */
  readonly since: number;
  readonly lastSent?: number;
  readonly failures?: number;
}

/** Room for the JSON: what every push service takes (RFC 8291 §4) less some for padding. */
export const PAYLOAD_BYTES = 3000;
const BODY_LENGTH = 1000;
const NAME_LENGTH = 200;

/** What the service worker reads (docs/protocol/push.md). `v` is the version of this shape. */
export interface PushPayload {
  readonly v: 1;
  readonly type: 'message' | 'read';
  /** Names the conversation without telling which; notices of one tag replace each other. */
  readonly tag: string;
  /** Arrivals since they were read, over all conversations. */
  readonly total: number;
  readonly kind?: string;
  readonly account?: string;
  readonly conversation?: string;
  readonly from?: string;
  readonly name?: string;
  readonly group?: string;
  readonly count?: number;
  readonly id?: string;
  readonly at?: number;
  readonly mention?: boolean;
  readonly encrypted?: boolean;
  readonly body?: string;
}

/** Cuts at a character, not inside one. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  // The first one that goes: the second half of a pair takes the first with it.
  const code = text.charCodeAt(length - 1);
  return `${text.slice(0, code >= 0xdc00 && code <= 0xdfff ? length - 2 : length - 1)}…`;
}

/** A notice as the user of this registration wants it. */
export function payloadOf(notice: PushNotice, content: PushContent, tag: string): PushPayload {
  const base = { v: 1, type: 'message', tag, total: notice.total } as const;
  if (content === 'none') return base;
  const { account, conversation, kind, sender, senderName, groupName, count, id, at, mention, encrypted } = notice;
  const some: PushPayload = {
    ...base,
    kind,
    account: `${account.localpart}@${account.domain}`,
    conversation,
    from: sender,
    ...(senderName === undefined ? undefined : { name: cut(senderName, NAME_LENGTH) }),
    ...(groupName === undefined || groupName === '' ? undefined : { group: cut(groupName, NAME_LENGTH) }),
    count,
    ...(id === undefined ? undefined : { id }),
    at,
    ...(mention === true ? { mention } : undefined),
    ...(encrypted === true ? { encrypted } : undefined),
  };
  return content === 'full' && notice.body !== undefined ? { ...some, body: notice.body } : some;
}

/** The payload as bytes, its body cut until it fits. */
export function payloadBytes(payload: PushPayload): Uint8Array {
  for (let length = BODY_LENGTH; ; length = Math.floor(length / 2)) {
    const bytes = utf8Encode(JSON.stringify(payload.body === undefined ? payload : { ...payload, body: cut(payload.body, length) }));
    if (bytes.length <= PAYLOAD_BYTES) return bytes;
    // Names alone are never that long; were they, nothing is said.
    if (payload.body === undefined || length < 8)
      return utf8Encode(JSON.stringify({ v: 1, type: payload.type, tag: payload.tag, total: payload.total }));
  }
}

/** How much it hurries, and how long it is worth anything. A call rings for a minute. */
export function deliveryOf(kind: PushNotice['kind'] | 'read', ttlMs: number): Pick<WebPushMessage, 'ttlSeconds' | 'urgency'> {
  const ttlSeconds = Math.floor(ttlMs / 1000);
  if (kind === 'call') return { urgency: 'high', ttlSeconds: Math.min(60, ttlSeconds) };
  if (kind === 'read') return { urgency: 'low', ttlSeconds: Math.min(3600, ttlSeconds) };
  return { urgency: kind === 'invitation' ? 'normal' : 'high', ttlSeconds };
}

export type Outcome =
  | { readonly then: 'done' }
  /** The subscription is over: the registration goes. */
  | { readonly then: 'gone' }
  /** This message cannot be delivered; others may. */
  | { readonly then: 'drop' }
  /** Too much was said. */
  | { readonly then: 'smaller' }
  | { readonly then: 'retry'; readonly afterMs: number };

const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 900_000;
const LONGEST_WAIT_MS = 6 * 3_600_000;

/** What to do after an answer (RFC 8030 §5, §7.3, §8.4). `tries`: how often it was sent; `jitter`: 0 to 1. */
export function afterAnswer(
  answer: { readonly status: number; readonly retryAfterMs?: number | undefined },
  tries: number,
  jitter: number,
): Outcome {
  const { status } = answer;
  if (status >= 200 && status < 300) return { then: 'done' };
  // 401 and 403: subscribed with the key of another server, or of this one before it got a new key.
  if (status === 404 || status === 410 || status === 401 || status === 403) return { then: 'gone' };
  if (status === 413) return { then: 'smaller' };
  if (status === 0 || status === 408 || status === 429 || status >= 500) {
    const backOff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, tries - 1)) * (0.75 + jitter / 2);
    return { then: 'retry', afterMs: Math.round(Math.max(backOff, Math.min(answer.retryAfterMs ?? 0, LONGEST_WAIT_MS))) };
  }
  return { then: 'drop' };
}
