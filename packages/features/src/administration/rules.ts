/** Pure decisions of administration (XEP-0133). */
import { type DataForm, formValue, formValues, Jid } from '@parley/protocol';

/** The administrators as bare JIDs; answers the first address that is none of an account here, or all. */
export function readAdmins(text: string, host: string): { admins: ReadonlySet<string> } | { bad: string } {
  const admins = new Set<string>();
  for (const address of text.split(/[\s,]+/)) {
    if (address === '') continue;
    const jid = Jid.tryParse(address);
    if (jid === undefined || jid.local === '' || jid.resource !== '' || jid.domain !== host) return { bad: address };
    admins.add(jid.bare);
  }
  return { admins };
}

/** The local part of an account of this host; undefined for any other address. */
export function localpartOf(address: string, host: string): string | undefined {
  const jid = Jid.tryParse(address.trim());
  return jid === undefined || jid.local === '' || jid.domain !== host || jid.resource !== '' ? undefined : jid.local;
}

/** Addresses that a command takes at once. */
const MOST = 100;

/** `accountjids`, each once; undefined when there is none or too many. */
export function accountsIn(form: DataForm): readonly string[] | undefined {
  const all = [...new Set((formValues(form, 'accountjids') ?? []).map((one) => one.trim()).filter((one) => one !== ''))];
  return all.length === 0 || all.length > MOST ? undefined : all;
}

/** `max_items` of the lists; `most` when it is not said. */
export function maxItems(form: DataForm, most: number): number {
  const wish = Number(formValue(form, 'max_items') ?? 'none');
  return Number.isInteger(wish) && wish > 0 ? Math.min(wish, most) : most;
}
