/** Short messages through the SMSC of an operator or of an aggregator, by SMPP 3.4. */
import type { Log } from '@parley/core/ports';
import { SEND_MS, SmsError, type SmsProvider } from '../provider.ts';
import { SmppLink, type SmppWhere } from './link.ts';
import { type Alphabet, COMMAND, receiptState, STATUS, submitBody } from './pdu.ts';

export interface SmppOptions extends SmppWhere {
  readonly user: string;
  readonly password: string;
  readonly systemType: string;
  readonly from: string;
  readonly alphabet: Alphabet;
  /** How often a quiet connection is asked whether it lives, ms. */
  readonly enquireMs: number;
  readonly log: Log;
}

const VALID_SECONDS = 600;
/** Reconnects after this, doubling up to the last, ms. */
const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 30_000;

class Smsc implements SmsProvider {
  readonly name = 'smpp';
  readonly receipts = { delivered: 0, undelivered: 0 };
  readonly #options: SmppOptions;
  #link: SmppLink | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #waitMs = FIRST_WAIT_MS;
  #closed = false;

  constructor(options: SmppOptions) {
    this.#options = options;
  }

  /** The bound connection; opens one when there is none. */
  #bound(): SmppLink {
    if (this.#closed) throw new SmsError('failed', 'The server is stopping.');
    if (this.#link !== undefined) return this.#link;
    clearTimeout(this.#again);
    this.#again = undefined;
    const { log } = this.#options;
    const link = new SmppLink({
      ...this.#options,
      answerMs: SEND_MS,
      onDeliver: (body) => this.#delivered(body),
      onEnd: ({ message }) => {
        if (this.#link === link) this.#link = undefined;
        if (this.#closed) return;
        log.warn('smpp_disconnected', { reason: message });
        this.#later();
      },
    });
    this.#link = link;
    link.bound.then(
      () => {
        this.#waitMs = FIRST_WAIT_MS;
        log.info('smpp_bound', {});
      },
      () => {},
    );
    return link;
  }

  /** Receipts come on a bound connection only, so one is kept. */
  #later(): void {
    if (this.#again !== undefined || this.#closed) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      if (this.#link === undefined && !this.#closed) this.#bound();
    }, this.#waitMs);
    this.#again.unref();
    this.#waitMs = Math.min(this.#waitMs * 2, LAST_WAIT_MS);
  }

  #delivered(body: Buffer): void {
    const state = receiptState(body);
    if (state === undefined) return;
    if (state === 'DELIVRD') this.receipts.delivered++;
    else if (state === 'UNDELIV' || state === 'EXPIRED' || state === 'REJECTD' || state === 'DELETED') this.receipts.undelivered++;
    this.#options.log.debug('smpp_receipt', { state });
  }

  async send({ to, text }: { to: string; text: string }): Promise<void> {
    const { from, alphabet } = this.#options;
    const link = this.#bound();
    await link.bound;
    const { command, status } = await link.request(COMMAND.submitSm, submitBody({ from, to, text, alphabet, validSeconds: VALID_SECONDS }));
    if (command === COMMAND.submitSmResp && status === STATUS.ok) return;
    if (status === STATUS.throttled || status === STATUS.messageQueueFull)
      throw new SmsError('failed', 'It takes no more messages for now.');
    if (status === STATUS.invalidDestination) throw new SmsError('refused', 'It does not know numbers of this kind.');
    throw new SmsError('failed', `It refused the message with status 0x${status.toString(16)}.`);
  }

  async check(): Promise<string> {
    const { host, port } = this.#options;
    const link = new SmppLink({ ...this.#options, answerMs: SEND_MS, onDeliver: () => {}, onEnd: () => {} });
    try {
      await link.bound;
      return `${host} port ${port} accepts user and password.`;
    } finally {
      link.close();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    this.#link?.close();
  }
}

/** Connects with the first message, and stays. */
export function smppProvider(options: SmppOptions): SmsProvider {
  return new Smsc(options);
}
