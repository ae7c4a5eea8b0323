import { NS, parseDateTime } from '@parley/protocol';
import type { Element } from '@parley/xml';
import type { Context } from '../context.ts';
import { bareOf } from '../messages/facts.ts';
import { Cell } from '../observable.ts';
import type { PresenceSnapshot } from '../types.ts';

/** A contact with more devices than this is shown by these. */
const MAX_RESOURCES = 32;
const MAX_STATUS_LENGTH = 500;

interface Device {
  readonly away: boolean;
  readonly priority: number;
  readonly statusText: string;
}

/** Who of the contacts is here (RFC 6121 §4). Bounded by the contact list: presence of others is not kept. */
export class PresenceBook {
  readonly #context: Context;
  readonly #isContact: (id: string) => boolean;
  readonly #devices = new Map<string, Map<string, Device>>();
  readonly #cells = new Map<string, Cell<PresenceSnapshot>>();
  readonly #lastSeen = new Map<string, number>();
  #connected = false;

  constructor(context: Context, isContact: (id: string) => boolean) {
    this.#context = context;
    this.#isContact = isContact;
  }

  cell(id: string): Cell<PresenceSnapshot> {
    let cell = this.#cells.get(id);
    if (cell === undefined) {
      cell = new Cell(this.#make(id, 'unknown'));
      this.#cells.set(id, cell);
      if (!this.#lastSeen.has(id)) this.#loadLastSeen(id);
    }
    return cell;
  }

  #loadLastSeen(id: string): void {
    this.#context.store.value(`seen ${id}`).then(
      (at) => {
        if (typeof at !== 'number' || this.#lastSeen.has(id)) return;
        this.#lastSeen.set(id, at);
        this.#publish(id);
      },
      () => undefined,
    );
  }

  /** A presence stanza with no type or `unavailable`. */
  take(stanza: Element, type: string | undefined): void {
    const from = stanza.attr('from') ?? '';
    const id = bareOf(from);
    if (!this.#isContact(id)) return;
    const resource = from.slice(id.length + 1);
    const devices = this.#devices.get(id) ?? new Map<string, Device>();
    this.#devices.set(id, devices);
    if (type === 'unavailable') {
      const wasHere = devices.delete(resource);
      if (resource === '') devices.clear();
      if (devices.size === 0) {
        const stamp = stanza.child('delay', NS.delay)?.attr('stamp');
        const delayed = stamp === undefined ? undefined : parseDateTime(stamp);
        const at = delayed === undefined ? (wasHere ? this.#context.now() : undefined) : Math.min(delayed, this.#context.now());
        if (at !== undefined) {
          this.#lastSeen.set(id, at);
          this.#context.store.commit({ values: { [`seen ${id}`]: at } }).catch((error: unknown) => this.#context.report(error));
        }
      }
    } else if (devices.has(resource) || devices.size < MAX_RESOURCES) {
      const show = stanza.childText('show', NS.client)?.trim();
      devices.set(resource, {
        away: show === 'away' || show === 'xa' || show === 'dnd',
        priority: Number(stanza.childText('priority', NS.client) ?? 0) || 0,
        statusText: stanza.childText('status', NS.client)?.slice(0, MAX_STATUS_LENGTH) ?? '',
      });
    }
    this.#publish(id);
  }

  /** Servers need not mention who is away (RFC 6121 §4.3.2): these may be seen, and have not been. */
  assumeAway(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#devices.has(id)) continue;
      this.#devices.set(id, new Map());
      this.#publish(id);
    }
  }

  /** Without a connection nobody's state is known; a resumed session goes on with what it knew. */
  setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    for (const id of this.#devices.keys()) this.#publish(id);
  }

  /** A new session: the server tells everything anew. */
  reset(): void {
    const ids = [...this.#devices.keys()];
    this.#devices.clear();
    for (const id of ids) this.#publish(id);
  }

  clear(): void {
    this.#lastSeen.clear();
    this.reset();
  }

  #publish(id: string): void {
    const devices = this.#devices.get(id);
    const state = devices === undefined || !this.#connected ? 'unknown' : devices.size === 0 ? 'offline' : 'online';
    const cell = this.#cells.get(id);
    const next = this.#make(id, state);
    const old = cell?.snapshot();
    if (old !== undefined && old.state === next.state && old.lastSeenAt === next.lastSeenAt && old.statusText === next.statusText) return;
    if (cell === undefined) this.#cells.set(id, new Cell(next));
    else cell.set(next);
    this.#context.emit('presence.changed', { presence: next });
  }

  #make(id: string, state: PresenceSnapshot['state']): PresenceSnapshot {
    const devices = [...(this.#devices.get(id)?.values() ?? [])].sort((a, b) => b.priority - a.priority);
    const away = devices.length > 0 && devices.every((device) => device.away);
    return Object.freeze({
      id,
      state: state === 'online' && away ? 'away' : state,
      lastSeenAt: this.#lastSeen.get(id),
      statusText: devices[0]?.statusText ?? '',
    });
  }
}
