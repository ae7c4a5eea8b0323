/** What the server says of itself and of accounts (XEP-0030). Pure. */
import type { DiscoIdentity } from '@parley/protocol';

export const HOST_IDENTITY: DiscoIdentity = { category: 'server', type: 'im', name: 'Parley' };
export const ACCOUNT_IDENTITY: DiscoIdentity = { category: 'account', type: 'registered' };

/** In one order and each once, so that the answer (and its hash) does not depend on the order of loading. */
export function sortedFeatures(features: Iterable<string>): string[] {
  return [...new Set(features)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
