/** Several providers as one sender of codes: when one does not take a message, the next is asked at once. */
import type { Log } from '@parley/core/ports';
import type { CodeSender, SenderWay } from '@parley/features/identity/service';
import { SEND_MS, SmsError, type SmsProvider } from './provider.ts';
import { inOrder, ProviderScore } from './score.ts';
import { smsText } from './text.ts';

/** All providers together may take as long; whoever waits has a time-out, too. */
const ALL_MS = 20_000;

export interface SmsRelayOptions {
  /** In the operator's order. */
  readonly providers: readonly SmsProvider[];
  readonly now: () => number;
  readonly log: Log;
  /** The host of the page where the accounts of a domain sign in, in ASCII; '' when there is none. */
  readonly hostOf: (domain: string) => string;
}

/** The relay. `close` closes the providers. */
export function smsRelay({ providers, now, log, hostOf }: SmsRelayOptions): CodeSender & { close(): void } {
  const ways = providers.map((provider) => ({ provider, score: new ProviderScore() }));
  return {
    kind: 'phone',
    async send({ to, code, domain }) {
      const sms = { to, code, text: smsText({ code, host: hostOf(domain) }) };
      const until = now() + ALL_MS;
      let last: unknown;
      for (const { provider, score } of inOrder(ways, now())) {
        const left = Math.min(SEND_MS, until - now());
        if (left <= 0) break;
        try {
          await inTime(provider.send(sms), left);
          score.tookOne(now());
          return { via: provider.name, shown: provider.shows === true };
        } catch (error) {
          last = error;
          if (!(error instanceof SmsError) || error.kind === 'failed') score.didFail(now());
          log.warn('sms_provider_failed', { provider: provider.name, reason: error instanceof Error ? error.message : String(error) });
        }
      }
      throw new SmsError('failed', 'No provider has taken the message.', { cause: last });
    },
    entered(via) {
      ways.find(({ provider }) => provider.name === via)?.score.wasEntered(now());
    },
    ways: () =>
      ways.map(({ provider, score }): SenderWay => {
        const { delivered = 0, undelivered = 0 } = provider.receipts ?? {};
        const { sent, entered, failed } = score;
        return {
          name: provider.name,
          sent,
          entered,
          failed,
          delivered,
          undelivered,
          score: score.value(now()),
          resting: score.rests(now()),
        };
      }),
    close() {
      for (const { provider } of ways) provider.close();
    },
  };
}

/** Rejects when it takes longer; what is still going on then is nobody's any more. */
function inTime(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new SmsError('failed', 'It did not answer in time.')), ms);
    work.then(resolve, reject).finally(() => clearTimeout(late));
  });
}
