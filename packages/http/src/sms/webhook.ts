/** Hands the message to a program of the operator: JSON, signed as Standard Webhooks 1.0 says. */
import { createHmac, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ask } from './post.ts';
import { SEND_MS, SmsError, type SmsProvider } from './provider.ts';

const SHORTEST_KEY = 24;
const LONGEST_KEY = 64;

/** The key in `whsec_…`, or undefined when it is none: 24 to 64 bytes in base64 (Standard Webhooks, "Signature scheme"). */
export function webhookKey(secret: string): Uint8Array | undefined {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret);
  if (match === null) return undefined;
  const key = Buffer.from(match[1] as string, 'base64');
  return key.length < SHORTEST_KEY || key.length > LONGEST_KEY ? undefined : key;
}

/** `webhook-signature` of a message: `v1,` and the HMAC-SHA256 over id, time and body, joined with dots. */
export function webhookSignature(key: Uint8Array, id: string, seconds: number, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

/** Whether something listens there, with a certificate that holds. */
function reachable(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const secure = url.protocol === 'https:';
    const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
    const socket = secure ? connectTls({ host, port, servername: host }) : connect({ host, port });
    const done = (error?: SmsError): void => {
      clearTimeout(late);
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const late = setTimeout(() => done(new SmsError('failed', 'It did not answer in time.')), SEND_MS);
    socket.once(secure ? 'secureConnect' : 'connect', () => done());
    socket.once('error', (error: NodeJS.ErrnoException) =>
      done(new SmsError('failed', `It cannot be reached (${error.code ?? error.message}).`)),
    );
  });
}

export function webhookProvider({
  url,
  key,
  now,
}: {
  readonly url: URL;
  readonly key: Uint8Array;
  readonly now: () => number;
}): SmsProvider {
  return {
    name: 'webhook',
    async send({ to, text, code }) {
      const id = `msg_${randomBytes(18).toString('base64url')}`;
      const at = now();
      const seconds = Math.floor(at / 1000);
      const body = JSON.stringify({ type: 'code.send', timestamp: new Date(at).toISOString(), data: { to, text, code } });
      const { status } = await ask(
        'POST',
        url,
        {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(seconds),
          'webhook-signature': webhookSignature(key, id, seconds, body),
        },
        body,
      );
      if (status >= 200 && status < 300) return;
      // 422: it understood, and will not send to this number.
      throw new SmsError(status === 422 ? 'refused' : 'failed', `It answered with HTTP status ${status}.`);
    },
    async check() {
      await reachable(url);
      return `${url.host} answers; nothing was sent.`;
    },
    close: () => {},
  };
}
