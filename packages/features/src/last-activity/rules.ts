/** Pure decisions of last activity (XEP-0012, XEP-0319). */
import { decodeIdle, NS } from '@parley/protocol';
import type { Stanza } from '@parley/xml';
import type { LastSeen } from './service.ts';

const STATUS_LENGTH = 1000;

/** What is remembered of somebody who has gone. `farewell`: the unavailable presence that they sent themselves. */
export function lastSeen(at: number, farewell: Stanza | undefined): LastSeen {
  const status = farewell?.childText('status', NS.client)?.slice(0, STATUS_LENGTH);
  const idle = farewell?.has('idle', NS.idle) ? decodeIdle(farewell.child('idle', NS.idle)) : undefined;
  return {
    at,
    ...(status === undefined || status === '' ? undefined : { status }),
    // A clock that is ahead does not make somebody active in the future.
    ...(idle === undefined || idle.since > at ? undefined : { idleSince: idle.since }),
  };
}

/** Whole seconds since then; never negative, whatever clocks do. */
export const secondsSince = (at: number, now: number): number => Math.max(0, Math.floor((now - at) / 1000));

/** Who may learn it: the account itself, those who see its presence, and for one resource those it has shown itself to (§7). */
export function mayAsk(facts: { readonly sameAccount: boolean; readonly subscribed: boolean; readonly directed: boolean }): boolean {
  return facts.sameAccount || facts.subscribed || facts.directed;
}
