import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { REACTIONS, RETRACT } from '../messages/changes.ts';
import { REPLY } from '../messages/codec.ts';

const FEATURES = [
  NS.discoInfo,
  NS.ping,
  NS.receipts,
  NS.markers,
  NS.chatStates,
  NS.sid,
  NS.sfs,
  NS.fileMetadata,
  NS.fallback,
  NS.oob,
  NS.correction,
  RETRACT,
  REACTIONS,
  REPLY,
  NS.ephemeral,
  NS.reference,
];

/** Answers who we are and that we live (XEP-0030, XEP-0199). Null: an empty result. Undefined: not such a question. */
export function describeSelf(stanza: Element, payload: Element, platform: string): Element | null | undefined {
  if (stanza.attr('type') !== 'get') return undefined;
  if (payload.ns === NS.ping && payload.name === 'ping') return null;
  if (payload.ns !== NS.discoInfo || payload.name !== 'query' || payload.attr('node') !== undefined) return undefined;
  return el(
    'query',
    { xmlns: NS.discoInfo },
    el('identity', { category: 'client', type: platform === 'browser' ? 'web' : 'pc', name: 'Parley' }),
    ...FEATURES.map((name) => el('feature', { var: name })),
  );
}
