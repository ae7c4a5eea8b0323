import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';

export const MUC_OWNER = 'http://jabber.org/protocol/muc#owner';
export const MUC_ADMIN = 'http://jabber.org/protocol/muc#admin';

/** A filled-in room configuration (XEP-0045 §10.2); a list makes a field with several values. */
export function configuration(fields: Readonly<Record<string, string | readonly string[]>>): Element {
  return el(
    'x',
    { xmlns: NS.dataForms, type: 'submit' },
    el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', null, 'http://jabber.org/protocol/muc#roomconfig')),
    ...Object.entries(fields).map(([name, value]) =>
      el('field', { var: name }, ...(typeof value === 'string' ? [value] : value).map((one) => el('value', null, one))),
    ),
  );
}
