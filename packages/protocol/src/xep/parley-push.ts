/** Web Push registrations over XMPP (docs/protocol/push.md). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64UrlDecode } from '../sasl/base64.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { is, parseWhole } from './decode.ts';

/** What a notification may say. */
export const PUSH_CONTENTS = ['none', 'sender', 'full'] as const;
export type PushContent = (typeof PUSH_CONTENTS)[number];

export interface PushRegistration {
  /** Where the push service takes messages for this device; whoever knows it can send there. */
  endpoint: string;
  /** Public key of the device: uncompressed point of P-256, base64url (RFC 8291 §2). */
  p256dh: string;
  /** 16 secret bytes of the device, base64url. */
  auth: string;
  /** The device; when left out, the resource of the session that asks. */
  device?: string;
  content: PushContent;
}
/** What an account is told of a registration: not the endpoint, which is a secret of the device. */
export interface PushRegistrationInfo {
  device: string;
  /** Host of the endpoint. */
  service: string;
  content: PushContent;
  /** Milliseconds since 1970. */
  since: number;
  /** When the push service last took a message. */
  lastSent?: number;
  /** Failures in a row since then. */
  failures: number;
}

const ENDPOINT_LENGTH = 2048;
export const PUSH_DEVICE_LENGTH = 256;

const contentOf = (text: string | undefined): PushContent | undefined => PUSH_CONTENTS.find((one) => one === text);
const pointBytes = (text: string | undefined): number =>
  text === undefined || text.length > 128 ? -1 : (base64UrlDecode(text)?.length ?? -1);

export function encodePushRegister(value: PushRegistration): Element {
  const { endpoint, p256dh, auth, device, content } = value;
  return el('register', { xmlns: NS.push, endpoint, p256dh, auth, device, content });
}
/** Undefined without endpoint and keys of the right length, or for a content that is none. Content left out is `none`. */
export function decodePushRegister(element: Element | undefined): PushRegistration | undefined {
  if (!is(element, 'register', NS.push)) return undefined;
  const [endpoint, p256dh, auth, device] = ['endpoint', 'p256dh', 'auth', 'device'].map((name) => element.attr(name));
  const content = contentOf(element.attr('content') ?? 'none');
  if (endpoint === undefined || endpoint === '' || endpoint.length > ENDPOINT_LENGTH || content === undefined) return undefined;
  if (p256dh === undefined || auth === undefined || pointBytes(p256dh) !== 65 || pointBytes(auth) !== 16) return undefined;
  if (device !== undefined && (device === '' || device.length > PUSH_DEVICE_LENGTH)) return undefined;
  return { endpoint, p256dh, auth, device, content };
}

export function encodePushList(list: readonly PushRegistrationInfo[]): Element {
  return el(
    'registrations',
    { xmlns: NS.push },
    ...list.map(({ device, service, content, since, lastSent, failures }) =>
      el('registration', {
        device,
        service,
        content,
        since: formatDateTime(since),
        'last-sent': lastSent === undefined ? undefined : formatDateTime(lastSent),
        failures,
      }),
    ),
  );
}
/** Undefined when one of them is not understood. */
export function decodePushList(element: Element | undefined): PushRegistrationInfo[] | undefined {
  if (!is(element, 'registrations', NS.push)) return undefined;
  const list: PushRegistrationInfo[] = [];
  for (const one of element.childrenNamed('registration', NS.push)) {
    const [device, service, last] = [one.attr('device'), one.attr('service'), one.attr('last-sent')];
    const [content, since, failures] = [
      contentOf(one.attr('content')),
      parseDateTime(one.attr('since') ?? ''),
      parseWhole(one.attr('failures')),
    ];
    if (device === undefined || service === undefined || content === undefined || since === undefined || failures === undefined)
      return undefined;
    list.push({ device, service, content, since, lastSent: last === undefined ? undefined : parseDateTime(last), failures });
  }
  return list;
}

export function pushRemove(device?: string): Element {
  return el('remove', { xmlns: NS.push, device });
}
/** The server's public key (VAPID, RFC 8292), base64url. */
export function encodePushKey(key: string): Element {
  return el('key', { xmlns: NS.push }, key);
}
export function decodePushKey(element: Element | undefined): string | undefined {
  const key = is(element, 'key', NS.push) ? element.text().trim() : undefined;
  return pointBytes(key) === 65 ? key : undefined;
}
