/** XEP-0313: Message Archive Management (urn:xmpp:mam:2, with #extended). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataField, type DataForm, decodeDataForm, encodeDataForm, formType, formValue, formValues } from './0004-data-forms.ts';
import { decodeRsmRequest, decodeRsmResult, encodeRsmRequest, encodeRsmResult, type RsmRequest, type RsmResult } from './0059-rsm.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { decodeForwarded, encodeForwarded, type Forwarded } from './0297-forwarding.ts';
import { is, parseBoolean } from './decode.ts';

export interface MamQuery {
  queryid?: string;
  node?: string;
  /** Milliseconds since 1970, inclusive (§4.1.2). */
  start?: number;
  end?: number;
  with?: string;
  beforeId?: string;
  afterId?: string;
  ids?: string[];
  /** XEP-0431. */
  text?: string;
  /** With `text`: best matches first instead of in the order of time (docs/protocol/search.md). */
  ranked?: boolean;
  rsm?: RsmRequest;
  flipPage?: boolean;
}
export interface MamResult {
  id: string;
  queryid?: string;
  forwarded: Forwarded;
}
export interface MamFin {
  complete: boolean;
  stable: boolean;
  rsm: RsmResult;
}
export interface MamPreferences {
  default: 'always' | 'never' | 'roster';
  always: string[];
  never: string[];
}
export interface MamMetadata {
  start?: { id: string; timestamp: number };
  end?: { id: string; timestamp: number };
}

const ID_LENGTH = 1024;
const MAX_IDS = 256;
const MAX_PREFERENCES = 1024;
/** XEP-0431 §3.1. */
export const FULLTEXT_FIELD = `{${NS.fulltext}}fulltext`;
/** `time` or `rank`. */
export const SEARCH_ORDER_FIELD = `{${NS.archiveSearch}}order`;
const TEXT_LENGTH = 1024;
const KNOWN = new Set(['FORM_TYPE', 'start', 'end', 'with', 'before-id', 'after-id', 'ids']);
const KNOWN_TO_SEARCH = new Set([FULLTEXT_FIELD, SEARCH_ORDER_FIELD]);

export function encodeMamQuery(query: MamQuery): Element {
  const fields: DataField[] = [{ var: 'FORM_TYPE', type: 'hidden', values: [NS.mam] }];
  const put = (name: string, value: string | undefined): void => {
    if (value !== undefined) fields.push({ var: name, values: [value] });
  };
  put('start', query.start === undefined ? undefined : formatDateTime(query.start));
  put('end', query.end === undefined ? undefined : formatDateTime(query.end));
  put('with', query.with);
  put('before-id', query.beforeId);
  put('after-id', query.afterId);
  if (query.ids !== undefined) fields.push({ var: 'ids', values: query.ids });
  put(FULLTEXT_FIELD, query.text);
  put(SEARCH_ORDER_FIELD, query.ranked ? 'rank' : undefined);
  return el(
    'query',
    { xmlns: NS.mam, queryid: query.queryid, node: query.node },
    fields.length > 1 ? encodeDataForm({ type: 'submit', fields }) : undefined,
    query.rsm && encodeRsmRequest(query.rsm),
    query.flipPage ? el('flip-page') : undefined,
  );
}

function readForm(form: DataForm, search: boolean): MamQuery | undefined {
  if (form.type !== 'submit' || formType(form) !== NS.mam) return undefined;
  // A field the archive does not know must not be ignored (§4.1.5): the answer would be wrong.
  const isKnown = (name: string | undefined): boolean => name !== undefined && (KNOWN.has(name) || (search && KNOWN_TO_SEARCH.has(name)));
  if (!form.fields.every((field) => isKnown(field.var))) return undefined;
  const query: MamQuery = {};
  for (const name of ['start', 'end'] as const) {
    const text = formValue(form, name);
    if (text === undefined) continue;
    const time = parseDateTime(text);
    if (time === undefined) return undefined;
    query[name] = time;
  }
  query.with = formValue(form, 'with');
  query.beforeId = formValue(form, 'before-id');
  query.afterId = formValue(form, 'after-id');
  query.ids = formValues(form, 'ids');
  query.text = formValue(form, FULLTEXT_FIELD);
  const order = formValue(form, SEARCH_ORDER_FIELD);
  if ((order !== undefined && order !== 'rank' && order !== 'time') || (query.text?.length ?? 0) > TEXT_LENGTH) return undefined;
  query.ranked = order === 'rank' || undefined;
  const texts = [query.beforeId, query.afterId, ...(query.ids ?? [])];
  if ((query.ids?.length ?? 0) > MAX_IDS || texts.some((text) => (text?.length ?? 0) > ID_LENGTH)) return undefined;
  return query;
}

/** `search`: the archive can be searched by text (XEP-0431). Undefined (answer `bad-request`, or `feature-not-implemented` for an unknown field) for a form, time, id list or set that is not right. */
export function decodeMamQuery(element: Element | undefined, search = false): MamQuery | undefined {
  if (!is(element, 'query', NS.mam)) return undefined;
  const x = element.child('x', NS.dataForms);
  const set = element.child('set', NS.rsm);
  const form = x && decodeDataForm(x);
  const rsm = set && decodeRsmRequest(set);
  const filters = form && readForm(form, search);
  if ((x !== undefined && filters === undefined) || (set !== undefined && rsm === undefined)) return undefined;
  const queryid = element.attr('queryid');
  if ((queryid?.length ?? 0) > ID_LENGTH) return undefined;
  return { ...filters, queryid, node: element.attr('node'), rsm, flipPage: element.child('flip-page', NS.mam) !== undefined || undefined };
}

/** The form that tells which filters there are (§4.1.1). `search`: the archive can be searched by text (XEP-0431). */
export function mamQueryForm(search = false): Element {
  const field = (name: string, type: DataField['type']): DataField => ({ var: name, type, values: [] });
  const fields: DataField[] = [
    { var: 'FORM_TYPE', type: 'hidden', values: [NS.mam] },
    field('with', 'jid-single'),
    field('start', 'text-single'),
    field('end', 'text-single'),
    field('before-id', 'text-single'),
    field('after-id', 'text-single'),
    field('ids', 'list-multi'),
    ...(search ? [field(FULLTEXT_FIELD, 'text-single'), field(SEARCH_ORDER_FIELD, 'text-single')] : []),
  ];
  return el('query', { xmlns: NS.mam }, encodeDataForm({ type: 'form', fields }));
}

export function encodeMamResult(value: MamResult): Element {
  return el('result', { xmlns: NS.mam, queryid: value.queryid, id: value.id }, encodeForwarded(value.forwarded));
}
/** The caller checks who sent it: only our own archive (or the room's) may (§11). */
export function decodeMamResult(element: Element | undefined): MamResult | undefined {
  if (!is(element, 'result', NS.mam)) return undefined;
  const id = element.attr('id');
  const forwarded = decodeForwarded(element.child('forwarded', NS.forward));
  return !id || id.length > ID_LENGTH || forwarded === undefined ? undefined : { id, queryid: element.attr('queryid'), forwarded };
}
export function encodeMamFin(fin: MamFin): Element {
  return el(
    'fin',
    { xmlns: NS.mam, complete: fin.complete ? 'true' : undefined, stable: fin.stable ? undefined : 'false' },
    encodeRsmResult(fin.rsm),
  );
}
export function decodeMamFin(element: Element | undefined): MamFin | undefined {
  if (!is(element, 'fin', NS.mam)) return undefined;
  return {
    complete: parseBoolean(element.attr('complete')) === true,
    stable: parseBoolean(element.attr('stable')) !== false,
    rsm: decodeRsmResult(element.child('set', NS.rsm)) ?? {},
  };
}

export function encodeMamPreferences(value: MamPreferences): Element {
  const list = (name: string, jids: string[]): Element => el(name, null, ...jids.map((jid) => el('jid', null, jid)));
  return el('prefs', { xmlns: NS.mam, default: value.default }, list('always', value.always), list('never', value.never));
}
/** XEP-0441. Undefined for an unknown default or more than 1,024 addresses in a list. */
export function decodeMamPreferences(element: Element | undefined): MamPreferences | undefined {
  if (!is(element, 'prefs', NS.mam)) return undefined;
  const value = (['always', 'never', 'roster'] as const).find((name) => name === element.attr('default'));
  const list = (name: string): string[] =>
    (element.child(name, NS.mam)?.childrenNamed('jid', NS.mam) ?? []).map((jid) => jid.text().trim());
  const [always, never] = [list('always'), list('never')];
  if (value === undefined || always.length > MAX_PREFERENCES || never.length > MAX_PREFERENCES) return undefined;
  return { default: value, always, never };
}

export function encodeMamMetadata(value: MamMetadata): Element {
  const edge = (name: 'start' | 'end'): Element | undefined => {
    const at = value[name];
    return at && el(name, { id: at.id, timestamp: formatDateTime(at.timestamp) });
  };
  return el('metadata', { xmlns: NS.mam }, edge('start'), edge('end'));
}
export function decodeMamMetadata(element: Element | undefined): MamMetadata | undefined {
  if (!is(element, 'metadata', NS.mam)) return undefined;
  const edge = (name: string): { id: string; timestamp: number } | undefined => {
    const at = element.child(name, NS.mam);
    const [id, timestamp] = [at?.attr('id'), parseDateTime(at?.attr('timestamp') ?? '')];
    return id === undefined || timestamp === undefined ? undefined : { id, timestamp };
  };
  return { start: edge('start'), end: edge('end') };
}
