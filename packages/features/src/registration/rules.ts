/** Pure decisions of registration (XEP-0077). */
import { decodeRegistration, type StanzaErrorCondition } from '@parley/protocol';
import type { Element } from '@parley/xml';

export type RegisterSet =
  | { readonly kind: 'credentials'; readonly username: string; readonly password: string }
  | { readonly kind: 'remove' }
  | { readonly kind: 'bad'; readonly condition: StanzaErrorCondition; readonly reason: string };

/** Reads what a client wants: an account or a new password, or to be removed. `signedIn` decides how a lack is called. */
export function readRegisterSet(query: Element, signedIn: boolean): RegisterSet {
  const wish = decodeRegistration(query);
  if (wish === undefined) return { kind: 'bad', condition: 'bad-request', reason: 'A field is too long.' };
  if (wish.remove === true) {
    if (query.elements().length !== 1) return { kind: 'bad', condition: 'bad-request', reason: 'A removal holds nothing else.' };
    return { kind: 'remove' };
  }
  const { username = '', password = '' } = wish;
  if (username === '' || password === '')
    return { kind: 'bad', condition: signedIn ? 'bad-request' : 'not-acceptable', reason: 'User name and password are both needed.' };
  return { kind: 'credentials', username, password };
}
