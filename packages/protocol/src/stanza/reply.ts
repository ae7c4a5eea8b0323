/** Replies and stream errors: RFC 6120 §8.2.3, §8.3.1, §4.9. */
import { type Element, el, type Stanza } from '@parley/xml';
import { NS } from '../ns.ts';
import type { StanzaError } from './error.ts';

/** The stanza of type `error` that answers this one: addresses swapped, the same id. Never answer an error with it (§8.3.1). */
export function errorReply(stanza: Stanza, error: StanzaError): Element {
  return el(stanza.name, { xmlns: NS.client, type: 'error', from: stanza.to, to: stanza.from, id: stanza.id }, error.toElement());
}

/** The result that answers an IQ of type get or set. */
export function iqResult(iq: Stanza, payload?: Element): Element {
  return el('iq', { xmlns: NS.client, type: 'result', from: iq.to, to: iq.from, id: iq.id }, payload);
}

/** RFC 6120 §4.9.3. */
export type StreamErrorCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'see-other-host'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version';

/** `<error/>` in the streams namespace; serialise it with the stream's prefix or with its own xmlns. */
export function streamErrorElement(condition: string, text?: string, extra?: Element): Element {
  return el(
    'error',
    { xmlns: NS.streams },
    el(condition, { xmlns: NS.streamErrors }),
    text === undefined ? undefined : el('text', { xmlns: NS.streamErrors, 'xml:lang': 'en' }, text),
    extra,
  );
}

/** Reads a stream error: condition and text. */
export function parseStreamError(element: Element): { condition: string; text?: string; seeOtherHost?: string } {
  let condition = 'undefined-condition';
  let seeOtherHost: string | undefined;
  for (const child of element.elements()) {
    if (child.ns !== NS.streamErrors || child.name === 'text') continue;
    condition = child.name;
    if (condition === 'see-other-host') seeOtherHost = child.text().trim() || undefined;
  }
  return { condition, text: element.childText('text', NS.streamErrors), seeOtherHost };
}
