/** XEP-0313 §4: what a query asks for. Pure; throws the specified errors. */
import {
  decodeDataForm,
  decodeRsmRequest,
  FULLTEXT_FIELD,
  formType,
  Jid,
  NS,
  parseDateTime,
  type RsmRequest,
  SEARCH_ORDER_FIELD,
  StanzaError,
} from '@parley/protocol';
import { type Element, el } from '@parley/xml';

export interface ArchiveQuery {
  readonly queryId: string | undefined;
  readonly with: Jid | undefined;
  /** Milliseconds, inclusive. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** Exclusive bounds by id (the extended fields). */
  readonly afterId: string | undefined;
  readonly beforeId: string | undefined;
  readonly ids: readonly string[] | undefined;
  /** XEP-0431: words that must be there. */
  readonly text: string | undefined;
  /** Best matches first. */
  readonly ranked: boolean;
  readonly flip: boolean;
  readonly page: RsmRequest;
}

const MAX_IDS = 100;
const MAX_QUERY_ID = 256;
/** UTF-16 code units of a search. */
const MAX_TEXT = 1024;

/** `search`: the archive can be searched by text. */
export function decodeQuery(query: Element, search: boolean): ArchiveQuery {
  const queryId = query.attr('queryid');
  if (queryId !== undefined && queryId.length > MAX_QUERY_ID) throw new StanzaError('bad-request', { text: 'The queryid is too long.' });
  const set = query.child('set', NS.rsm);
  const page = set === undefined ? {} : decodeRsmRequest(set);
  if (page === undefined) throw new StanzaError('bad-request', { text: 'The result set request is not valid.' });
  if (page.index !== undefined) throw new StanzaError('feature-not-implemented', { text: 'Pages are asked for by id, not by index.' });
  const x = query.child('x', NS.dataForms);
  const form = x === undefined ? undefined : decodeDataForm(x);
  if (x !== undefined && (form === undefined || (form.type === 'submit' && formType(form) !== NS.mam)))
    throw new StanzaError('bad-request', { text: 'The form is not one of this archive.' });
  const out = {
    queryId,
    with: undefined as Jid | undefined,
    start: undefined as number | undefined,
    end: undefined as number | undefined,
    afterId: undefined as string | undefined,
    beforeId: undefined as string | undefined,
    ids: undefined as string[] | undefined,
    text: undefined as string | undefined,
    ranked: false,
    flip: query.child('flip-page', NS.mam) !== undefined,
    page,
  };
  for (const field of form?.fields ?? []) {
    const value = field.values[0] ?? '';
    switch (field.var) {
      case 'FORM_TYPE':
        break;
      case 'with': {
        const jid = Jid.tryParse(value);
        if (jid === undefined) throw new StanzaError('jid-malformed');
        out.with = jid;
        break;
      }
      case 'start':
      case 'end': {
        const at = parseDateTime(value);
        if (at === undefined) throw new StanzaError('bad-request', { text: `${field.var} is not a date and time.` });
        out[field.var] = at;
        break;
      }
      case 'after-id':
        out.afterId = value;
        break;
      case 'before-id':
        out.beforeId = value;
        break;
      case 'ids':
        if (field.values.length > MAX_IDS) throw new StanzaError('bad-request', { text: `At most ${MAX_IDS} ids.` });
        out.ids = field.values;
        break;
      case FULLTEXT_FIELD:
        if (!search) throw new StanzaError('feature-not-implemented', { text: 'This archive cannot be searched by text.' });
        if (value.length > MAX_TEXT) throw new StanzaError('bad-request', { text: `A search has at most ${MAX_TEXT} characters.` });
        // XEP-0431 §2.2: an empty one is none.
        if (value.trim() !== '') out.text = value;
        break;
      case SEARCH_ORDER_FIELD:
        if (!search) throw new StanzaError('feature-not-implemented', { text: 'This archive cannot be searched by text.' });
        if (value !== 'rank' && value !== 'time') throw new StanzaError('bad-request', { text: 'The order is rank or time.' });
        out.ranked = value === 'rank';
        break;
      default:
        throw new StanzaError('feature-not-implemented', { text: `The field ${(field.var ?? '').slice(0, 64)} is not known here.` });
    }
  }
  if (out.ranked && out.text === undefined) throw new StanzaError('bad-request', { text: 'Only a search by text can be ranked.' });
  if (out.ranked && (page.after !== undefined || (page.before ?? '') !== ''))
    throw new StanzaError('feature-not-implemented', { text: 'The best matches come in one page.' });
  return out;
}

/** §4.1.5: the fields a query may have. */
export function queryForm(search: boolean): Element {
  const field = (name: string, type: string): Element => el('field', { var: name, type });
  return el(
    'query',
    { xmlns: NS.mam },
    el(
      'x',
      { xmlns: NS.dataForms, type: 'form' },
      el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', null, NS.mam)),
      field('with', 'jid-single'),
      field('start', 'text-single'),
      field('end', 'text-single'),
      field('before-id', 'text-single'),
      field('after-id', 'text-single'),
      el(
        'field',
        { var: 'ids', type: 'list-multi' },
        el('validate', { xmlns: 'http://jabber.org/protocol/xdata-validate', datatype: 'xs:string' }, el('open')),
      ),
      search ? field(FULLTEXT_FIELD, 'text-single') : undefined,
      search ? field(SEARCH_ORDER_FIELD, 'text-single') : undefined,
    ),
  );
}
