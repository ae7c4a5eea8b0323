/** Nodes of another server's export (XEP-0227 §4.8): configuration, affiliations and subscriptions, without telling anybody. */
import { Jid, NODE_CONFIG } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import type { PepParts } from './call.ts';
import { type NodeConfig, readForm } from './config.ts';
import { bareOf } from './events.ts';
import { type Affiliation, GIVEN_AFFILIATIONS, nodeName } from './rules.ts';
import type { NodeRestore, NodeTransfer, Restored } from './service.ts';
import type { AccountNodes, Subscription } from './store.ts';

export function nodeTransferOf(parts: PepParts): NodeTransfer {
  return {
    restore: (account, node, from) =>
      whenReady(parts.store.of(account.id), (nodes) => restore(parts, account, nodes, nodeName(node), from)),
  };
}

/** What was kept from others stays kept from others. */
const PRIVATE: Partial<NodeConfig> = { access_model: 'whitelist' };

/** Whom a node may be about, and as what; nodes of the service have owners among them. */
interface Allowed {
  readonly affiliations: readonly string[];
  isHere(jid: Jid): boolean;
}

export function restore(
  parts: PepParts,
  account: AccountRecord,
  nodes: AccountNodes,
  name: string,
  from: NodeRestore,
  allowed: Allowed = { affiliations: GIVEN_AFFILIATIONS, isHere: (jid) => jid.local !== '' && jid.domain === parts.ctx.host },
): Awaitable<Restored> {
  const { pep } = parts;
  const left: string[] = [];
  const own = bareOf(account);
  // Prosody writes a field without a value for what nobody has set.
  const fields = from.config?.fields.filter(({ values }) => values.some((value) => value !== ''));
  const read = from.config === undefined ? undefined : readForm({ ...from.config, fields: fields ?? [] }, NODE_CONFIG);
  for (const field of read?.wrong ?? []) left.push(`${field} of the node ${name}`);
  // An access model that is not known here may have been a stricter one than the default.
  const config = { ...PRIVATE, ...read?.values };
  const local = (text: string): Jid | undefined => {
    const jid = Jid.tryParse(text);
    return jid === undefined || !allowed.isHere(jid) ? undefined : jid;
  };
  const affiliations = new Map<string, Affiliation>();
  for (const [text, affiliation] of from.affiliations ?? []) {
    const jid = local(text);
    if (jid?.bare === own || affiliation === 'none') continue;
    if (jid === undefined || !allowed.affiliations.includes(affiliation) || affiliations.size >= pep.limits.maxAffiliations)
      left.push(`the affiliation of ${text} with the node ${name}`);
    else affiliations.set(jid.bare, affiliation as Affiliation);
  }
  const subscriptions = new Map<string, Subscription>();
  for (const [text, state] of from.subscriptions ?? []) {
    const jid = local(text);
    if (state === 'none') continue;
    if (jid === undefined || (state !== 'subscribed' && state !== 'pending') || subscriptions.size >= pep.limits.maxSubscriptions)
      left.push(`the subscription of ${text} to the node ${name}`);
    else subscriptions.set(jid.toString(), { jid: jid.toString(), state });
  }
  return whenReady(nodes.get(name) ?? pep.create(account, nodes, name, config), (node): Restored => {
    pep.change(account, () => {
      node.config = { ...node.config, ...config };
      node.affiliations.clear();
      for (const [jid, affiliation] of affiliations) {
        node.affiliations.set(jid, affiliation);
        parts.relate(account.id, jid);
      }
      for (const { jid } of subscriptions.values()) parts.relate(account.id, jid.split('/', 1)[0] as string);
      nodes.save(node);
      nodes.saveSubscriptions(node, [...subscriptions.values()]);
    });
    return { affiliations: affiliations.size, subscriptions: subscriptions.size, left };
  });
}
