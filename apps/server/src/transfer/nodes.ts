/** Nodes of the pubsub service: written as XEP-0227 §4.8 writes those of a user, in an element of ours (docs/protocol/transfer.md). */
import { type PubsubTransfer, pubsubTransfer } from '@parley/features/pep/service';
import { decodeDataForm, encodeDataForm, Jid, NS, StanzaError } from '@parley/protocol';
import type { KeyValueStore } from '@parley/storage';
import { type Element, el, escapeAttr, serialize } from '@parley/xml';
import type { Host } from '../engine.ts';
import { PUBSUB, PUBSUB_OWNER, TRANSFER, type TransferCounts } from './format.ts';
import type { ExportOutput } from './output.ts';

export async function exportNodes(engine: Host, out: ExportOutput, counts: TransferCounts): Promise<void> {
  const service = engine.features.service(pubsubTransfer);
  const names = (await service?.names()) ?? [];
  if (service === undefined || names.length === 0) return;
  await out.text(`<nodes xmlns="${TRANSFER}" jid="${escapeAttr(service.domain)}">\n`);
  for (const node of names) {
    const found = await service.read(node);
    if (found === undefined) continue;
    const { config, affiliations, subscriptions, items } = found;
    const owned = [
      el('configure', { node }, encodeDataForm({ ...config, type: 'submit' })),
      el('affiliations', { node }, ...affiliations.map(([jid, affiliation]) => el('affiliation', { jid, affiliation }))),
      el('subscriptions', { node }, ...subscriptions.map(([jid, subscription]) => el('subscription', { jid, subscription }))),
    ];
    await out.text(`${serialize(el('pubsub', { xmlns: PUBSUB_OWNER }, ...owned), TRANSFER)}\n`);
    await out.text(`<pubsub xmlns="${PUBSUB}">\n<items node="${escapeAttr(node)}">\n`);
    for (const { id, by, payload } of items)
      await out.text(`${serialize(el('item', { xmlns: PUBSUB, id, publisher: by }, payload), PUBSUB)}\n`);
    await out.text('</items>\n</pubsub>\n');
    counts.serviceNodes++;
    counts.serviceItems += items.length;
  }
  await out.text('</nodes>\n');
}

export class NodesImport {
  readonly #service: PubsubTransfer;
  readonly #marks: KeyValueStore;
  readonly #mark: string;
  /** A run before this one broke off: what it made is made whole. */
  readonly #again: boolean;
  readonly #result: { readonly counts: TransferCounts; readonly there: string[] };
  readonly #left: (what: string) => void;
  /** Those of this run. */
  readonly #mine = new Set<string>();
  readonly #known: ReadonlySet<string>;
  #node = '';

  private constructor(
    service: PubsubTransfer,
    known: readonly string[],
    marks: KeyValueStore,
    again: boolean,
    result: { readonly counts: TransferCounts; readonly there: string[] },
    left: (what: string) => void,
  ) {
    this.#service = service;
    this.#known = new Set(known);
    this.#marks = marks;
    this.#mark = `nodes ${service.domain}`;
    this.#again = again;
    this.#result = result;
    this.#left = left;
    marks.set(0, this.#mark, '1');
  }

  /** undefined when the service is off here, or elsewhere. */
  static async begin(
    engine: Host,
    jid: string,
    marks: KeyValueStore,
    result: { readonly counts: TransferCounts; readonly there: string[] },
    left: (what: string) => void,
  ): Promise<NodesImport | undefined> {
    const service = engine.features.service(pubsubTransfer);
    if (service === undefined || Jid.tryParse(jid)?.domain !== service.domain) {
      left(
        `nodes of ${jid}: ${service === undefined ? 'the pubsub service is off here' : `those of this server are at ${service.domain}`}`,
      );
      return undefined;
    }
    const again = (await marks.get(0, `nodes ${service.domain}`)) !== undefined;
    return new NodesImport(service, await service.names(), marks, again, result, left);
  }

  enter(element: Element): void {
    if (element.name === 'items') this.#node = element.attr('node') ?? '';
  }

  async take(element: Element, within: string): Promise<void> {
    const about = within === 'items' ? this.#node : (element.child('configure')?.attr('node') ?? '');
    try {
      if (within === 'items') await this.#item(element);
      else await this.#owned(about, element);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#left(`the node "${about.slice(0, 100)}" of ${this.#service.domain}: ${error.text ?? error.condition}`);
    }
  }

  async #owned(node: string, owned: Element): Promise<void> {
    if (this.#known.has(node) && !this.#again) return void this.#result.there.push(`${this.#service.domain} ${node}`);
    const list = (name: string, entry: string, state: string): [string, string][] =>
      (owned.child(name)?.childrenNamed(entry) ?? []).map((one) => [one.attr('jid') ?? '', one.attr(state) ?? '']);
    const config = decodeDataForm(owned.child('configure')?.child('x', NS.dataForms));
    const { left } = await this.#service.restore(node, {
      ...(config === undefined ? undefined : { config }),
      affiliations: list('affiliations', 'affiliation', 'affiliation'),
      subscriptions: list('subscriptions', 'subscription', 'subscription'),
    });
    for (const what of left) this.#left(what);
    this.#mine.add(node);
    this.#result.counts.serviceNodes++;
  }

  async #item(item: Element): Promise<void> {
    if (!this.#mine.has(this.#node)) return;
    const [payload] = item.elements();
    const publisher = Jid.tryParse(item.attr('publisher') ?? '')?.bare;
    await this.#service.publish(this.#node, {
      id: item.attr('id') ?? '',
      ...(payload === undefined ? undefined : { payload }),
      ...(publisher === undefined ? undefined : { publisher }),
    });
    this.#result.counts.serviceItems++;
  }

  finish(): void {
    this.#marks.delete(0, this.#mark);
  }
}
