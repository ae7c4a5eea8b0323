/** How elements look on the wire: an RFC 6120 stream over TCP, or RFC 7395 frames. */
import { NS } from '@parley/protocol';
import {
  allocate,
  type Element,
  el,
  escapeAttr,
  type Stanza,
  type StreamHeader,
  serialize,
  utf8Encode,
  withClientNamespace,
} from '@parley/xml';

export interface Framing {
  /** Our answer to the client's stream header; `id` is ASCII that needs no escaping. */
  open(from: string, id: string): Uint8Array;
  /** stream:features, stream:error: elements of the stream namespace, with this content. */
  streamElement(name: 'features' | 'error', content: string): Uint8Array;
  /** A stanza that was serialised without xmlns. */
  stanza(bytes: Uint8Array): Uint8Array;
  readonly close: Uint8Array;
}

const BEFORE_ID = utf8Encode(`<?xml version='1.0'?><stream:stream xmlns="${NS.client}" xmlns:stream="${NS.streams}" id="`);
/** What stands behind the id, for the last domain. */
let afterId: { readonly from: string; readonly bytes: Uint8Array } = { from: '', bytes: new Uint8Array(0) };

/** Two headers a sign-in, all alike but for the id: put together from bytes. */
function openTcp(from: string, id: string): Uint8Array {
  if (afterId.from !== from) afterId = { from, bytes: utf8Encode(`" from="${escapeAttr(from)}" version="1.0" xml:lang="en">`) };
  const out = allocate(BEFORE_ID.length + id.length + afterId.bytes.length);
  out.set(BEFORE_ID);
  const at = BEFORE_ID.length;
  for (let i = 0; i < id.length; i++) out[at + i] = id.charCodeAt(i);
  out.set(afterId.bytes, at + id.length);
  return out;
}

export const TCP_FRAMING: Framing = {
  open: openTcp,
  streamElement: (name, content) => utf8Encode(`<stream:${name}>${content}</stream:${name}>`),
  stanza: (bytes) => bytes,
  close: utf8Encode('</stream:stream>'),
};

export const WEBSOCKET_FRAMING: Framing = {
  open: (from, id) => utf8Encode(`<open xmlns="${NS.framing}" id="${id}" from="${escapeAttr(from)}" version="1.0" xml:lang="en"/>`),
  streamElement: (name, content) => utf8Encode(`<stream:${name} xmlns:stream="${NS.streams}">${content}</stream:${name}>`),
  stanza: withClientNamespace,
  close: utf8Encode(`<close xmlns="${NS.framing}"/>`),
};

/** `<stream:error/>` (RFC 6120 §4.9). */
export function streamError(framing: Framing, condition: string, text: string | undefined, extra: Element | undefined): Uint8Array {
  const content = [el(condition, { xmlns: NS.streamErrors })];
  if (text !== undefined) content.push(el('text', { xmlns: NS.streamErrors, 'xml:lang': 'en' }, text));
  if (extra !== undefined) content.push(extra);
  return framing.streamElement('error', content.map((one) => serialize(one)).join(''));
}

/** `<open/>` as the stream header that it stands for (RFC 7395 §3.4). */
export function headerOfFrame(open: Stanza): StreamHeader {
  return {
    name: 'stream',
    ns: NS.streams,
    prefix: 'stream',
    defaultNs: NS.client,
    to: open.to,
    from: open.from,
    version: open.attrs.version,
    lang: open.lang,
  };
}
