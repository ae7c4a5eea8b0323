/** How streams begin and end: RFC 6120 §4.7 over TCP, RFC 7395 §3.3 in WebSocket frames. */
import { type Element, el, escapeAttr } from '@parley/xml';
import { NS } from '../ns.ts';

export interface StreamOpen {
  to?: string;
  from?: string;
  id?: string;
  lang?: string;
  /** Default '1.0'. */
  version?: string;
}

/** The text that opens a stream over TCP; `jabber:client` is the default namespace. */
export function streamHeader(open: StreamOpen): string {
  const attr = (name: string, value: string | undefined): string =>
    value === undefined ? '' : ` ${name}='${escapeAttr(value).replaceAll("'", '&apos;')}'`;
  return `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}'${attr('to', open.to)}${attr('from', open.from)}${attr('id', open.id)} version='${open.version ?? '1.0'}'${attr('xml:lang', open.lang)}>`;
}

export const STREAM_END = '</stream:stream>';

/** `<open/>` of RFC 7395. */
export function framingOpen(open: StreamOpen): Element {
  return el('open', {
    xmlns: NS.framing,
    to: open.to,
    from: open.from,
    id: open.id,
    version: open.version ?? '1.0',
    'xml:lang': open.lang,
  });
}

/** `<close/>` of RFC 7395; `seeOtherUri` as of §3.6.1. */
export function framingClose(seeOtherUri?: string): Element {
  return el('close', { xmlns: NS.framing, 'see-other-uri': seeOtherUri });
}

/** What a server offers, as far as a client here acts on it. */
export interface StreamFeatures {
  startTls?: 'optional' | 'required';
  mechanisms: string[];
  /** XEP-0440; undefined when the server does not say. */
  channelBindings?: string[];
  bind: boolean;
  /** RFC 3921 session; only when it is not optional. */
  session: boolean;
  sm: boolean;
  csi: boolean;
  rosterVersioning: boolean;
  register: boolean;
  caps?: { node: string; ver: string; hash: string };
}

const MANY = 64;

/** Reads `<stream:features/>`. */
export function parseFeatures(element: Element): StreamFeatures {
  const tls = element.child('starttls', NS.tls);
  const session = element.child('session', NS.session);
  const bindings = element.child('sasl-channel-binding', NS.saslCb);
  const caps = element.child('c', NS.caps);
  const [node, ver, hash] = [caps?.attr('node'), caps?.attr('ver'), caps?.attr('hash')];
  return {
    startTls: tls === undefined ? undefined : tls.child('required') === undefined ? 'optional' : 'required',
    mechanisms: (element.child('mechanisms', NS.sasl)?.childrenNamed('mechanism') ?? []).slice(0, MANY).map((child) => child.text().trim()),
    channelBindings: bindings
      ?.childrenNamed('channel-binding')
      .slice(0, MANY)
      .flatMap((child) => child.attr('type') ?? []),
    bind: element.child('bind', NS.bind) !== undefined,
    session: session !== undefined && session.child('optional') === undefined,
    sm: element.child('sm', NS.sm) !== undefined,
    csi: element.child('csi', NS.csi) !== undefined,
    rosterVersioning: element.child('ver', NS.rosterVer) !== undefined,
    register: element.child('register', NS.registerFeature) !== undefined,
    caps: node !== undefined && ver !== undefined && hash !== undefined ? { node, ver, hash } : undefined,
  };
}

/** Builds `<features/>` in the streams namespace. */
export function featuresElement(features: Partial<StreamFeatures>): Element {
  return el(
    'features',
    { xmlns: NS.streams },
    features.startTls && el('starttls', { xmlns: NS.tls }, features.startTls === 'required' ? el('required') : undefined),
    features.mechanisms?.length
      ? el('mechanisms', { xmlns: NS.sasl }, ...features.mechanisms.map((name) => el('mechanism', null, name)))
      : undefined,
    features.channelBindings &&
      el('sasl-channel-binding', { xmlns: NS.saslCb }, ...features.channelBindings.map((type) => el('channel-binding', { type }))),
    features.register ? el('register', { xmlns: NS.registerFeature }) : undefined,
    features.bind ? el('bind', { xmlns: NS.bind }) : undefined,
    features.session ? el('session', { xmlns: NS.session }) : undefined,
    features.sm ? el('sm', { xmlns: NS.sm }) : undefined,
    features.csi ? el('csi', { xmlns: NS.csi }) : undefined,
    features.rosterVersioning ? el('ver', { xmlns: NS.rosterVer }) : undefined,
    features.caps && el('c', { xmlns: NS.caps, ...features.caps }),
  );
}
