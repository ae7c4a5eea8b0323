/** What the codecs share: strict readers of attribute and text forms. */
import type { Element } from '@parley/xml';

/** A whole number in decimal without sign or leading zeros, at most `max`; undefined for anything else. */
export function parseWhole(text: string | undefined, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** XML Schema boolean; undefined for anything else. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : undefined;
}

/** True when the element has this name and namespace. */
export function is(element: Element | undefined, name: string, ns: string): element is Element {
  return element !== undefined && element.name === name && element.ns === ns;
}

/** The value when it is there and not longer than `max` characters. */
export function bounded(text: string | undefined, max: number): string | undefined {
  return text !== undefined && text.length <= max ? text : undefined;
}
