/** XEP-0077: In-Band Registration. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataForm, decodeDataForm, encodeDataForm } from './0004-data-forms.ts';
import { is } from './decode.ts';

export interface Registration {
  registered?: boolean;
  remove?: boolean;
  instructions?: string;
  username?: string;
  password?: string;
  email?: string;
  form?: DataForm;
}
const TEXTS = ['instructions', 'username', 'password', 'email'] as const;
const TEXT_LENGTH = 4096;

/** A field that is asked for is '' (§3.1). */
export function encodeRegistration(value: Registration): Element {
  return el(
    'query',
    { xmlns: NS.register },
    value.registered ? el('registered') : undefined,
    value.remove ? el('remove') : undefined,
    ...TEXTS.map((name) => (value[name] === undefined ? undefined : el(name, null, value[name] === '' ? undefined : value[name]))),
    value.form && encodeDataForm(value.form),
  );
}
/** Undefined for another element, a text past 4,096 characters, or a form that is none. */
export function decodeRegistration(element: Element | undefined): Registration | undefined {
  if (!is(element, 'query', NS.register)) return undefined;
  const value: Registration = {};
  for (const name of TEXTS) {
    const text = element.childText(name, NS.register);
    if ((text?.length ?? 0) > TEXT_LENGTH) return undefined;
    if (text !== undefined) value[name] = text;
  }
  if (element.child('registered', NS.register) !== undefined) value.registered = true;
  if (element.child('remove', NS.register) !== undefined) value.remove = true;
  const x = element.child('x', NS.dataForms);
  if (x === undefined) return value;
  value.form = decodeDataForm(x);
  return value.form === undefined ? undefined : value;
}
