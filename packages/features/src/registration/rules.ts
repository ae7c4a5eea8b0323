/** Pure decisions of registration (XEP-0077). */
import { type DataForm, decodeRegistration, formType, formValue, NS, type StanzaErrorCondition } from '@parley/protocol';
import type { Element } from '@parley/xml';

export type RegisterSet =
  | { readonly kind: 'credentials'; readonly username: string; readonly password: string; readonly word?: OwnersWord }
  | { readonly kind: 'remove'; readonly username?: string; readonly word?: OwnersWord }
  | { readonly kind: 'bad'; readonly condition: StanzaErrorCondition; readonly reason: string };

/** What shows that the owner is there, and not only a device of theirs. */
export type OwnersWord = { readonly password: string } | { readonly proof: string };

const LONGEST_FIELD = 4096;

/** The forms of §3.2 and §3.3: a removal, or another password, with what the owner knows or can prove. */
function readForm(form: DataForm): RegisterSet {
  const bad = (reason: string): RegisterSet => ({ kind: 'bad', condition: 'bad-request', reason });
  const type = formType(form);
  const removes = type === `${NS.register}:cancel`;
  if (form.type !== 'submit' || !(removes || type === `${NS.register}:changepassword`)) return bad('This form was not asked for.');
  const field = (name: string): string => formValue(form, name) ?? '';
  const username = field('username');
  const secret = field(removes ? 'password' : 'old_password');
  const proof = field('proof');
  const password = field('password');
  if ([username, secret, proof, password].some((text) => text.length > LONGEST_FIELD)) return bad('A field is too long.');
  if ((secret === '') === (proof === '')) return bad('Either the password or a proof is needed.');
  const word = secret === '' ? { proof } : { password: secret };
  if (removes) return { kind: 'remove', username, word };
  return username === '' || password === ''
    ? bad('User name and password are both needed.')
    : { kind: 'credentials', username, password, word };
}

/** Reads what a client wants: an account or a new password, or to be removed. `signedIn` decides how a lack is called. */
export function readRegisterSet(query: Element, signedIn: boolean): RegisterSet {
  const wish = decodeRegistration(query);
  if (wish === undefined) return { kind: 'bad', condition: 'bad-request', reason: 'A field is too long.' };
  if (signedIn && wish.form !== undefined) {
    if (query.elements().length !== 1) return { kind: 'bad', condition: 'bad-request', reason: 'The form holds all of it.' };
    return readForm(wish.form);
  }
  if (wish.remove === true) {
    if (query.elements().length !== 1) return { kind: 'bad', condition: 'bad-request', reason: 'A removal holds nothing else.' };
    return { kind: 'remove' };
  }
  const { username = '', password = '' } = wish;
  if (username === '' || password === '')
    return { kind: 'bad', condition: signedIn ? 'bad-request' : 'not-acceptable', reason: 'User name and password are both needed.' };
  return { kind: 'credentials', username, password };
}
