/** XEP-0484: Fast Authentication Streamlining Tokens (urn:xmpp:fast:0). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { bounded, is, parseBoolean, parseWhole } from './decode.ts';

export interface FastUse {
  /** Rises with each use of the token. */
  count?: number;
  invalidate: boolean;
}

export interface FastToken {
  token: string;
  /** Milliseconds since 1970. */
  expiry: number;
}

const TOKEN_LENGTH = 1024;
/** xs:int */
const MAX_COUNT = 2 ** 31 - 1;

export function fastFeature(mechanisms: readonly string[]): Element {
  return el('fast', { xmlns: NS.fast }, ...mechanisms.map((name) => el('mechanism', null, name)));
}

export function encodeFastRequest(mechanism: string): Element {
  return el('request-token', { xmlns: NS.fast, mechanism });
}
export function decodeFastRequest(element: Element): string | undefined {
  return is(element, 'request-token', NS.fast) ? bounded(element.attr('mechanism'), 64) : undefined;
}

export function encodeFastUse(value: FastUse): Element {
  return el('fast', { xmlns: NS.fast, count: value.count, invalidate: value.invalidate ? 'true' : undefined });
}
/** Undefined when an attribute is not what it should be. */
export function decodeFastUse(element: Element): FastUse | undefined {
  if (!is(element, 'fast', NS.fast)) return undefined;
  const count = parseWhole(element.attr('count'), MAX_COUNT);
  const invalidate = element.attr('invalidate');
  if (element.attr('count') !== undefined && (count === undefined || count === 0)) return undefined;
  if (invalidate !== undefined && parseBoolean(invalidate) === undefined) return undefined;
  return { count, invalidate: parseBoolean(invalidate) === true };
}

export function encodeFastToken(value: FastToken): Element {
  return el('token', { xmlns: NS.fast, expiry: formatDateTime(value.expiry), token: value.token });
}
export function decodeFastToken(element: Element): FastToken | undefined {
  if (!is(element, 'token', NS.fast)) return undefined;
  const token = bounded(element.attr('token'), TOKEN_LENGTH);
  const expiry = parseDateTime(element.attr('expiry') ?? '');
  return !token || expiry === undefined ? undefined : { token, expiry };
}
