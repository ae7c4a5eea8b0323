/** Nodes, how far they are, their items and their subscriptions: four tables of an account. Whoever changes something does so without a pause in between. */
import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { Cache } from '../cache.ts';
import { DEFAULT_CONFIG, differences, type NodeConfig } from './config.ts';
import type { Affiliation } from './rules.ts';

/** What an owner decides about a node: rarely written. Rows of the first version also hold its progress. */
export interface NodeRow extends Partial<ProgressRow> {
  readonly config: Partial<NodeConfig>;
  readonly affiliations: Readonly<Record<string, Affiliation>>;
}
/** What changes with each publication. */
export interface ProgressRow {
  /** Of the next item; they are in the order of publication. */
  readonly next: number;
  readonly last?: string | undefined;
  readonly count: number;
  /** Of all items, by `costOf`. */
  readonly size: number;
}
export interface Subscription {
  /** Bare or full. */
  readonly jid: string;
  readonly state: 'subscribed' | 'pending';
}
export interface ItemRow {
  readonly n: number;
  readonly at: number;
  /** Bare JID of the publisher; absent when it is the owner. */
  readonly by?: string;
  /** XML with every namespace declared; '' for an item without payload. */
  readonly xml: string;
}
export interface StoredItem extends ItemRow {
  readonly id: string;
}

/** What a stored item costs beside its id and its payload. */
const ITEM_COST = 64;
/** What counts against the bound of the account: an id is as good a place to put things as a payload. */
export const costOf = (id: string, xml: string): number => ITEM_COST + id.length + xml.length;

const bareText = (jid: string): string => jid.split('/', 1)[0] as string;

/** No XML text holds it. */
const SEPARATOR = '\u0001';
const keyOf = (node: string, id: string): string => node + SEPARATOR + id;

export class PepNode {
  readonly name: string;
  config: NodeConfig;
  readonly affiliations: Map<string, Affiliation>;
  #subscriptions: readonly Subscription[];
  #subscribers: ReadonlySet<string> | undefined;
  next: number;
  last: string | undefined;
  count: number;
  size: number;
  /** Ids and costs of the items, oldest first; read when first needed. */
  order: Map<string, number> | undefined = undefined;

  constructor(name: string, row: NodeRow, subscriptions: readonly Subscription[], progress: Partial<ProgressRow> = row) {
    this.name = name;
    this.config = { ...DEFAULT_CONFIG, ...row.config };
    this.affiliations = new Map(Object.entries(row.affiliations));
    this.#subscriptions = subscriptions;
    this.next = progress.next ?? 1;
    this.last = progress.last;
    this.count = progress.count ?? 0;
    this.size = progress.size ?? 0;
  }

  get subscriptions(): readonly Subscription[] {
    return this.#subscriptions;
  }
  set subscriptions(subscriptions: readonly Subscription[]) {
    this.#subscriptions = subscriptions;
    this.#subscribers = undefined;
  }
  /** Whether this bare JID has a subscription in force. Asked for each of them at each event. */
  hasSubscriber(bare: string): boolean {
    if (this.#subscriptions.length === 0) return false;
    this.#subscribers ??= new Set(this.#subscriptions.filter(({ state }) => state === 'subscribed').map(({ jid }) => bareText(jid)));
    return this.#subscribers.has(bare);
  }
}

export interface PepTables {
  readonly nodes: Table<NodeRow>;
  readonly progress: Table<ProgressRow>;
  readonly items: Table<ItemRow>;
  readonly subscriptions: Table<readonly Subscription[]>;
}

/** The nodes of one account. */
export class AccountNodes {
  readonly account: number;
  readonly #tables: PepTables;
  readonly #nodes = new Map<string, PepNode>();

  constructor(
    account: number,
    tables: PepTables,
    rows: ReadonlyArray<{ key: string; value: NodeRow }>,
    subscriptions: ReadonlyArray<{ key: string; value: readonly Subscription[] }>,
    progress: ReadonlyArray<{ key: string; value: ProgressRow }> = [],
  ) {
    this.account = account;
    this.#tables = tables;
    const lists = new Map(subscriptions.map(({ key, value }) => [key, value]));
    const far = new Map(progress.map(({ key, value }) => [key, value]));
    for (const { key, value } of rows) this.#nodes.set(key, new PepNode(key, value, lists.get(key) ?? [], far.get(key)));
  }

  get count(): number {
    return this.#nodes.size;
  }
  get size(): number {
    let size = 0;
    for (const node of this.#nodes.values()) size += node.size;
    return size;
  }
  get(name: string): PepNode | undefined {
    return this.#nodes.get(name);
  }
  all(): Iterable<PepNode> {
    return this.#nodes.values();
  }

  create(name: string, config: NodeConfig): PepNode {
    const node = new PepNode(name, { config, affiliations: {}, next: 1, last: undefined, count: 0, size: 0 }, []);
    node.order = new Map();
    this.#nodes.set(name, node);
    this.save(node);
    this.saveProgress(node);
    return node;
  }

  /** Writes configuration and affiliations. */
  save(node: PepNode): void {
    const affiliations = Object.fromEntries(node.affiliations);
    this.#tables.nodes.set(this.account, node.name, { config: differences(node.config), affiliations });
    // A row of the first version held the progress as well.
    if (node.count > 0) this.saveProgress(node);
  }

  /** Writes what items have changed: one small row, whatever the node's lists are. */
  saveProgress(node: PepNode): void {
    const { next, last, count, size } = node;
    this.#tables.progress.set(this.account, node.name, { next, count, size, ...(last === undefined ? undefined : { last }) });
  }

  saveSubscriptions(node: PepNode, subscriptions: readonly Subscription[]): void {
    node.subscriptions = subscriptions;
    if (subscriptions.length === 0) this.#tables.subscriptions.delete(this.account, node.name);
    else this.#tables.subscriptions.set(this.account, node.name, subscriptions);
  }

  /** Brings the order of the items into memory; everything that changes items needs it there. */
  withOrder(node: PepNode): Awaitable<Map<string, number>> {
    if (node.order !== undefined) return node.order;
    return whenReady(this.items(node), (items) => (node.order ??= new Map(items.map(({ id, xml }) => [id, costOf(id, xml)]))));
  }

  /** All items, oldest first. */
  items(node: PepNode): Awaitable<StoredItem[]> {
    if (node.count === 0) return [];
    const prefix = node.name + SEPARATOR;
    return whenReady(this.#tables.items.list(this.account, prefix), (rows) =>
      rows.map(({ key, value }) => ({ ...value, id: key.slice(prefix.length) })).sort((a, b) => a.n - b.n),
    );
  }

  item(node: PepNode, id: string): Awaitable<StoredItem | undefined> {
    if (node.count === 0) return undefined;
    return whenReady(this.#tables.items.get(this.account, keyOf(node.name, id)), (row) => (row === undefined ? undefined : { ...row, id }));
  }

  lastItem(node: PepNode): Awaitable<StoredItem | undefined> {
    return node.last === undefined ? undefined : this.item(node, node.last);
  }

  /** Needs the order; the node itself is written by `saveProgress`. */
  put(node: PepNode, order: Map<string, number>, item: { id: string; at: number; by?: string; xml: string }): StoredItem {
    const row: ItemRow = { n: node.next++, at: item.at, by: item.by, xml: item.xml };
    const cost = costOf(item.id, item.xml);
    node.size += cost - (order.get(item.id) ?? 0);
    order.delete(item.id);
    order.set(item.id, cost);
    node.count = order.size;
    node.last = item.id;
    this.#tables.items.set(this.account, keyOf(node.name, item.id), row);
    return { ...row, id: item.id };
  }

  /** Needs the order; the node itself is written by `saveProgress`. */
  drop(node: PepNode, order: Map<string, number>, id: string): void {
    node.size -= order.get(id) ?? 0;
    order.delete(id);
    node.count = order.size;
    if (node.last === id) {
      node.last = undefined;
      for (const left of order.keys()) node.last = left;
    }
    this.#tables.items.delete(this.account, keyOf(node.name, id));
  }

  /** Needs the order. */
  remove(node: PepNode, order: Map<string, number>): void {
    for (const id of [...order.keys()]) this.drop(node, order, id);
    this.#nodes.delete(node.name);
    this.#tables.nodes.delete(this.account, node.name);
    this.#tables.progress.delete(this.account, node.name);
    this.#tables.subscriptions.delete(this.account, node.name);
  }
}

/** The nodes of all accounts; those that were used lately are in memory. */
export class PepStore {
  readonly #tables: PepTables;
  readonly #cache: Cache<number, Awaitable<AccountNodes>>;

  constructor(tables: PepTables, cachedAccounts: number) {
    this.#tables = tables;
    this.#cache = new Cache(cachedAccounts);
  }

  of(account: number): Awaitable<AccountNodes> {
    const cached = this.#cache.get(account);
    if (cached !== undefined) return cached;
    const loaded = whenReady(this.#tables.nodes.list(account), (rows) =>
      rows.length === 0
        ? new AccountNodes(account, this.#tables, rows, [])
        : whenReady(this.#tables.subscriptions.list(account), (lists) =>
            whenReady(this.#tables.progress.list(account), (progress) => new AccountNodes(account, this.#tables, rows, lists, progress)),
          ),
    );
    this.#cache.set(account, loaded);
    if (loaded instanceof Promise)
      loaded.then(
        (nodes) => this.#cache.set(account, nodes),
        () => this.#cache.delete(account),
      );
    return loaded;
  }

  /** Drops what is remembered, so that it is read anew: a commit was refused, or the account is gone. */
  forget(account: number): void {
    this.#cache.delete(account);
  }
}
