/** The `<body/>` of XEP-0124 and what XEP-0206 adds to it: read strictly, written as text. */
import { NS } from '@parley/protocol';
import { Element, escapeAttr, type Stanza, type StreamHeader, StreamReader, serialize, utf8Encode, type XmlLimits } from '@parley/xml';

/** What a request says. */
export interface BoshRequest {
  readonly rid: number;
  readonly sid: string | undefined;
  readonly attrs: Readonly<Record<string, string>>;
  /** xmpp:restart (XEP-0206 §5). */
  readonly restart: boolean;
  /** Each payload as a frame of its own: one element with its namespace. */
  readonly payloads: readonly Uint8Array[];
  /** Bytes of the whole body. */
  readonly bytes: number;
}

/** §14.1: never above 2^53 − 1. */
const MAX_RID = Number.MAX_SAFE_INTEGER;
const TOP = ['message', 'presence', 'iq'];

/** XEP-0206 §2: clients leave the namespace of stanzas out and mean jabber:client. */
function asClient(element: Element): Element {
  const copy = new Element(element.name, element.ns === NS.bosh ? NS.client : element.ns, element.attrs);
  for (const child of element.children) copy.children.push(typeof child === 'string' ? child : asClient(child));
  return copy;
}

/** A whole number from 0 to `max`; undefined for anything else. */
export function whole(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/**
 * Undefined for what is no body, has text beside its payloads, or no usable rid. Read as a stream whose header is the body: payloads are what
 * stands at the first level of a stream, and are held to the same limits.
 */
export function readBody(bytes: Uint8Array, limits: XmlLimits): BoshRequest | undefined {
  let header: StreamHeader | undefined;
  let complete = false;
  let failed = false;
  const payloads: Uint8Array[] = [];
  const reader = new StreamReader(
    {
      open: (found) => {
        header = found;
      },
      stanza: (stanza: Stanza) => {
        const child = stanza.element();
        const plain = child.ns === NS.bosh && TOP.includes(child.name) ? asClient(child) : child;
        payloads.push(utf8Encode(serialize(plain, '')));
      },
      close: () => {
        complete = true;
      },
      error: () => {
        failed = true;
      },
    },
    limits,
  );
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x20 || bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d || bytes[end - 1] === 0x09)) end--;
  if (end === 0) return undefined;
  // Complete before its last byte: something follows.
  reader.feed(bytes.subarray(0, end - 1));
  const early = complete;
  reader.feed(bytes.subarray(end - 1, end));
  reader.destroy();
  if (early) return undefined;
  if (header === undefined || failed || !complete || header.name !== 'body' || header.ns !== NS.bosh) return undefined;
  const { others = {}, to, from } = header;
  const rid = whole(others['rid'], MAX_RID);
  if (rid === undefined || rid === 0) return undefined;
  const restart = others[`{${NS.xbosh}}restart`];
  return {
    rid,
    sid: others['sid'],
    attrs: { ...others, ...(to === undefined ? undefined : { to }), ...(from === undefined ? undefined : { from }) },
    restart: restart === 'true' || restart === '1',
    payloads,
    bytes: bytes.length,
  };
}

/** A response. Attributes that are undefined are left out. */
export function writeBody(attrs: Readonly<Record<string, string | number | undefined>>, content = ''): string {
  let out = `<body xmlns="${NS.bosh}" xmlns:xmpp="${NS.xbosh}" xmlns:stream="${NS.streams}"`;
  for (const [name, value] of Object.entries(attrs)) if (value !== undefined) out += ` ${name}="${escapeAttr(String(value))}"`;
  return content === '' ? `${out}/>` : `${out}>${content}</body>`;
}

/** §17.2: the session is over, and why. */
export function terminal(condition?: string, content = ''): string {
  return writeBody({ type: 'terminate', condition }, content);
}
