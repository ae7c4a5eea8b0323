import { defineService, type Session } from '@parley/core';
import type { DataForm } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { NodeConfig } from './config.ts';

export type { AccessModel, NodeConfig } from './config.ts';

export interface PepItem {
  readonly id: string;
  readonly payload: Element | undefined;
  /** When it was published, milliseconds since the epoch. */
  readonly at: number;
}
export interface PepChange {
  readonly account: AccountRecord;
  readonly node: string;
  /** The session that published or retracted; undefined when the server itself did (`publishAs`). */
  readonly by: Session | undefined;
}
export interface PepPublished extends PepChange {
  readonly item: PepItem;
  /** Of the node. */
  readonly access: NodeConfig['access_model'];
}
export interface PepRetracted extends PepChange {
  readonly ids: readonly string[];
}
/** Handlers run before the commit: what they write is durable together with the change, or not at all. They cannot refuse it. */
export type PepHandler<E> = (event: E) => Awaitable<void>;

/** Lent by the pep feature: the personal nodes of accounts (XEP-0163), without regard to access models. */
export interface Pep {
  /** Items of a node, oldest first; none when the node is not there. */
  itemsOf(account: AccountRecord, node: string): Awaitable<PepItem[]>;
  item(account: AccountRecord, node: string, id: string): Awaitable<PepItem | undefined>;
  /** The newest one. */
  lastItem(account: AccountRecord, node: string): Awaitable<PepItem | undefined>;
  /** undefined when the node is not there. */
  configOf(account: AccountRecord, node: string): Awaitable<NodeConfig | undefined>;
  /**
   * Publishes in the name of the owner, making the node when it is not there (with `config` over its defaults). The write joins
   * the group commit, and events go out after it. Throws StanzaError at the limits that hold for clients too.
   */
  publishAs(
    account: AccountRecord,
    node: string,
    item: { id?: string; payload?: Element; publisher?: string },
    options?: { config?: Partial<NodeConfig>; by?: Session },
  ): Awaitable<string>;
  /** Takes items out that are there; answers how many. Subscribers are told when `notify`. */
  retractAs(account: AccountRecord, node: string, ids: readonly string[], options?: { notify?: boolean; by?: Session }): Awaitable<number>;
  /** Called after each publication at this node, of any account. */
  onPublished(node: string, handle: PepHandler<PepPublished>): void;
  /** Called when items of this node were retracted, purged, or deleted with it; not when newer ones displaced them. */
  onRetracted(node: string, handle: PepHandler<PepRetracted>): void;
  /** Configuration that this node has when it is made without any (over XEP-0163 §5). */
  defaults(node: string, config: Partial<NodeConfig>): void;
}

/** A node as an export of another server has it (XEP-0227 §4.8). */
export interface NodeRestore {
  /** `pubsub#node_config`; what is not understood is left alone. Without one the node is for its owner alone. */
  readonly config?: DataForm;
  /** Bare JID and affiliation, as text from elsewhere. */
  readonly affiliations?: ReadonlyArray<readonly [jid: string, affiliation: string]>;
  /** Bare or full JID and state. */
  readonly subscriptions?: ReadonlyArray<readonly [jid: string, state: string]>;
}
export interface Restored {
  readonly affiliations: number;
  readonly subscriptions: number;
  /** What could not be taken. */
  readonly left: readonly string[];
}
/** Lent by the pep feature to the import of a whole server: nobody is told of anything. */
export interface NodeTransfer {
  /** Makes the node when it is not there. Throws StanzaError at the limits that hold for clients too. */
  restore(account: AccountRecord, node: string, from: NodeRestore): Awaitable<Restored>;
}
export const nodeTransfer = defineService<NodeTransfer>('node-transfer');

/** Lent by the pubsub service, when it is on, to the export and import of a whole server. */
export interface PubsubTransfer {
  /** Where the service is. */
  readonly domain: string;
  names(): Awaitable<string[]>;
  /** undefined when it has gone. */
  read(
    node: string,
  ): Awaitable<(Required<NodeRestore> & { readonly items: ReadonlyArray<PepItem & { readonly by: string | undefined }> }) | undefined>;
  /** Throws StanzaError; nobody is told of anything. */
  restore(node: string, from: NodeRestore): Awaitable<Restored>;
  publish(node: string, item: { readonly id: string; readonly payload?: Element; readonly publisher?: string }): Awaitable<void>;
}
export const pubsubTransfer = defineService<PubsubTransfer>('pubsub-transfer');
export const pep = defineService<Pep>('pep');
