/** What is done to nodes, by their owners, by others who may, and by other features. */
import { type FeatureContext, HourlyLimit, type Session } from '@parley/core';
import { pubsubError, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, escapeAttr, parseElement, serialize } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { DEFAULT_CONFIG, type NodeConfig, unmet } from './config.ts';
import type { NodeEvents } from './events.ts';
import { capacity, expired } from './rules.ts';
import type { Pep, PepHandler, PepItem, PepPublished, PepRetracted } from './service.ts';
import { type AccountNodes, costOf, type PepNode, type PepStore, type StoredItem } from './store.ts';

export interface PepLimits {
  readonly maxNodes: number;
  readonly maxItems: number;
  readonly maxItemSize: number;
  readonly maxAccountSize: number;
  readonly maxSubscriptions: number;
  readonly maxAffiliations: number;
  readonly maxChangesPerHour: number;
}

/** In no namespace that a payload can have, so that each payload declares its own. */
const NOWHERE = '\u0000';

export interface Publication {
  readonly id: string | undefined;
  readonly payload: Element | undefined;
  /** Configuration that the node must have, or is made with (XEP-0060 §7.1.5). */
  readonly wanted?: Partial<NodeConfig>;
  /** Configuration for a node that has to be made; nothing is asked of one that is there. */
  readonly config?: Partial<NodeConfig>;
  readonly by?: Session;
  /** Bare JID, when it is known otherwise than by the session. */
  readonly publisher?: string | undefined;
  /** By somebody, not by the server itself. */
  readonly asked?: boolean;
}

export class PepNodes implements Pep {
  readonly #ctx: FeatureContext<object>;
  readonly #store: PepStore;
  readonly #events: NodeEvents;
  readonly limits: PepLimits;
  readonly #published = new Map<string, PepHandler<PepPublished>[]>();
  readonly #retracted = new Map<string, PepHandler<PepRetracted>[]>();
  readonly #defaults = new Map<string, Partial<NodeConfig>>();
  readonly #changes: HourlyLimit;
  /** Over the defaults of XEP-0163. */
  readonly #base: Partial<NodeConfig>;

  constructor(ctx: FeatureContext<object>, store: PepStore, events: NodeEvents, limits: PepLimits, base: Partial<NodeConfig> = {}) {
    this.#ctx = ctx;
    this.#store = store;
    this.#events = events;
    this.limits = limits;
    this.#base = base;
    // The limit is read at each change.
    this.#changes = new HourlyLimit(0);
  }

  // --- for other features ---

  onPublished(node: string, handle: PepHandler<PepPublished>): void {
    this.#published.set(node, [...(this.#published.get(node) ?? []), handle]);
  }
  onRetracted(node: string, handle: PepHandler<PepRetracted>): void {
    this.#retracted.set(node, [...(this.#retracted.get(node) ?? []), handle]);
  }
  defaults(node: string, config: Partial<NodeConfig>): void {
    this.#defaults.set(node, { ...this.#defaults.get(node), ...config });
  }

  itemsOf(account: AccountRecord, node: string): Awaitable<PepItem[]> {
    return whenReady(this.#store.of(account.id), (nodes) => {
      const there = nodes.get(node);
      return there === undefined ? [] : whenReady(this.freshItems(nodes, there), (items) => items.map(asItem));
    });
  }
  item(account: AccountRecord, node: string, id: string): Awaitable<PepItem | undefined> {
    return this.#oneItem(account, node, (nodes, there) => nodes.item(there, id));
  }
  lastItem(account: AccountRecord, node: string): Awaitable<PepItem | undefined> {
    return this.#oneItem(account, node, (nodes, there) => nodes.lastItem(there));
  }
  #oneItem(
    account: AccountRecord,
    name: string,
    read: (nodes: AccountNodes, node: PepNode) => Awaitable<StoredItem | undefined>,
  ): Awaitable<PepItem | undefined> {
    return whenReady(this.#store.of(account.id), (nodes) => {
      const node = nodes.get(name);
      if (node === undefined) return undefined;
      return whenReady(read(nodes, node), (item) =>
        item === undefined || expired(node.config, item.at, this.#ctx.clock.now()) ? undefined : asItem(item),
      );
    });
  }
  configOf(account: AccountRecord, node: string): Awaitable<NodeConfig | undefined> {
    return whenReady(this.#store.of(account.id), (nodes) => nodes.get(node)?.config);
  }
  publishAs(
    account: AccountRecord,
    node: string,
    item: { id?: string; payload?: Element; publisher?: string },
    options: { config?: Partial<NodeConfig>; by?: Session } = {},
  ): Awaitable<string> {
    return whenReady(this.#store.of(account.id), (nodes) =>
      this.publish(account, nodes, node, { ...item, id: item.id, payload: item.payload, config: options.config, by: options.by }),
    );
  }
  retractAs(
    account: AccountRecord,
    node: string,
    ids: readonly string[],
    options: { notify?: boolean; by?: Session } = {},
  ): Awaitable<number> {
    return whenReady(this.#store.of(account.id), (nodes) => {
      const there = nodes.get(node);
      return there === undefined ? 0 : this.retract(account, nodes, there, ids, options.notify === true, options.by);
    });
  }

  // --- reading ---

  /** Items that have not expired, oldest first. */
  freshItems(nodes: AccountNodes, node: PepNode): Awaitable<StoredItem[]> {
    const now = this.#ctx.clock.now();
    return whenReady(nodes.items(node), (items) =>
      node.config.item_expire === 'max' ? items : items.filter(({ at }) => !expired(node.config, at, now)),
    );
  }

  // --- changing; each is one step without a pause once the order of the items is there ---

  /** Bounds what one account changes in an hour. */
  countChange(who: number | string, changes = 1): void {
    this.#changes.perHour = this.limits.maxChangesPerHour;
    for (let i = 0; i < changes; i++)
      if (this.#changes.take(String(who), this.#ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too much was published in a short time; try again later.' });
  }

  create(account: AccountRecord, nodes: AccountNodes, name: string, config: Partial<NodeConfig>): PepNode {
    if (nodes.get(name) !== undefined) throw new StanzaError('conflict', { text: 'There is such a node already.' });
    if (nodes.count >= this.limits.maxNodes)
      throw pubsubError('policy-violation', 'max-nodes-exceeded', { text: `There are at most ${this.limits.maxNodes} nodes here.` });
    return this.#guarded(account, () => nodes.create(name, this.newConfig(name, config)));
  }

  newConfig(name: string, config: Partial<NodeConfig> = {}): NodeConfig {
    return { ...DEFAULT_CONFIG, ...this.#base, ...this.#defaults.get(name), ...config };
  }

  /** A store that refuses a write takes back the whole batch, so what is in memory is read anew. */
  #guarded<T>(account: AccountRecord, write: () => T): T {
    try {
      return write();
    } catch (error) {
      this.#store.forget(account.id);
      throw error;
    }
  }

  /** Writes, and tells when it is durable. */
  change<T>(account: AccountRecord, write: () => T, tell?: (written: T) => void): T {
    const written = this.#guarded(account, write);
    this.#ctx.afterCommit(
      () => tell?.(written),
      () => this.#store.forget(account.id),
    );
    return written;
  }

  /** Publishes one item and answers its id. The node is made when it is not there; whether that may be is checked before. */
  publish(account: AccountRecord, nodes: AccountNodes, name: string, item: Publication): Awaitable<string> {
    const there = nodes.get(name);
    const { wanted = {} } = item;
    const config = there?.config ?? this.newConfig(name, { ...item.config, ...wanted });
    if (there !== undefined) {
      const wrong = unmet(config, wanted);
      if (wrong.length > 0)
        throw pubsubError('conflict', 'precondition-not-met', { text: `The node is configured differently: ${wrong.join(', ')}.` });
    }
    const xml = item.payload === undefined ? '' : this.#payload(config, item.payload);
    if (item.payload === undefined && config.deliver_payloads && config.persist_items && item.asked === true)
      throw pubsubError('bad-request', 'payload-required');
    const id = item.id ?? this.#newId();
    const publisher = item.publisher ?? (item.by === undefined || item.by.account.id === account.id ? undefined : item.by.bare);
    return whenReady(there === undefined ? undefined : nodes.withOrder(there), (order) => {
      const room = capacity(config, this.limits.maxItems);
      if (order !== undefined && room > 0 && config.publish_node_full === 'reject' && order.size >= room && !order.has(id))
        throw pubsubError('conflict', 'node-full');
      if (room > 0 && nodes.size + costOf(id, xml) - (order?.get(id) ?? 0) > this.limits.maxAccountSize)
        throw new StanzaError('resource-constraint', {
          type: 'wait',
          text: `There is room for ${this.limits.maxAccountSize} bytes in all.`,
        });
      const node = there ?? this.create(account, nodes, name, { ...item.config, ...wanted });
      const at = this.#ctx.clock.now();
      if (room === 0) {
        const passing: StoredItem = { n: node.next, at, by: publisher, xml, id };
        this.change(
          account,
          () => {},
          () => this.#events.tellItem(account, node, passing),
        );
        return this.#handled(this.#published.get(name), this.#publishedEvent(account, node, passing, item), id);
      }
      const items = order ?? (node.order as Map<string, number>);
      const displaced: string[] = [];
      const stored = this.change(
        account,
        () => {
          const put = nodes.put(node, items, { id, at, by: publisher, xml });
          for (const oldest of items.keys()) {
            if (items.size <= room) break;
            displaced.push(oldest);
            nodes.drop(node, items, oldest);
          }
          nodes.saveProgress(node);
          return put;
        },
        (put) => {
          this.#events.tellItem(account, node, put);
          // Where there is one item, the new one says it all.
          if (room > 1 && config.notify_retract && config.publish_node_full === 'retract-oldest')
            this.#events.tellRetracted(account, node, displaced);
        },
      );
      return this.#handled(this.#published.get(name), this.#publishedEvent(account, node, stored, item), id);
    });
  }

  #publishedEvent(account: AccountRecord, node: PepNode, stored: StoredItem, { by, payload }: Publication): PepPublished {
    return { account, node: node.name, by, item: { id: stored.id, at: stored.at, payload }, access: node.config.access_model };
  }

  #payload(config: NodeConfig, payload: Element): string {
    const most = config.max_payload_size === 'max' ? this.limits.maxItemSize : Math.min(config.max_payload_size, this.limits.maxItemSize);
    const xml = serialize(payload, NOWHERE);
    if (xml.length > most) throw pubsubError('not-acceptable', 'payload-too-big', { text: `An item holds at most ${most} bytes.` });
    if (config.type !== '' && payload.ns !== config.type) throw pubsubError('bad-request', 'invalid-payload');
    return xml;
  }

  #newId(): string {
    let id = '';
    for (const byte of this.#ctx.random.bytes(12)) id += byte.toString(16).padStart(2, '0');
    return id;
  }

  /** Calls the handlers one after another, then answers. */
  #handled<E, T>(handlers: ReadonlyArray<PepHandler<E>> | undefined, event: E, answer: T): Awaitable<T> {
    if (handlers === undefined) return answer;
    const from = (index: number): Awaitable<T> => {
      const handle = handlers[index];
      return handle === undefined ? answer : whenReady(handle(event), () => from(index + 1));
    };
    return from(0);
  }

  retract(
    account: AccountRecord,
    nodes: AccountNodes,
    node: PepNode,
    ids: readonly string[],
    notify: boolean,
    by: Session | undefined,
  ): Awaitable<number> {
    return whenReady(nodes.withOrder(node), (order) => {
      const there = ids.filter((id) => order.has(id));
      if (there.length === 0) return 0;
      this.change(
        account,
        () => {
          for (const id of there) nodes.drop(node, order, id);
          nodes.saveProgress(node);
        },
        () => {
          if (notify) this.#events.tellRetracted(account, node, there);
        },
      );
      return this.#handled(this.#retracted.get(node.name), { account, node: node.name, ids: there, by }, there.length);
    });
  }

  purge(account: AccountRecord, nodes: AccountNodes, node: PepNode, by: Session | undefined): Awaitable<void> {
    return whenReady(nodes.withOrder(node), (order) => {
      const ids = [...order.keys()];
      this.change(
        account,
        () => {
          for (const id of ids) nodes.drop(node, order, id);
          nodes.saveProgress(node);
        },
        () => {
          if (node.config.deliver_notifications) this.#events.tell(account, node, `<purge node="${escapeAttr(node.name)}"/>`);
        },
      );
      return this.#handled(this.#retracted.get(node.name), { account, node: node.name, ids, by }, undefined);
    });
  }

  remove(account: AccountRecord, nodes: AccountNodes, node: PepNode, by: Session | undefined): Awaitable<void> {
    return whenReady(nodes.withOrder(node), (order) => {
      const ids = [...order.keys()];
      this.change(
        account,
        () => nodes.remove(node, order),
        () => {
          if (node.config.notify_delete) this.#events.tell(account, node, `<delete node="${escapeAttr(node.name)}"/>`);
        },
      );
      return this.#handled(this.#retracted.get(node.name), { account, node: node.name, ids, by }, undefined);
    });
  }
}

function asItem({ id, at, xml }: StoredItem): PepItem {
  return { id, at, payload: xml === '' ? undefined : parseElement(xml) };
}
