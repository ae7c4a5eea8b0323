/** XEP-0157: whom to write to about this server. Pure. */
import { type DataForm, NS } from '@parley/protocol';

export const KINDS = ['abuse', 'admin', 'feedback', 'sales', 'security', 'status', 'support'] as const;
export type ContactKind = (typeof KINDS)[number];

/** A URI of a scheme that a person can follow: a mailbox, an XMPP address, a page, a telephone. */
const URI = /^(?:mailto:[^\s@<>"]+@[^\s@<>"]+|xmpp:[^\s<>"]+|https?:\/\/[^\s<>"]+|tel:\+?[0-9().-]+|ircs?:\/\/[^\s<>"]+)$/;

/** The addresses in an option, separated by spaces; undefined when one of them is not a URI. */
export function readAddresses(text: string): readonly string[] | undefined {
  const all = text.split(/\s+/).filter((one) => one !== '');
  return all.every((one) => one.length <= 1024 && URI.test(one)) ? all : undefined;
}

/** The form in the answer to disco#info; undefined when nobody is named. */
export function serverInfo(addresses: ReadonlyMap<ContactKind, readonly string[]>): DataForm | undefined {
  const fields = KINDS.filter((kind) => (addresses.get(kind) ?? []).length > 0).map((kind) => ({
    var: `${kind}-addresses`,
    type: 'list-multi' as const,
    values: [...(addresses.get(kind) ?? [])],
  }));
  if (fields.length === 0) return undefined;
  return { type: 'result', fields: [{ var: 'FORM_TYPE', type: 'hidden', values: [NS.serverInfo] }, ...fields] };
}
