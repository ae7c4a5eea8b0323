/** One request to a node of the service (XEP-0060): nodes have owners among people, and nobody's roster has a say. */
import { type Jid, pubsubError, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../../awaitable.ts';
import { type Asking, PepCall, type PepParts } from '../call.ts';
import type { AccessModel, NodeConfig } from '../config.ts';
import { type Affiliation, nodeName, type Visitor } from '../rules.ts';
import type { AccountNodes, PepNode } from '../store.ts';
import type { PubsubEvents } from './events.ts';

export const MODELS: readonly AccessModel[] = ['open', 'authorize', 'whitelist'];
export const AFFILIATIONS: readonly string[] = ['owner', 'publisher', 'member', 'outcast', 'none'];

/** What the operator allows. */
export interface PubsubRules {
  readonly create: string;
  readonly nodesPerAccount: number;
}

export function ownersOf(node: PepNode): string[] {
  return [...node.affiliations].flatMap(([bare, affiliation]) => (affiliation === 'owner' ? [bare] : []));
}

export function visitorOf(node: PepNode | undefined, bare: string): Visitor {
  // What is answered tells no secrets of people here: everybody is told like a contact.
  return { affiliation: node?.affiliations.get(bare) ?? 'none', subscribed: node?.hasSubscriber(bare) ?? false, contact: true, groups: [] };
}

export class PubsubCall extends PepCall {
  readonly #events: PubsubEvents;
  readonly #rules: PubsubRules;

  constructor(parts: PepParts & { readonly events: PubsubEvents }, asking: Asking, nodes: AccountNodes, rules: PubsubRules) {
    super(parts, asking, nodes, undefined);
    this.#events = parts.events;
    this.#rules = rules;
  }

  override get by(): undefined {
    return undefined;
  }
  override get publisher(): string {
    return this.bare;
  }
  override isOwner(node?: PepNode): boolean {
    return node?.affiliations.get(this.bare) === 'owner';
  }
  override isContact(): boolean {
    return false;
  }
  override visitor(node: PepNode | undefined): Visitor {
    return visitorOf(node, this.bare);
  }
  override missing(): StanzaError {
    return new StanzaError('item-not-found');
  }
  override demandOwner(): void {}
  override ownNode(element: Element): PepNode {
    const node = this.nodes.get(nodeName(element.attr('node')));
    if (node === undefined) throw new StanzaError('item-not-found');
    if (!this.isOwner(node)) throw new StanzaError('forbidden');
    return node;
  }
  override demandCreator(): void {
    const { session } = this.asking;
    const stranger = session !== undefined && session.account.domain !== this.parts.ctx.host;
    if (this.#rules.create !== 'anyone' || stranger) throw new StanzaError('forbidden', { text: 'Nodes are made by nobody here.' });
    let mine = 0;
    for (const node of this.nodes.all()) if (this.isOwner(node)) mine++;
    if (mine >= this.#rules.nodesPerAccount)
      throw pubsubError('policy-violation', 'max-nodes-exceeded', {
        text: `Nobody has more than ${this.#rules.nodesPerAccount} nodes here.`,
      });
  }
  override get makesByPublishing(): boolean {
    return false;
  }
  override made(node: PepNode): void {
    node.affiliations.set(this.bare, 'owner');
    this.nodes.save(node);
  }
  override checkConfig({ access_model }: Partial<NodeConfig>): void {
    if (access_model !== undefined && !MODELS.includes(access_model)) throw pubsubError('not-acceptable', 'unsupported-access-model');
  }
  override get accessModels(): readonly AccessModel[] {
    return MODELS;
  }
  override impliedOwners(): readonly string[] {
    return [];
  }
  override get givenAffiliations(): readonly string[] {
    return AFFILIATIONS;
  }
  override checkAffiliations(list: ReadonlyMap<string, Affiliation>): void {
    if (![...list.values()].includes('owner')) throw new StanzaError('not-acceptable', { text: 'A node has at least one owner.' });
  }
  /** Components may read and publish, too. */
  override isHere(jid: Jid): boolean {
    const { host } = this.parts.ctx;
    return (this.parts.ctx.serves(jid.domain) && jid.local !== '') || jid.domain.endsWith(`.${host}`);
  }
  override countChange(changes = 1): void {
    if (this.#events.behind)
      throw new StanzaError('resource-constraint', { type: 'wait', text: 'Much is still to be told; try again in a moment.' });
    super.countChange(changes);
  }

  override welcome(node: PepNode, jid: string): Awaitable<void> {
    if (node.config.send_last_published_item === 'never') return;
    return whenReady(this.nodes.lastItem(node), (item) => {
      if (item !== undefined) this.#events.last(node, jid, item);
    });
  }
  override askForApproval(node: PepNode, jid: string): void {
    this.#events.askOwners(node, jid);
  }
  override tellOwner(node: PepNode, jid: string, state: string): void {
    for (const owner of ownersOf(node)) this.#events.subscription(owner, node.name, jid, state);
  }
}
