/** Messages of the service: to those who have subscribed, and to owners (XEP-0060 §7.1.2, §8.6, §12.20). */
import type { FeatureContext, LocalService, Undo } from '@parley/core';
import { encodeDataForm, encodeDelay, NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, escapeAttr, parseElement } from '@parley/xml';
import { approvalForm } from '../approval.ts';
import { itemText, type NodeEvents } from '../events.ts';
import { expired, whyNotRead } from '../rules.ts';
import type { PepNode, StoredItem } from '../store.ts';
import { ownersOf, visitorOf } from './call.ts';

/** Messages that are sent without a pause. */
const SLICE = 200;
const PAUSE_MS = 5;
/** Events that may still have to be told before more is taken. */
const MOST_WAITING = 100;

interface Job {
  readonly node: PepNode;
  readonly type: string | undefined;
  readonly event: Element;
  readonly to: string[];
}

export class PubsubEvents implements NodeEvents {
  readonly #ctx: FeatureContext<object>;
  readonly #service: () => LocalService;
  readonly #jobs: Job[] = [];
  #timer: Undo | undefined;

  constructor(ctx: FeatureContext<object>, service: () => LocalService) {
    this.#ctx = ctx;
    this.#service = service;
    ctx.defer(() => this.#timer?.());
  }

  /** More must wait until this is told. */
  get behind(): boolean {
    return this.#jobs.length >= MOST_WAITING;
  }

  tell(_account: AccountRecord, node: PepNode, content: string): void {
    const to = node.subscriptions.flatMap(({ jid, state }) => (state === 'subscribed' ? [jid] : []));
    if (to.length === 0) return;
    const { notification_type: type } = node.config;
    this.#jobs.push({ node, type: type === 'normal' ? undefined : type, event: eventOf(content), to: to.reverse() });
    if (this.#timer === undefined) this.#work();
  }

  tellItem(account: AccountRecord, node: PepNode, item: StoredItem): void {
    if (!node.config.deliver_notifications) return;
    this.tell(account, node, `<items node="${escapeAttr(node.name)}">${itemText(item, node.config.deliver_payloads)}</items>`);
  }

  tellRetracted(account: AccountRecord, node: PepNode, ids: readonly string[]): void {
    if (!node.config.deliver_notifications || ids.length === 0) return;
    const inner = ids.map((id) => `<retract id="${escapeAttr(id)}"/>`).join('');
    this.tell(account, node, `<items node="${escapeAttr(node.name)}">${inner}</items>`);
  }

  /** In the order of the changes; with a pause, so that a node with many subscribers keeps nobody waiting. */
  readonly #work = (): void => {
    this.#timer = undefined;
    for (let left = SLICE; left > 0; left--) {
      const [job] = this.#jobs;
      if (job === undefined) return;
      const jid = job.to.pop();
      if (jid === undefined) {
        this.#jobs.shift();
        continue;
      }
      // Who may read is looked at when it is told: meanwhile somebody may have been banned.
      if (whyNotRead(job.node.config, visitorOf(job.node, jid.split('/', 1)[0] as string)) === undefined)
        this.#send(jid, job.type, job.event);
    }
    if (this.#jobs.length > 0) this.#timer = this.#ctx.clock.after(PAUSE_MS, this.#work);
  };

  /** The last item to who has just subscribed. */
  last(node: PepNode, jid: string, item: StoredItem): void {
    if (!node.config.deliver_notifications || expired(node.config, item.at, this.#ctx.clock.now())) return;
    const items = `<items node="${escapeAttr(node.name)}">${itemText(item, node.config.deliver_payloads)}</items>`;
    this.#send(jid, node.config.notification_type === 'normal' ? undefined : 'headline', eventOf(items), encodeDelay({ stamp: item.at }));
  }

  subscription(to: string, node: string, jid: string, state: string): void {
    this.#send(to, 'headline', el('event', { xmlns: NS.pubsubEvent }, el('subscription', { node, jid, subscription: state })));
  }

  /** §8.6; kept until a device of the owner has it. */
  askOwners(node: PepNode, jid: string): void {
    const form = encodeDataForm(approvalForm(node.name, jid));
    for (const owner of ownersOf(node)) this.#send(owner, undefined, form, el('store', { xmlns: NS.hints }));
  }

  #send(to: string, type: string | undefined, ...inside: Element[]): void {
    const service = this.#service();
    let id = 'ps-';
    for (const byte of this.#ctx.random.bytes(9)) id += byte.toString(16).padStart(2, '0');
    const done = service.send(el('message', { from: service.domain, to, type, id }, ...inside));
    if (done instanceof Promise) done.catch((error: unknown) => this.#ctx.log.error('pubsub_event_failed', { error }));
  }
}

const eventOf = (content: string): Element => parseElement(`<event xmlns="${NS.pubsubEvent}">${content}</event>`);
