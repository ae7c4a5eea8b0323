/** Takes the data of one account of an export. What its own client may not store is left out, and said. */
import { nodeTransfer, pep } from '@parley/features/pep/service';
import { rosters, type Subscription } from '@parley/features/roster/service';
import { type DataForm, decodeDataForm, Jid, NS, parseDateTime, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, serialize } from '@parley/xml';
import type { Host } from '../engine.ts';
import { Appender } from './append.ts';
import { PRIVACY, PUBSUB_OWNER, TRANSFER, type TransferCounts } from './format.ts';
import { FileImport } from './import-file.ts';
import { ReadPlaces } from './import-places.ts';
import { ReachImport } from './import-reach.ts';
import type { More } from './others/more.ts';
import { Requests } from './requests.ts';

const SUBSCRIPTIONS: readonly string[] = ['none', 'to', 'from', 'both'];
const MOST_OFFLINE = 100_000;
/** No device has this name: it stands for all that have had the archive, until the first one comes. */
const ALL_BEFORE = '';

interface Waiting {
  readonly keys: readonly string[];
  readonly message: Element;
  readonly at: number;
}

export class UserImport {
  readonly account: AccountRecord;
  readonly #engine: Host;
  readonly #counts: TransferCounts;
  readonly #left: (what: string) => void;
  readonly #requests: Requests;
  readonly #bare: string;
  /** Names of the wrappers around. */
  readonly #around: Element[] = [];
  readonly #appender: Appender;
  readonly #files: FileImport;
  readonly #places: ReadPlaces;
  readonly #reach: ReachImport;
  readonly #offline: Waiting[] = [];
  /** Archived messages that came for the account, by what an offline message is recognised by. */
  readonly #archived = new Map<string, number>();
  #lastArchived = 0;
  /** What was blocked already: the export and what is beside it may tell the same. */
  readonly #blocked = new Set<string>();

  /** `folder`: that of the file, where uploaded files lie beside it. */
  constructor(engine: Host, account: AccountRecord, folder: string, counts: TransferCounts, left: (what: string) => void) {
    this.#engine = engine;
    this.account = account;
    this.#counts = counts;
    this.#left = left;
    this.#requests = new Requests(engine, account);
    this.#appender = new Appender(engine);
    this.#files = new FileImport(engine, account, folder, counts, left);
    this.#places = new ReadPlaces(engine, account, counts, left);
    this.#reach = new ReachImport(engine, account, counts, left);
    this.#bare = `${account.localpart}@${account.domain}`;
  }

  enter(element: Element): void {
    this.#around.push(element);
  }
  leave(_name: string): void {
    this.#around.pop();
  }

  async take(element: Element): Promise<void> {
    const list = this.#around.at(-1);
    try {
      if (list === undefined) await this.#part(element);
      else if (list.name === 'offline-messages') this.#waits(element);
      else if (list.name === 'archive') await this.#entry(element);
      else if (list.name === 'uploads') await this.#files.take(element);
      else if (list.name === 'items') await this.#item(list.attr('node') ?? '', element);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#left(`<${element.name} xmlns="${element.ns}">: ${error.text ?? error.condition}`);
    }
  }

  async #part(element: Element): Promise<void> {
    switch (`${element.ns} ${element.name}`) {
      case `${NS.roster} query`:
        for (const item of element.childrenNamed('item')) await this.#contact(item);
        return;
      case `${NS.client} presence`:
        return this.#request(element);
      case `${NS.vcard} vCard`:
        if (element.elements().length === 0) return;
        await this.#requests.ask('set', element);
        this.#counts.vCards++;
        return;
      case `${NS.privateStorage} query`:
        for (const one of element.elements()) {
          await this.#requests.ask('set', el('query', { xmlns: NS.privateStorage }, one));
          this.#counts.privateElements++;
        }
        return;
      case `${NS.blocking} blocklist`:
        return this.#block(element.childrenNamed('item').flatMap((item) => item.attr('jid') ?? []));
      case `${PRIVACY} query`:
        return this.#privacy(element);
      case `${NS.mam} prefs`:
        await this.#requests.ask('set', element);
        return;
      case `${TRANSFER} conversation`:
        return this.#places.conversation(element);
      case `${TRANSFER} timer`:
        return this.#places.timer(element);
      case `${TRANSFER} identifier`:
        return this.#reach.identifier(element);
      case `${TRANSFER} push`:
        return this.#reach.push(element);
      case `${PUBSUB_OWNER} pubsub`:
        return this.#nodes(element);
      default:
        this.#left(`<${element.name} xmlns="${element.ns}"> is not known here`);
    }
  }

  async #contact(item: Element): Promise<void> {
    const service = this.#engine.features.service(rosters);
    const jid = Jid.tryParse(item.attr('jid') ?? '');
    if (service === undefined || jid === undefined || jid.resource !== '' || jid.bare === this.#bare)
      return this.#left(`the contact "${item.attr('jid') ?? ''}"`);
    const subscription = item.attr('subscription') ?? 'none';
    if (subscription === 'remove' || !SUBSCRIPTIONS.includes(subscription)) return;
    const roster = await service.of(this.account);
    if (roster.listed >= service.limits.contacts) return this.#left(`the contact ${jid.bare}: the roster is full`);
    service.change(this.account, roster, jid.bare, {
      name: (item.attr('name') ?? '').slice(0, 1023),
      groups: [...new Set(item.childrenNamed('group').map((group) => group.text().slice(0, 1023)))]
        .filter((group) => group !== '')
        .slice(0, 50),
      subscription: subscription as Subscription,
      ask: item.attr('ask') === 'subscribe',
      approved: item.attr('approved') === 'true' || item.attr('approved') === '1',
      listed: true,
    });
    this.#counts.contacts++;
  }

  async #request(presence: Element): Promise<void> {
    const service = this.#engine.features.service(rosters);
    const from = Jid.tryParse(presence.attr('from') ?? '');
    if (service === undefined || presence.attr('type') !== 'subscribe' || from === undefined || from.bare === this.#bare)
      return this.#left('a presence that is no request of somebody');
    const roster = await service.of(this.account);
    if (roster.requests >= service.limits.requests) return this.#left(`the request of ${from.bare}: too many wait`);
    const request = el('presence', { type: 'subscribe', from: from.bare, to: this.#bare, id: presence.attr('id') }, ...presence.elements());
    service.change(this.account, roster, from.bare, { request: serialize(request) });
    this.#counts.requests++;
  }

  async #block(jids: readonly string[]): Promise<void> {
    const more = [...new Set(jids)].filter((jid) => !this.#blocked.has(jid));
    if (more.length === 0) return;
    await this.#requests.ask('set', el('block', { xmlns: NS.blocking }, ...more.map((jid) => el('item', { jid }))));
    for (const jid of more) this.#blocked.add(jid);
    this.#counts.blocked += more.length;
  }

  /** XEP-0016 is gone; what the default list denies to somebody altogether is what XEP-0191 blocks. */
  #privacy(query: Element): Promise<void> {
    const name = query.child('default')?.attr('name');
    const list = query.childrenNamed('list').find((one) => one.attr('name') === name);
    const items = list?.childrenNamed('item') ?? [];
    const denied = items.filter((item) => item.attr('type') === 'jid' && item.attr('action') === 'deny' && item.elements().length === 0);
    if (denied.length < items.filter((item) => item.attr('action') === 'deny').length) this.#left('privacy lists beyond blocking');
    return this.#block(denied.flatMap((item) => item.attr('value') ?? []));
  }

  /** Configuration, affiliations and subscriptions of each node (§4.8.1). */
  async #nodes(owned: Element): Promise<void> {
    const service = this.#engine.features.service(nodeTransfer);
    if (service === undefined) return this.#left('personal nodes: they are off here (features.pep)');
    for (const configure of owned.childrenNamed('configure')) {
      const node = configure.attr('node') ?? '';
      const list = (name: string, entry: string, state: string): [string, string][] => {
        const found = owned.childrenNamed(name).find((one) => one.attr('node') === node);
        return (found?.childrenNamed(entry) ?? []).map((one) => [one.attr('jid') ?? '', one.attr(state) ?? '']);
      };
      const config: DataForm | undefined = decodeDataForm(configure.child('x', NS.dataForms));
      try {
        const { affiliations, subscriptions, left } = await service.restore(this.account, node, {
          ...(config === undefined ? undefined : { config }),
          affiliations: list('affiliations', 'affiliation', 'affiliation'),
          subscriptions: list('subscriptions', 'subscription', 'subscription'),
        });
        for (const what of left) this.#left(what);
        this.#counts.nodes++;
        this.#counts.nodeAffiliations += affiliations;
        this.#counts.nodeSubscriptions += subscriptions;
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error;
        this.#left(`the node "${node}": ${error.text ?? error.condition}`);
      }
    }
  }

  async #item(node: string, item: Element): Promise<void> {
    const service = this.#engine.features.service(pep);
    if (service === undefined) return this.#left('an item of a personal node: they are off here (features.pep)');
    const payloads = item.elements();
    if (node === '' || node.length > 512 || (item.attr('id') ?? 'x').length > 512 || item.attr('id') === '' || payloads.length > 1)
      return this.#left(`an item of the node "${node}"`);
    if (node === NS.mds && this.#places.displayed(item)) {
      this.#counts.items++;
      return;
    }
    const publisher = Jid.tryParse(item.attr('publisher') ?? '')?.bare;
    await service.publishAs(
      this.account,
      node,
      {
        ...(item.attr('id') === undefined ? undefined : { id: item.attr('id') ?? '' }),
        ...(payloads[0] === undefined ? undefined : { payload: payloads[0] }),
        ...(publisher === undefined || publisher === this.#bare ? undefined : { publisher }),
      },
      // What was kept from others stays kept from others: a node whose access nobody told is for its owner alone.
      { config: { access_model: 'whitelist', max_items: 'max' } },
    );
    this.#counts.items++;
  }

  // --- messages ---

  /** From or to the account; undefined for anybody else's. */
  #sides(message: Element): { peer: string; outgoing: boolean } | undefined {
    const from = Jid.tryParse(message.attr('from') ?? this.#bare);
    const to = Jid.tryParse(message.attr('to') ?? this.#bare);
    if (from === undefined || to === undefined || message.name !== 'message') return undefined;
    if (from.bare === this.#bare) return { peer: to.bare, outgoing: to.bare !== this.#bare };
    return to.bare === this.#bare ? { peer: from.bare, outgoing: false } : undefined;
  }

  #keysOf(message: Element, id: string | undefined): string[] {
    const own = message.childrenNamed('stanza-id', NS.sid).find((one) => Jid.tryParse(one.attr('by') ?? '')?.bare === this.#bare);
    const given = id === '' ? own?.attr('id') : (id ?? own?.attr('id'));
    const from = Jid.tryParse(message.attr('from') ?? '')?.bare ?? '';
    return [
      ...(given === undefined ? [] : [`id ${given}`]),
      `text ${from} ${message.attr('id') ?? ''} ${(message.childText('body') ?? '').slice(0, 200)}`,
    ];
  }

  #waits(message: Element, when?: number): void {
    const sides = this.#sides(message);
    if (sides === undefined || sides.outgoing) return this.#left('an offline message that is not for this account');
    if (this.#offline.length >= MOST_OFFLINE) return this.#left('an offline message: there are too many');
    const stamp = message.child('delay', NS.delay)?.attr('stamp');
    const at = when ?? (stamp === undefined ? undefined : parseDateTime(stamp)) ?? this.#engine.core.clock.now();
    this.#offline.push({ keys: this.#keysOf(message, undefined), message, at });
  }

  async #entry(result: Element): Promise<void> {
    const forwarded = result.child('forwarded', NS.forward);
    const message = forwarded?.child('message');
    const at = parseDateTime(forwarded?.child('delay', NS.delay)?.attr('stamp') ?? '');
    if (message === undefined || at === undefined) return this.#left('an archived message that is not of this account');
    return this.#archive(result.attr('id') ?? '', at, message);
  }

  async #archive(id: string, at: number, message: Element): Promise<void> {
    const sides = this.#sides(message);
    if (sides === undefined || message.attr('type') === 'groupchat') return this.#left('an archived message that is not of this account');
    const seq = await this.#appender.append(message, at, { mailbox: this.account.id, ...sides });
    this.#lastArchived = seq;
    this.#counts.archived++;
    this.#places.passed(id, seq, sides);
    if (sides.outgoing) return;
    for (const key of this.#keysOf(message, id)) this.#archived.set(key, seq);
    // What waits is among the newest.
    for (const key of this.#archived.keys()) {
      if (this.#archived.size <= 2 * MOST_OFFLINE) break;
      this.#archived.delete(key);
    }
  }

  /** What the other server has and did not export. */
  async more(more: More): Promise<void> {
    for await (const { kind, at, message, ...rest } of more.of(this.account.localpart, this.#left)) {
      if (kind === 'waiting') this.#waits(message, at);
      else await this.#archive('id' in rest ? rest.id : '', at, message);
    }
    try {
      await this.#block(await more.blocked(this.account.localpart, this.#left));
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#left(`the blocked addresses: ${error.text ?? error.condition}`);
    }
  }

  /** Everything was read: what was delivered there is delivered here, what waited there waits here. */
  async finish(): Promise<void> {
    let first = Number.POSITIVE_INFINITY;
    const rest: Waiting[] = [];
    for (const waiting of this.#offline) {
      const key = waiting.keys.find((one) => this.#archived.has(one));
      if (key === undefined) rest.push(waiting);
      else first = Math.min(first, this.#archived.get(key) as number);
    }
    this.#counts.offline += this.#offline.length;
    const delivered = Math.min(first - 1, this.#lastArchived);
    if (delivered > 0)
      this.#engine.storage.mailboxes.setCursor(this.account.id, {
        device: ALL_BEFORE,
        seq: delivered,
        seenAt: this.#engine.core.clock.now(),
      });
    for (const { message, at } of rest) {
      const sides = this.#sides(message);
      if (sides !== undefined) await this.#appender.append(message, at, { mailbox: this.account.id, ...sides });
    }
    await this.#appender.durable();
    await this.#places.finish(delivered);
  }
}
