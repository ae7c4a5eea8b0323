/** One request to the nodes of an account, with what is needed to judge it. */
import type { FeatureContext, IqCall, Session } from '@parley/core';
import { type Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { type Roster, type Rosters, seesOwner } from '../roster/service.ts';
import { askForApproval, tellOwnerOfSubscriber } from './approval.ts';
import type { AccessModel, NodeConfig } from './config.ts';
import { bareOf, type NodeEvents, type PepEvents, visitorOf } from './events.ts';
import type { PepNodes } from './nodes.ts';
import { type Affiliation, GIVEN_AFFILIATIONS, nodeName, refusal, type Visitor } from './rules.ts';
import type { AccountNodes, PepNode, PepStore, Subscription } from './store.ts';

export interface PepParts {
  readonly ctx: FeatureContext<object>;
  readonly store: PepStore;
  readonly rosters: Rosters;
  readonly events: NodeEvents;
  readonly pep: PepNodes;
  /** Remembers that something is kept about this bare JID, so that it goes when the account of that name goes. */
  readonly relate: (account: number, bare: string) => void;
  /** Tells somebody of a subscription that an owner has changed. */
  readonly tellSubscriber: (account: AccountRecord, node: string, jid: string, state: string) => void;
}

/** What one request is about and who asks; where nodes of accounts and those of a service (`pubsub/`) differ, it is here. */
export interface Asking {
  readonly payload: Element;
  /** Bare JID of who asks. */
  readonly bare: string;
  /** The address that answers go to. */
  readonly address: string;
  /** The owner of all these nodes. */
  readonly account: AccountRecord;
  /** Of a client. */
  readonly session: Session | undefined;
}

export class PepCall {
  readonly parts: PepParts;
  readonly asking: Asking;
  readonly nodes: AccountNodes;
  readonly #roster: Roster | undefined;

  constructor(parts: PepParts, asking: Asking, nodes: AccountNodes, roster: Roster | undefined) {
    this.parts = parts;
    this.asking = asking;
    this.nodes = nodes;
    this.#roster = roster;
  }

  get payload(): Element {
    return this.asking.payload;
  }
  get account(): AccountRecord {
    return this.asking.account;
  }
  /** Bare JID of who asks. */
  get bare(): string {
    return this.asking.bare;
  }
  /** Told to the features that look at this node. */
  get by(): Session | undefined {
    return this.asking.session;
  }
  /** Noted with the item; undefined when it is the account whose node it is. */
  get publisher(): string | undefined {
    return this.isOwner() ? undefined : this.bare;
  }

  /** Of this node; of an account's all nodes are its own. */
  isOwner(_node?: PepNode): boolean {
    return this.bare === bareOf(this.account);
  }

  /** Whether they are subscribed to the owner's presence. */
  isContact(bare: string): boolean {
    return seesOwner(this.#roster?.get(bare));
  }

  visitor(node: PepNode | undefined): Visitor {
    return visitorOf(this.account, this.#roster as Roster, node, this.bare);
  }

  affiliationWith(node: PepNode): Affiliation | undefined {
    return this.isOwner(node) ? 'owner' : node.affiliations.get(this.bare);
  }

  /** The node that the element names. Throws when it is not there, in a way that tells strangers nothing. */
  node(element: Element): PepNode {
    const name = nodeName(element.attr('node'));
    const node = this.nodes.get(name);
    if (node === undefined) throw refusal('missing', this.visitor(undefined));
    return node;
  }

  /** The same for what is the owner's alone. */
  ownNode(element: Element): PepNode {
    const node = this.nodes.get(nodeName(element.attr('node')));
    if (node === undefined) throw new StanzaError('item-not-found');
    return node;
  }

  /** For what is the owner's alone, whichever node it is about. */
  demandOwner(): void {
    if (this.isOwner()) return;
    throw this.visitor(undefined).contact ? new StanzaError('forbidden') : new StanzaError('service-unavailable');
  }

  /** Throws when who asks may not make nodes here. */
  demandCreator(): void {
    this.demandOwner();
  }

  /** What publishing to a node that is not there is refused with. */
  missing(): StanzaError {
    const visitor = this.visitor(undefined);
    return visitor.contact ? new StanzaError('forbidden') : refusal('missing', visitor);
  }

  /** Whether publishing to a node that is not there makes it. */
  get makesByPublishing(): boolean {
    return this.isOwner();
  }

  /** It was just made by who asks; joins that write. */
  made(_node: PepNode): void {}

  /** Throws for a configuration that makes no sense here. */
  checkConfig(_config: Partial<NodeConfig>): void {}

  /** Access models that a form offers; undefined for all. */
  get accessModels(): readonly AccessModel[] | undefined {
    return undefined;
  }

  /** Affiliations that are so without being written down. */
  impliedOwners(): readonly string[] {
    return [bareOf(this.account)];
  }

  /** Throws when the whole list may not become so. */
  checkAffiliations(_list: ReadonlyMap<string, Affiliation>): void {}
  get givenAffiliations(): readonly string[] {
    return GIVEN_AFFILIATIONS;
  }

  /** Whether this is an address that can have something to do with nodes here. */
  isHere(jid: Jid): boolean {
    return jid.local !== '' && this.parts.ctx.serves(jid.domain);
  }

  /** Bounds what one account changes in an hour. */
  countChange(changes = 1): void {
    this.parts.pep.countChange(this.asking.session?.account.id ?? this.bare, changes);
  }

  saveSubscriptions(node: PepNode, subscriptions: readonly Subscription[], tell?: () => void): void {
    this.parts.pep.change(this.account, () => this.nodes.saveSubscriptions(node, subscriptions), tell);
  }

  /** §6.1.7: the last item, to who has just subscribed. */
  welcome(node: PepNode, _jid: string): Awaitable<void> {
    const { session } = this.asking;
    if (session !== undefined) return (this.parts.events as PepEvents).welcome(session, session.address, this.account, this.nodes, node);
  }
  askForApproval(node: PepNode, jid: string): void {
    askForApproval(this.parts.ctx, this.account, node.name, jid);
  }
  tellOwner(node: PepNode, jid: string, state: string): void {
    tellOwnerOfSubscriber(this.parts.ctx, this.account, node.name, jid, state);
  }
}

/** Wraps a handler so that it finds all at hand. */
export function withCall(parts: PepParts, answer: (call: PepCall) => Awaitable<Element | undefined>) {
  return ({ account, payload, from }: IqCall): Awaitable<Element | undefined> =>
    whenReady(parts.store.of(account.id), (nodes) =>
      whenReady(parts.rosters.of(account), (roster) =>
        answer(new PepCall(parts, { payload, bare: from.bare, address: from.address, account, session: from }, nodes, roster)),
      ),
    );
}
