/** What carries short messages: one interface, and why one was not taken. */

/** One message with a code. */
export interface Sms {
  /** E.164. */
  readonly to: string;
  readonly text: string;
  readonly code: string;
}

/** A way to people's phones. */
export interface SmsProvider {
  /** As it stands in `phone.providers`. */
  readonly name: string;
  /** What it carries is shown on the page that asked for it: development only. */
  readonly shows?: true;
  /** Resolves when it has taken the message, within `SEND_MS`. Rejects with an SmsError, whose message quotes neither number, text nor secret. */
  send(sms: Sms): Promise<void>;
  /** Whether it can be reached and knows us, without sending anything; a sentence. Rejects with an SmsError. */
  check(): Promise<string>;
  /** Receipts so far, where it tells. */
  readonly receipts?: { readonly delivered: number; readonly undelivered: number };
  close(): void;
}

/** The longest that one provider may take over one message. */
export const SEND_MS = 8000;

export class SmsError extends Error {
  /** `refused`: this one message was; the provider is well. `failed`: it is not, for now. */
  readonly kind: 'refused' | 'failed';

  constructor(kind: SmsError['kind'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'SmsError';
    this.kind = kind;
  }
}
