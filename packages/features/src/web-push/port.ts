/** What the web-push feature needs of the world: an HTTP client that encrypts, signs, and goes nowhere but to the public Internet. */

export interface WebPushMessage {
  readonly endpoint: string;
  /** base64url. */
  readonly p256dh: string;
  readonly auth: string;
  readonly payload: Uint8Array;
  /** How long the push service keeps it for a device that is away. */
  readonly ttlSeconds: number;
  readonly urgency: 'very-low' | 'low' | 'normal' | 'high';
  /** Replaces an earlier one of the same topic that waits; at most 32 characters of base64url. */
  readonly topic: string;
}
export interface WebPushAnswer {
  /** HTTP status; 0 when nothing came back. */
  readonly status: number;
  /** When the push service wants to be asked again, ms from now. */
  readonly retryAfterMs?: number | undefined;
  /** Why nothing came back, one word. */
  readonly failure?: string | undefined;
}
export interface WebPushPort {
  /** What clients subscribe with (VAPID), base64url. */
  readonly publicKey: string;
  /** Why a registration cannot be used, in a sentence; undefined when it can. */
  refusal(registration: { readonly endpoint: string; readonly p256dh: string; readonly auth: string }): string | undefined;
  /** Never rejects. */
  send(message: WebPushMessage): Promise<WebPushAnswer>;
  close(): void;
}
/** Opened by the feature, with its options. */
export type OpenWebPush = (options: {
  /** Asked when a signature is made. */
  readonly subject: () => string;
  readonly allowLoopback: boolean;
  readonly timeoutMs: number;
}) => WebPushPort;
