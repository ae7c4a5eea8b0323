/** Sends to push services (RFC 8030), encrypted and signed. It goes only where the public Internet is. */
import { type LookupAddress, lookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { base64UrlDecode } from '@parley/protocol';
import { hostOf, isLoopbackAddress, isPublicAddress } from './addresses.ts';
import { type DeviceKeys, encryptPush, isCurvePoint } from './encryption.ts';
import { Vapid } from './vapid.ts';

/** One message for one device. */
export interface PushMessage {
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
export interface PushAnswer {
  /** HTTP status; 0 when nothing came back. */
  readonly status: number;
  /** When the push service wants to be asked again, ms from now. */
  readonly retryAfterMs?: number;
  /** Why nothing came back, one word. */
  readonly failure?: string;
}
export interface WebPush {
  readonly publicKey: string;
  /** Why a registration cannot be used, in a sentence; undefined when it can. */
  refusal(registration: { readonly endpoint: string; readonly p256dh: string; readonly auth: string }): string | undefined;
  /** Never rejects. */
  send(message: PushMessage): Promise<PushAnswer>;
  close(): void;
}
export interface WebPushOptions {
  /** 32 bytes from outside the database. */
  readonly key: Uint8Array;
  /** `mailto:` or `https:` address of the operator, told to the push services. */
  readonly subject: () => string;
  /** Endpoints on this machine, also without TLS; for tests. */
  readonly allowLoopback: boolean;
  readonly timeoutMs: number;
  readonly now: () => number;
  /** How names become addresses; the system's way when left out. */
  readonly resolve?: Resolve;
}
export type Resolve = (
  hostname: string,
  options: { all: true; family?: number | 'IPv4' | 'IPv6' | undefined; hints?: number | undefined },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const ANSWER_BYTES = 16_384;
const LOWEST_PORT = 1024;

/** Resolves a name to addresses that may be used; a name with one that may not is not used at all. */
function guardedLookup(resolve: Resolve, allowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { all: true, family: options.family, hints: options.hints }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const refused = addresses.find((one) => !allowed(one.address));
      const [first] = addresses;
      if (refused !== undefined || first === undefined)
        return callback(Object.assign(new Error('the address is not a public one'), { code: 'ENOTPUBLIC' }), '', 0);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

export function openWebPush(options: WebPushOptions): WebPush {
  const { allowLoopback } = options;
  const vapid = new Vapid(options.key, options.subject, options.now);
  const allowed = (address: string): boolean => isPublicAddress(address) || (allowLoopback && isLoopbackAddress(address));
  const agentOptions = {
    keepAlive: true,
    maxSockets: 4,
    maxTotalSockets: 64,
    maxFreeSockets: 16,
    timeout: 30_000,
    lookup: guardedLookup(options.resolve ?? lookup, allowed),
  };
  const agents = { 'https:': new HttpsAgent(agentOptions), 'http:': new HttpAgent(agentOptions) };

  const readEndpoint = (text: string): URL | string => {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      return 'The endpoint is not a web address.';
    }
    const host = hostOf(url);
    const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
    const loopback = allowLoopback && isLoopbackAddress(host);
    if (url.protocol !== 'https:' && !(loopback && url.protocol === 'http:')) return 'The endpoint must begin with https://.';
    if (url.username !== '' || url.password !== '' || url.hash !== '') return 'The endpoint holds a user name or a fragment.';
    if (loopback) return url;
    if (isAddress ? !isPublicAddress(host) : !host.includes('.') || /(^|\.)(localhost|local|internal|home\.arpa|onion)\.?$/i.test(host))
      return 'The endpoint is not on the public Internet.';
    if (url.port !== '' && Number(url.port) < LOWEST_PORT) return 'The endpoint has a port of another service.';
    return url;
  };
  const keysOf = (registration: { p256dh: string; auth: string }): DeviceKeys | undefined => {
    const p256dh = base64UrlDecode(registration.p256dh);
    const auth = base64UrlDecode(registration.auth);
    if (p256dh === undefined || auth?.length !== 16 || !isCurvePoint(p256dh)) return undefined;
    return { p256dh, auth };
  };

  const post = (url: URL, headers: Record<string, string>, body: Buffer): Promise<PushAnswer> =>
    new Promise((done) => {
      const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const agent = url.protocol === 'https:' ? agents['https:'] : agents['http:'];
      const failed = (failure: string): void => {
        clearTimeout(deadline);
        done({ status: 0, failure });
      };
      // Redirects are not followed: a push service has no use for them, and an attacker has.
      const sent = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': String(body.length) } }, (response) => {
        let bytes = 0;
        const answer = (): void => {
          clearTimeout(deadline);
          done({ status: response.statusCode ?? 0, retryAfterMs: retryAfter(response.headers['retry-after'], options.now()) });
        };
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= ANSWER_BYTES) return;
          answer();
          sent.destroy();
        });
        response.once('end', answer);
        response.once('error', () => answer());
      });
      const deadline = setTimeout(
        () => sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
        options.timeoutMs,
      );
      deadline.unref();
      sent.once('error', (error: NodeJS.ErrnoException) => failed(error.code ?? 'failed'));
      sent.end(body);
    });

  return {
    publicKey: vapid.publicKey,
    refusal(registration) {
      const url = readEndpoint(registration.endpoint);
      if (typeof url === 'string') return url;
      return keysOf(registration) === undefined ? 'The key is not a point of the curve P-256.' : undefined;
    },
    async send(message) {
      const url = readEndpoint(message.endpoint);
      const keys = keysOf(message);
      // The rules may have become stricter since it was registered.
      if (typeof url === 'string' || keys === undefined) return { status: 410, failure: 'refused' };
      try {
        const body = encryptPush(message.payload, keys);
        return await post(
          url,
          {
            authorization: await vapid.authorization(url),
            'content-encoding': 'aes128gcm',
            'content-type': 'application/octet-stream',
            ttl: String(message.ttlSeconds),
            urgency: message.urgency,
            topic: message.topic,
          },
          body,
        );
      } catch (error) {
        return { status: 0, failure: error instanceof RangeError ? 'too-long' : 'failed' };
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** `Retry-After` in seconds or as a date; undefined when it says neither. */
function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,7}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
