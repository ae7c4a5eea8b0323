/** Requests to the operator's providers: bounded in time and size, no redirects. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { SEND_MS, SmsError } from './provider.ts';

const ANSWER_BYTES = 65_536;

export interface PostAnswer {
  readonly status: number;
  /** At most 64 KiB. */
  readonly text: string;
}

/** A web address for a provider: https, or http on this machine. No query, fragment, user or password. Undefined when it is none. */
export function providerUrl(text: string): URL | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return undefined;
  }
  const here = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && here)) return undefined;
  return url.username === '' && url.password === '' && url.hash === '' ? url : undefined;
}

/** Sends one request. Rejects with an SmsError when nothing came back. */
export function ask(method: 'GET' | 'POST', url: URL, headers: Readonly<Record<string, string>>, body = ''): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const bytes = Buffer.from(body);
    const sent = request(
      url,
      {
        method,
        // No connection is kept: one that the other side has closed in the meantime would cost a message.
        agent: false,
        headers: method === 'GET' ? headers : { ...headers, 'content-length': String(bytes.length) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        const done = (): void => {
          clearTimeout(deadline);
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        };
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= ANSWER_BYTES) chunks.push(chunk);
          else {
            done();
            sent.destroy();
          }
        });
        response.once('end', done);
        response.once('error', done);
      },
    );
    const deadline = setTimeout(() => sent.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), SEND_MS);
    sent.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(deadline);
      reject(new SmsError('failed', `It cannot be reached (${error.code ?? error.message}).`));
    });
    sent.end(method === 'GET' ? undefined : bytes);
  });
}
