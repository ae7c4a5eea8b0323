/** XEP-0055: Jabber Search. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataForm, decodeDataForm, encodeDataForm, formType, formValue } from './0004-data-forms.ts';
import { bounded, is } from './decode.ts';

/** What people can be looked for by; the fields of the schema but `email`. */
export const SEARCH_FIELDS = ['first', 'last', 'nick'] as const;
export type SearchField = (typeof SEARCH_FIELDS)[number];
export type SearchTerms = { [F in SearchField]?: string };
export interface PersonFound extends SearchTerms {
  jid: string;
}
export interface SearchRequest {
  terms: SearchTerms;
  /** It came as a data form, and is answered with one (§3). */
  form: boolean;
}

const TEXT_LENGTH = 256;
const LABELS: { readonly [F in SearchField]: string } = { first: 'Given name', last: 'Family name', nick: 'Nickname' };

/** What can be looked for: fields, and a form with the same. */
export function encodeSearchFields(instructions: string): Element {
  const form: DataForm = {
    type: 'form',
    instructions: [instructions],
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NS.search] },
      ...SEARCH_FIELDS.map((name) => ({ var: name, type: 'text-single' as const, label: LABELS[name], values: [] })),
    ],
  };
  return el(
    'query',
    { xmlns: NS.search },
    el('instructions', null, instructions),
    ...SEARCH_FIELDS.map((name) => el(name)),
    encodeDataForm(form),
  );
}

export function encodeSearchRequest(request: SearchRequest): Element {
  const given = SEARCH_FIELDS.flatMap((name) => (request.terms[name] === undefined ? [] : [{ name, value: request.terms[name] ?? '' }]));
  if (!request.form) return el('query', { xmlns: NS.search }, ...given.map(({ name, value }) => el(name, null, value)));
  const fields = [
    { var: 'FORM_TYPE', type: 'hidden' as const, values: [NS.search] },
    ...given.map(({ name, value }) => ({ var: name, values: [value] })),
  ];
  return el('query', { xmlns: NS.search }, encodeDataForm({ type: 'submit', fields }));
}
/** Empty fields are left out. Undefined for another element, a form that is not of a search, and a text past 256 characters. */
export function decodeSearchRequest(element: Element | undefined): SearchRequest | undefined {
  if (!is(element, 'query', NS.search)) return undefined;
  const x = element.child('x', NS.dataForms);
  const form = x && decodeDataForm(x);
  if (x !== undefined && (form === undefined || form.type !== 'submit' || formType(form) !== NS.search)) return undefined;
  const terms: SearchTerms = {};
  for (const name of SEARCH_FIELDS) {
    const text = (form === undefined ? element.childText(name, NS.search) : formValue(form, name))?.trim();
    if (text === undefined || text === '') continue;
    if (bounded(text, TEXT_LENGTH) === undefined) return undefined;
    terms[name] = text;
  }
  return { terms, form: form !== undefined };
}

/** §2.1: people found; as a form when they were asked for with one. */
export function encodeSearchResult(found: readonly PersonFound[], form: boolean): Element {
  if (!form)
    return el(
      'query',
      { xmlns: NS.search },
      ...found.map((one) =>
        el('item', { jid: one.jid }, ...SEARCH_FIELDS.map((name) => (one[name] === undefined ? undefined : el(name, null, one[name])))),
      ),
    );
  const cell = (name: string, value: string | undefined): Element => el('field', { var: name }, el('value', null, value));
  return el(
    'query',
    { xmlns: NS.search },
    el(
      'x',
      { xmlns: NS.dataForms, type: 'result' },
      el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', null, NS.search)),
      el(
        'reported',
        null,
        ...SEARCH_FIELDS.map((name) => el('field', { var: name, label: LABELS[name], type: 'text-single' })),
        el('field', { var: 'jid', label: 'Address', type: 'jid-single' }),
      ),
      ...found.map((one) => el('item', null, ...SEARCH_FIELDS.map((name) => cell(name, one[name])), cell('jid', one.jid))),
    ),
  );
}
/** Of a plain result; items without an address are left out, at most 100 are read. */
export function decodeSearchResult(element: Element | undefined): PersonFound[] | undefined {
  if (!is(element, 'query', NS.search)) return undefined;
  return element
    .childrenNamed('item', NS.search)
    .slice(0, 100)
    .flatMap((item) => {
      const jid = bounded(item.attr('jid'), 3071);
      if (!jid) return [];
      const one: PersonFound = { jid };
      for (const name of SEARCH_FIELDS) {
        const text = bounded(item.childText(name, NS.search), TEXT_LENGTH);
        if (text !== undefined) one[name] = text;
      }
      return [one];
    });
}
