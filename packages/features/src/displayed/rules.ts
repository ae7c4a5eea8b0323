/** What becomes of a message that also says what its sender has displayed (XEP-0490 §4.5). Pure. */
import { decodeDisplayedState, NS, type StanzaId } from '@parley/protocol';
import { parseStanza, type Stanza, stanzaBytes } from '@parley/xml';

export interface Assisted {
  /** Undefined when it does not name exactly one stanza-id. */
  readonly state: StanzaId | undefined;
  /** What is left for the recipient. */
  readonly rest: Stanza;
}

/** Takes the server's part out of a message; undefined, for nothing, when there is none. */
export function takeDisplayed(stanza: Stanza): Assisted | undefined {
  if (!stanza.has('displayed', NS.mds)) return undefined;
  const state = decodeDisplayedState(stanza.child('displayed', NS.mds));
  // All of them: none may reach the recipient.
  const bytes = stanzaBytes(stanza, { drop: (child) => child.ns === NS.mds });
  return { state, rest: parseStanza(bytes, undefined, NS.client) };
}
