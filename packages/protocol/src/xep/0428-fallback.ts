/** XEP-0428: Fallback Indication. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is, parseWhole } from './decode.ts';

export interface Fallback {
  /** Namespace of what the text stands for. */
  for?: string;
  /** Parts of the body that are fallback, in characters, end exclusive; undefined: the whole body is. */
  body?: Array<{ start: number; end: number }>;
}

export function encodeFallback(value: Fallback): Element {
  return el('fallback', { xmlns: NS.fallback, for: value.for }, ...(value.body ?? []).map((part) => el('body', { ...part })));
}
/** Undefined for a part that is no range; at most 16 parts are read. */
export function decodeFallback(element: Element | undefined): Fallback | undefined {
  if (!is(element, 'fallback', NS.fallback)) return undefined;
  const parts: Array<{ start: number; end: number }> = [];
  let whole = false;
  for (const body of element.childrenNamed('body', NS.fallback).slice(0, 16)) {
    const [from, to] = [body.attr('start'), body.attr('end')];
    if (from === undefined && to === undefined) {
      whole = true;
      continue;
    }
    const [start, end] = [parseWhole(from), parseWhole(to)];
    if (start === undefined || end === undefined || end < start) return undefined;
    parts.push({ start, end });
  }
  return { for: bounded(element.attr('for'), 1024), body: whole || parts.length === 0 ? undefined : parts };
}
