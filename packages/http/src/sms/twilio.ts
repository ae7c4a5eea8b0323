/** Twilio's Messages API, which several other providers offer, too. */
import { ask } from './post.ts';
import { SmsError, type SmsProvider } from './provider.ts';

export interface TwilioOptions {
  /** Without a slash at the end. */
  readonly url: URL;
  readonly account: string;
  readonly token: string;
  /** A number, a sender name, or the id of a messaging service (`MG…`). */
  readonly from: string;
}

/** Errors that are about the number: https://www.twilio.com/docs/api/errors */
const OF_THE_NUMBER: readonly unknown[] = [21211, 21408, 21610, 21612, 21614, 21635];

function errorCode(text: string): unknown {
  try {
    const told: unknown = JSON.parse(text);
    return typeof told === 'object' && told !== null && 'code' in told && typeof told.code === 'number' ? told.code : undefined;
  } catch {
    return undefined;
  }
}

export function twilioProvider({ url, account, token, from }: TwilioOptions): SmsProvider {
  const base = `${url.href.replace(/\/+$/, '')}/2010-04-01/Accounts/${encodeURIComponent(account)}`;
  const authorization = `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`;
  return {
    name: 'twilio',
    async send({ to, text }) {
      const form = new URLSearchParams({ To: to, Body: text, [from.startsWith('MG') ? 'MessagingServiceSid' : 'From']: from });
      const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
      const answer = await ask('POST', new URL(`${base}/Messages.json`), headers, form.toString());
      if (answer.status >= 200 && answer.status < 300) return;
      const code = errorCode(answer.text);
      throw new SmsError(
        answer.status === 400 && OF_THE_NUMBER.includes(code) ? 'refused' : 'failed',
        `It answered with HTTP status ${answer.status}${code === undefined ? '' : ` and error ${String(code)}`}.`,
      );
    },
    async check() {
      const { status } = await ask('GET', new URL(`${base}.json`), { authorization, accept: 'application/json' });
      if (status === 401 || status === 403) throw new SmsError('failed', 'It does not accept account and token.');
      if (status !== 200) throw new SmsError('failed', `It answered with HTTP status ${status}.`);
      return `${url.host} accepts account and token.`;
    },
    close: () => {},
  };
}
