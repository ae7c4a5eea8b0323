/** XEP-0377: Spam Reporting, inside a block (XEP-0191). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

export const REPORT_SPAM = 'urn:xmpp:reporting:spam';
export const REPORT_ABUSE = 'urn:xmpp:reporting:abuse';

export interface AbuseReport {
  /** A URN; `REPORT_SPAM` or `REPORT_ABUSE`, or one of another specification. */
  reason: string;
  texts: { lang?: string; text: string }[];
  /** Messages that are reported: stanza-ids (XEP-0359). */
  messages: { by: string; id: string }[];
  /** The reporter agrees that it is passed on to the server it came from, or to third parties. */
  reportOrigin: boolean;
  thirdParty: boolean;
}
const MANY = 20;
const TEXT_LENGTH = 4000;

export function encodeReport(report: AbuseReport): Element {
  return el(
    'report',
    { xmlns: NS.reporting, reason: report.reason },
    ...report.messages.map(({ by, id }) => el('stanza-id', { xmlns: NS.sid, by, id })),
    ...report.texts.map(({ lang, text }) => el('text', { 'xml:lang': lang }, text)),
    report.reportOrigin ? el('report-origin') : undefined,
    report.thirdParty ? el('third-party') : undefined,
  );
}
/** Undefined without a reason. Of texts and messages the first 20 count, and of a text its first 4,000 characters. */
export function decodeReport(element: Element | undefined): AbuseReport | undefined {
  if (!is(element, 'report', NS.reporting)) return undefined;
  const reason = bounded(element.attr('reason'), 256);
  if (reason === undefined || reason === '') return undefined;
  const messages = element.childrenNamed('stanza-id', NS.sid).flatMap((one) => {
    const [by, id] = [bounded(one.attr('by'), 3071), bounded(one.attr('id'), 256)];
    return by === undefined || id === undefined ? [] : [{ by, id }];
  });
  const texts = element
    .childrenNamed('text', NS.reporting)
    .map((one) => ({ lang: bounded(one.attr('xml:lang'), 64), text: one.text().slice(0, TEXT_LENGTH) }));
  return {
    reason,
    texts: texts.slice(0, MANY),
    messages: messages.slice(0, MANY),
    reportOrigin: element.child('report-origin', NS.reporting) !== undefined,
    thirdParty: element.child('third-party', NS.reporting) !== undefined,
  };
}
