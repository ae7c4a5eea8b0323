/** XEP-0313 §7: archiving preferences. Pure. */
import { Jid, NS, StanzaError } from '@parley/protocol';
import { type Element, el } from '@parley/xml';

export interface ArchivePreferences {
  readonly default: 'always' | 'never' | 'roster';
  readonly always: readonly string[];
  readonly never: readonly string[];
}
export const ALWAYS: ArchivePreferences = { default: 'always', always: [], never: [] };
const MAX_ADDRESSES = 500;

/** Whether a message to or from `peer` stays in the archive. An address with a resource is compared bare as well. */
export function wantsArchived(preferences: ArchivePreferences, peer: string, inRoster: () => boolean): boolean {
  if (preferences.never.includes(peer)) return false;
  if (preferences.always.includes(peer)) return true;
  return preferences.default === 'always' || (preferences.default === 'roster' && inRoster());
}

export function decodePreferences(prefs: Element): ArchivePreferences {
  const mode = prefs.attr('default');
  if (mode !== 'always' && mode !== 'never' && mode !== 'roster')
    throw new StanzaError('bad-request', { text: 'The default is always, never or roster.' });
  const addresses = (name: string): string[] => {
    const list = prefs.child(name, NS.mam)?.childrenNamed('jid', NS.mam) ?? [];
    if (list.length > MAX_ADDRESSES) throw new StanzaError('resource-constraint', { text: `At most ${MAX_ADDRESSES} addresses.` });
    return list.map((one) => {
      const jid = Jid.tryParse(one.text().trim());
      if (jid === undefined) throw new StanzaError('jid-malformed');
      return jid.bare;
    });
  };
  return { default: mode, always: addresses('always'), never: addresses('never') };
}

export function encodePreferences(preferences: ArchivePreferences): Element {
  const addresses = (name: string, list: readonly string[]): Element => el(name, null, ...list.map((jid) => el('jid', null, jid)));
  return el(
    'prefs',
    { xmlns: NS.mam, default: preferences.default },
    addresses('always', preferences.always),
    addresses('never', preferences.never),
  );
}
