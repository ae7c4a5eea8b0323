/** XEP-0198: Stream Management (urn:xmpp:sm:3). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { STANZA_ERROR_CONDITIONS, type StanzaErrorCondition } from '../stanza/error.ts';
import { bounded, is, parseBoolean, parseWhole } from './decode.ts';

export const SM_MODULUS = 2 ** 32;
const ID_LENGTH = 4000;

/** `h` after one more stanza; wraps at 2^32 (§4). */
export function smNext(h: number): number {
  return (h + 1) % SM_MODULUS;
}

/** How many stanzas `h` is past `since`, modulo 2^32. */
export function smDistance(since: number, h: number): number {
  return (h - since + SM_MODULUS) % SM_MODULUS;
}

/** 0 to 2^32-1 in decimal; undefined for anything else. */
export function parseSmH(text: string | undefined): number | undefined {
  return parseWhole(text, SM_MODULUS - 1);
}

export interface SmEnable {
  resume: boolean;
  /** Preferred longest time of a detached session, seconds. */
  max?: number;
}
export interface SmEnabled {
  id?: string;
  resume: boolean;
  max?: number;
  location?: string;
}
export interface SmResume {
  h: number;
  previd: string;
}
export interface SmFailed {
  condition?: StanzaErrorCondition;
  text?: string;
  h?: number;
}

export function smEnable(value: SmEnable): Element {
  return el('enable', { xmlns: NS.sm, resume: value.resume ? 'true' : undefined, max: value.max });
}
export function parseSmEnable(element: Element): SmEnable | undefined {
  if (!is(element, 'enable', NS.sm)) return undefined;
  const resume = element.attr('resume');
  const max = element.attr('max');
  if ((resume !== undefined && parseBoolean(resume) === undefined) || (max !== undefined && parseWhole(max) === undefined))
    return undefined;
  return { resume: parseBoolean(resume) === true, max: parseWhole(max) };
}
export function smEnabled(value: SmEnabled): Element {
  return el('enabled', { xmlns: NS.sm, id: value.id, resume: value.resume ? 'true' : undefined, max: value.max, location: value.location });
}
export function parseSmEnabled(element: Element): SmEnabled | undefined {
  if (!is(element, 'enabled', NS.sm)) return undefined;
  return {
    id: bounded(element.attr('id'), ID_LENGTH),
    resume: parseBoolean(element.attr('resume')) === true,
    max: parseWhole(element.attr('max')),
    location: element.attr('location'),
  };
}
export function smResume(value: SmResume): Element {
  return el('resume', { xmlns: NS.sm, h: value.h, previd: value.previd });
}
function parseResumption(element: Element, name: string): SmResume | undefined {
  if (!is(element, name, NS.sm)) return undefined;
  const h = parseSmH(element.attr('h'));
  const previd = bounded(element.attr('previd'), ID_LENGTH);
  return h === undefined || !previd ? undefined : { h, previd };
}
export function parseSmResume(element: Element): SmResume | undefined {
  return parseResumption(element, 'resume');
}
export function smResumed(value: SmResume): Element {
  return el('resumed', { xmlns: NS.sm, h: value.h, previd: value.previd });
}
export function parseSmResumed(element: Element): SmResume | undefined {
  return parseResumption(element, 'resumed');
}
/** `h`: what the server had handled of the session that is gone (§5). */
export function smFailed(value: SmFailed): Element {
  return el(
    'failed',
    { xmlns: NS.sm, h: value.h },
    value.condition === undefined ? undefined : el(value.condition, { xmlns: NS.stanzas }),
    value.text === undefined ? undefined : el('text', { xmlns: NS.stanzas, 'xml:lang': 'en' }, value.text),
  );
}
export function parseSmFailed(element: Element): SmFailed | undefined {
  if (!is(element, 'failed', NS.sm)) return undefined;
  const found = element.elements().find((child) => child.ns === NS.stanzas && child.name !== 'text')?.name;
  const condition = STANZA_ERROR_CONDITIONS.find((name) => name === found);
  return { condition, text: element.childText('text', NS.stanzas), h: parseSmH(element.attr('h')) };
}
export function smRequest(): Element {
  return el('r', { xmlns: NS.sm });
}
export function smAck(h: number): Element {
  return el('a', { xmlns: NS.sm, h });
}
export function parseSmAck(element: Element): number | undefined {
  return is(element, 'a', NS.sm) ? parseSmH(element.attr('h')) : undefined;
}
