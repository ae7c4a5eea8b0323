import { Jid, NS, StanzaError } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { bareOf } from '../messages/facts.ts';
import { Cell } from '../observable.ts';
import type { StoredValue } from '../store/store.ts';
import type { Contact, Contacts, ContactsSnapshot, Unsubscribe } from '../types.ts';

const ROSTER = 'contacts.roster';
const BLOCKED = 'contacts.blocked';
const MAX_REQUESTS = 500;
const MAX_NAME_LENGTH = 200;

type Subscription = 'none' | 'to' | 'from' | 'both';

interface RosterItem {
  readonly name: string;
  readonly subscription: Subscription;
  /** We have asked to see them (RFC 6121 §2.1.2.2). */
  readonly asked: boolean;
}

/** The contact list: RFC 6121 §2 and §3 with versions (XEP-0237) and blocking (XEP-0191), kept for offline starts. */
export class ContactBook implements Contacts {
  readonly #context: Context;
  readonly #roster = new Map<string, RosterItem>();
  readonly #requests = new Set<string>();
  readonly #blocked = new Set<string>();
  #version = '';
  readonly #cell = new Cell<ContactsSnapshot>(Object.freeze({ contacts: [], requests: [], blocked: [] }));
  readonly #views = new Map<string, Contact>();
  readonly #onChange: (id: string) => void;

  constructor(context: Context, onChange: (id: string) => void) {
    this.#context = context;
    this.#onChange = onChange;
  }

  readonly snapshot = (): ContactsSnapshot => this.#cell.snapshot();
  readonly subscribe = (listener: () => void): Unsubscribe => this.#cell.subscribe(listener);

  async load(): Promise<void> {
    const roster = await this.#context.store.value(ROSTER);
    if (isRecord(roster) && isRecord(roster['items'])) {
      this.#version = String(roster['version'] ?? '');
      for (const [id, item] of Object.entries(roster['items'])) this.#roster.set(id, item as unknown as RosterItem);
    }
    const blocked = await this.#context.store.value(BLOCKED);
    if (Array.isArray(blocked)) for (const id of blocked) this.#blocked.add(String(id));
    this.#publish();
  }

  clear(): void {
    const ids = this.ids();
    this.#roster.clear();
    this.#requests.clear();
    this.#blocked.clear();
    this.#version = '';
    this.#publish();
    for (const id of ids) this.#onChange(id);
  }

  ids(): string[] {
    return [...this.#roster.keys()];
  }

  has(id: string): boolean {
    return this.#roster.has(id);
  }

  isBlocked(id: string): boolean {
    return this.#blocked.has(id);
  }

  /** They see our presence, so a receipt tells them nothing new. */
  seesUs(id: string): boolean {
    const subscription = this.#roster.get(id)?.subscription;
    return subscription === 'from' || subscription === 'both';
  }

  /** Those whose presence we are told. */
  seen(): string[] {
    return [...this.#roster].filter(([, item]) => item.subscription === 'to' || item.subscription === 'both').map(([id]) => id);
  }

  nameOf(id: string): string {
    const name = this.#roster.get(id)?.name;
    if (name !== undefined && name !== '') return name;
    return id.includes('@') ? id.slice(0, Math.max(id.indexOf('@'), 1)) : id;
  }

  isServer(id: string): boolean {
    return id !== '' && id === this.#context.domain;
  }

  get(id: string): Contact | undefined {
    let address: string;
    try {
      address = this.#address(id);
    } catch {
      // No address of a person (an occupant of a group, say), so nobody in the list.
      return undefined;
    }
    return this.#roster.has(address) || this.#requests.has(address) || this.#blocked.has(address) ? this.#view(address) : undefined;
  }

  /** Asks the server for the list and the blocked people; before presence is sent, so that requests come with names. */
  async fetch(session: Session): Promise<void> {
    const result = await session.iq(el('iq', { type: 'get' }, el('query', { xmlns: NS.roster, ver: this.#version })));
    const query = result.child('query', NS.roster);
    if (query !== undefined) {
      // Without a query the kept version is still right (RFC 6121 §2.6.3).
      const before = new Set(this.#roster.keys());
      this.#roster.clear();
      for (const item of query.childrenNamed('item', NS.roster)) this.#readItem(item);
      this.#version = query.attr('ver') ?? '';
      this.#keepRoster();
      this.#publish();
      for (const id of new Set([...before, ...this.#roster.keys()])) this.#onChange(id);
    }
    try {
      const list = await session.iq(el('iq', { type: 'get' }, el('blocklist', { xmlns: NS.blocking })));
      const blocked = (list.child('blocklist', NS.blocking)?.childrenNamed('item', NS.blocking) ?? []).map(
        (item) => item.attr('jid') ?? '',
      );
      const changed = new Set([...this.#blocked, ...blocked]);
      this.#blocked.clear();
      for (const id of blocked) this.#blocked.add(id);
      this.#keepBlocked();
      this.#publish();
      for (const id of changed) this.#onChange(id);
    } catch (error) {
      if (!(error instanceof ChatError) || error.condition === undefined) throw error;
      // No XEP-0191 on this server.
    }
  }

  /** Roster and block pushes. Only the own account may send them (CVE-2015-8688 and relatives). */
  request(stanza: Element, payload: Element, me: string): Element | null | undefined {
    const push = payload.ns === NS.roster || payload.ns === NS.blocking;
    if (!push || stanza.attr('type') !== 'set') return undefined;
    const from = stanza.attr('from');
    if (from !== undefined && from !== me) throw new StanzaError('service-unavailable');
    if (payload.ns === NS.roster && payload.name === 'query') {
      const item = payload.child('item', NS.roster);
      if (item === undefined) throw new StanzaError('bad-request');
      this.#pushed(item, payload.attr('ver'));
      return null;
    }
    if (payload.name !== 'block' && payload.name !== 'unblock') return undefined;
    const block = payload.name === 'block';
    const ids = payload.childrenNamed('item', NS.blocking).map((item) => item.attr('jid') ?? '');
    const changed = !block && ids.length === 0 ? [...this.#blocked] : ids;
    for (const id of changed) {
      if (block) this.#blocked.add(id);
      else this.#blocked.delete(id);
    }
    this.#keepBlocked();
    this.#publish();
    for (const id of changed) {
      this.#onChange(id);
      this.#context.emit('contact.blocked', { id, blocked: block });
    }
    return null;
  }

  #pushed(item: Element, version: string | undefined): void {
    const id = bareOf(item.attr('jid') ?? '');
    const had = this.#roster.has(id);
    const read = this.#readItem(item);
    if (read === undefined) return;
    if (version !== undefined) this.#version = version;
    this.#keepRoster();
    this.#publish();
    this.#onChange(id);
    if (read === 'removed') {
      if (had) this.#context.emit('contact.removed', { id });
    } else if (!had) {
      this.#context.emit('contact.added', { contact: this.#view(id) });
    }
  }

  #readItem(item: Element): 'kept' | 'removed' | undefined {
    const address = Jid.tryParse(item.attr('jid') ?? '');
    if (address === undefined) return undefined;
    const id = address.bare;
    const subscription = item.attr('subscription') ?? 'none';
    if (subscription === 'remove') {
      this.#roster.delete(id);
      return 'removed';
    }
    this.#roster.set(id, {
      name: (item.attr('name') ?? '').slice(0, MAX_NAME_LENGTH),
      subscription: subscription === 'to' || subscription === 'from' || subscription === 'both' ? subscription : 'none',
      asked: item.attr('ask') === 'subscribe',
    });
    if (subscription === 'from' || subscription === 'both') this.#requests.delete(id);
    return 'kept';
  }

  /** A presence stanza about subscriptions. */
  subscription(type: string, from: string): void {
    if (type !== 'subscribe') return;
    const id = bareOf(from);
    const item = this.#roster.get(id);
    if (item !== undefined && (item.asked || item.subscription === 'to')) {
      // We have asked them before, so the answer to their question is known.
      this.#sendPresence(id, 'subscribed');
      return;
    }
    if (item?.subscription === 'from' || item?.subscription === 'both') {
      this.#sendPresence(id, 'subscribed');
      return;
    }
    if (this.#blocked.has(id) || this.#requests.has(id) || this.#requests.size >= MAX_REQUESTS) return;
    this.#requests.add(id);
    this.#publish();
    this.#onChange(id);
    this.#context.emit('contact.request', { contact: this.#view(id) });
  }

  async add(user: string, options: { readonly name?: string } = {}): Promise<Contact> {
    const id = this.#address(user);
    if (id === this.#context.me) throw new ChatError('invalid-argument', 'That is your own address');
    const item = this.#roster.get(id);
    const name = options.name ?? item?.name;
    await this.#setItem(id, name);
    if (item?.subscription !== 'to' && item?.subscription !== 'both') this.#sendPresence(id, 'subscribe');
    if (this.#requests.has(id)) this.#sendPresence(id, 'subscribed');
    if (this.#requests.delete(id)) this.#publish();
    return this.#view(id);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#setItem(this.#address(id), name);
  }

  async accept(id: string): Promise<void> {
    const address = this.#address(id);
    if (!this.#requests.has(address)) throw new ChatError('not-found', 'This person has not asked');
    this.#session();
    this.#sendPresence(address, 'subscribed');
    await this.add(address);
    this.#requests.delete(address);
    this.#publish();
    this.#onChange(address);
  }

  async decline(id: string): Promise<void> {
    const address = this.#address(id);
    this.#session();
    this.#sendPresence(address, 'unsubscribed');
    this.#requests.delete(address);
    this.#publish();
    this.#onChange(address);
  }

  async remove(id: string): Promise<void> {
    const address = this.#address(id);
    const item = el('item', { jid: address, subscription: 'remove' });
    await this.#session().iq(el('iq', { type: 'set' }, el('query', { xmlns: NS.roster }, item)));
  }

  async block(id: string): Promise<void> {
    await this.#setBlocked(this.#address(id), true);
  }

  async unblock(id: string): Promise<void> {
    await this.#setBlocked(this.#address(id), false);
  }

  async #setBlocked(id: string, block: boolean): Promise<void> {
    const payload = el(block ? 'block' : 'unblock', { xmlns: NS.blocking }, el('item', { jid: id }));
    await this.#session().iq(el('iq', { type: 'set' }, payload));
    const changed = this.#blocked.has(id) !== block;
    if (block) this.#blocked.add(id);
    else this.#blocked.delete(id);
    if (block) this.#requests.delete(id);
    this.#keepBlocked();
    this.#publish();
    this.#onChange(id);
    if (changed) this.#context.emit('contact.blocked', { id, blocked: block });
  }

  async #setItem(id: string, name: string | undefined): Promise<void> {
    const item = el('item', { jid: id, name: name === undefined || name === '' ? undefined : name.slice(0, MAX_NAME_LENGTH) });
    await this.#session().iq(el('iq', { type: 'set' }, el('query', { xmlns: NS.roster }, item)));
  }

  #session(): Session {
    const { session } = this.#context.connection;
    if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
    return session;
  }

  #sendPresence(to: string, type: string): void {
    this.#context.connection.session?.send(el('presence', { to, type }));
  }

  #address(user: string): string {
    return parseUser(user, this.#context.domain);
  }

  #keepRoster(): void {
    const items: Record<string, StoredValue> = {};
    for (const [id, item] of this.#roster) items[id] = { ...item };
    this.#context.store
      .commit({ values: { [ROSTER]: { version: this.#version, items } } })
      .catch((error: unknown) => this.#context.report(error));
  }

  #keepBlocked(): void {
    this.#context.store.commit({ values: { [BLOCKED]: [...this.#blocked] } }).catch((error: unknown) => this.#context.report(error));
  }

  /** The same object as long as nothing about the contact has changed. */
  #view(id: string): Contact {
    const item = this.#roster.get(id);
    const state: Contact['state'] = this.#requests.has(id)
      ? 'incoming'
      : item === undefined
        ? 'none'
        : item.subscription === 'both'
          ? 'contact'
          : item.asked
            ? 'requested'
            : item.subscription === 'none'
              ? 'none'
              : 'one-way';
    const next: Contact = { id, name: this.nameOf(id), state, blocked: this.#blocked.has(id) };
    const old = this.#views.get(id);
    if (old !== undefined && old.name === next.name && old.state === next.state && old.blocked === next.blocked) return old;
    this.#views.set(id, Object.freeze(next));
    return next;
  }

  #publish(): void {
    const contacts = this.ids()
      .map((id) => this.#view(id))
      .sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
    const requests = [...this.#requests].map((id) => this.#view(id));
    for (const id of this.#views.keys()) {
      if (!this.#roster.has(id) && !this.#requests.has(id) && !this.#blocked.has(id)) this.#views.delete(id);
    }
    this.#cell.set(
      Object.freeze({
        contacts: Object.freeze(contacts),
        requests: Object.freeze(requests),
        blocked: Object.freeze([...this.#blocked].sort()),
      }),
    );
  }
}

/** `name` or `name@domain` as a prepared bare address. Throws `invalid-address`. */
export function parseUser(user: string, domain: string): string {
  const text = user.trim();
  const address = Jid.tryParse(text.includes('@') ? text : `${text}@${domain}`);
  if (address === undefined || address.local === '' || address.resource !== '') {
    throw new ChatError('invalid-address', `Not a user name or address: ${text.slice(0, 100)}`);
  }
  return address.bare;
}

/** The same, or the own domain: what the server says. */
export function parseChat(user: string, domain: string): string {
  return user === domain && domain !== '' ? domain : parseUser(user, domain);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
