/** XEP-0059: Result Set Management. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseWhole } from './decode.ts';

export interface RsmRequest {
  max?: number;
  after?: string;
  /** '' asks for the last page (§2.5). */
  before?: string;
  index?: number;
}
export interface RsmResult {
  first?: string;
  /** Index of the first item in the whole set. */
  firstIndex?: number;
  last?: string;
  count?: number;
}

const ID_LENGTH = 1024;

export function encodeRsmRequest(value: RsmRequest): Element {
  return el(
    'set',
    { xmlns: NS.rsm },
    value.max === undefined ? undefined : el('max', null, String(value.max)),
    value.after === undefined ? undefined : el('after', null, value.after),
    value.before === undefined ? undefined : el('before', null, value.before === '' ? undefined : value.before),
    value.index === undefined ? undefined : el('index', null, String(value.index)),
  );
}
/** Undefined for another element, numbers that are none, ids past 1,024 characters, or both `after` and `before`. */
export function decodeRsmRequest(element: Element | undefined): RsmRequest | undefined {
  if (!is(element, 'set', NS.rsm)) return undefined;
  const text = (name: string): string | undefined => element.childText(name, NS.rsm);
  const [max, index, after, before] = [text('max'), text('index'), text('after'), text('before')];
  const value = { max: parseWhole(max), index: parseWhole(index), after, before };
  if ((max !== undefined && value.max === undefined) || (index !== undefined && value.index === undefined)) return undefined;
  if ((after?.length ?? 0) > ID_LENGTH || (before?.length ?? 0) > ID_LENGTH || (after !== undefined && before !== undefined))
    return undefined;
  return value;
}
export function encodeRsmResult(value: RsmResult): Element {
  return el(
    'set',
    { xmlns: NS.rsm },
    value.first === undefined ? undefined : el('first', { index: value.firstIndex }, value.first),
    value.last === undefined ? undefined : el('last', null, value.last),
    value.count === undefined ? undefined : el('count', null, String(value.count)),
  );
}
export function decodeRsmResult(element: Element | undefined): RsmResult | undefined {
  if (!is(element, 'set', NS.rsm)) return undefined;
  return {
    first: element.childText('first', NS.rsm),
    firstIndex: parseWhole(element.child('first', NS.rsm)?.attr('index')),
    last: element.childText('last', NS.rsm),
    count: parseWhole(element.childText('count', NS.rsm)),
  };
}
