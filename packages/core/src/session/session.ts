import type { Jid } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, elementBytes, type Stanza } from '@parley/xml';
import type { Slot } from '../feature/feature.ts';
import type { Mailboxes } from '../mailbox/mailboxes.ts';
import type { Sources } from '../mailbox/sources.ts';
import type { ClientStream } from '../stream/client-stream.ts';
import type { SessionHost } from './host.ts';
import type { StreamManagement } from './stream-management.ts';

export type StanzaKind = 'message' | 'presence' | 'iq';

/** One stanza on its way to the client, as a gate sees it. */
export interface Outgoing {
  readonly kind: StanzaKind;
  readonly bytes: Uint8Array;
  /** Its position in the mailbox; 0 when it is not kept there. */
  readonly seq: number;
}
/** Stands between the server and a client (XEP-0352). What it holds is bounded by itself. */
export interface Gate {
  /** What goes to the client now, in order. Kept messages are never left out, and stay in order among themselves. */
  pass(item: Outgoing): readonly Outgoing[];
  /** All that it holds, in order. */
  release(): readonly Outgoing[];
}

/**
 * Where a session stands with its mailbox: not yet asked for messages, reading what waits
 * (also: too slow, so that new messages wait in the mailbox), or in step with it.
 */
export type MailboxMode = 'off' | 'behind' | 'live';

const AWAY_STANZAS = 200;
const AWAY_BYTES = 1024 * 1024;

function kindOf(bytes: Uint8Array): StanzaKind {
  return bytes[1] === 0x6d ? 'message' : bytes[1] === 0x70 ? 'presence' : 'iq';
}

/** One authenticated, bound stream of a device. It outlives its connection while it can be resumed (XEP-0198). */
export class Session {
  readonly jid: Jid;
  /** The full JID as text. */
  readonly address: string;
  readonly bare: string;
  readonly account: AccountRecord;
  /** The client-chosen resource; '' when the server made one, so that the device has no name of its own. */
  readonly device: string;
  /** Milliseconds since the epoch. */
  readonly boundAt: number;
  /** The last available presence as the client sent it; undefined while unavailable. */
  presence: Stanza | undefined = undefined;
  /** RFC 6121 §4.7.2.3. */
  priority = 0;
  /** undefined while detached. */
  stream: ClientStream | undefined;
  /** A stream that has taken the session up and waits for its `<resumed/>`. */
  resuming: ClientStream | undefined = undefined;
  management: StreamManagement | undefined = undefined;
  /** Kept messages of this session that wait for their commit. */
  pendingKept = 0;
  mailboxMode: MailboxMode = 'off';
  /** The last mailbox position handed to this session. */
  position = 0;
  /** Logs that it reads beside its own mailbox, in one order with it (groups); undefined for most. */
  sources: Sources | undefined = undefined;
  /** Without stream management: the last position that a ping of ours asks about, and that waits to be asked. */
  unproven = 0;
  reading = false;
  /**
   * The client reads what waited up to here from the archive (XEP-0313) instead of being given it; 0 when it does not, or has
   * proved that it did. Until then its cursor stays, and `beyond` is what it has acknowledged behind.
   */
  owed = 0;
  beyond = 0;
  /** When the connection was lost; 0 while connected. */
  detachedAt = 0;
  ended = false;
  /** It has a row on disk (D14). */
  stored = false;
  readonly #host: SessionHost;
  #slots: Map<Slot<unknown>, unknown> | undefined = undefined;
  /** Slots as they were on disk. */
  #kept: Readonly<Record<string, unknown>> | undefined = undefined;
  #gate: Gate | undefined = undefined;

  constructor(host: SessionHost, jid: Jid, account: AccountRecord, device: string, boundAt: number, stream: ClientStream | undefined) {
    this.#host = host;
    this.jid = jid;
    this.address = jid.toString();
    this.bare = jid.bare;
    this.account = account;
    this.device = device;
    this.boundAt = boundAt;
    this.stream = stream;
  }

  /** Those of its domain. */
  get mailboxes(): Mailboxes {
    return this.#host.mailboxes;
  }

  /** The connection was let in without a password: by what the device keeps. True when there is no connection. */
  get byToken(): boolean {
    return this.stream?.byToken !== false;
  }

  get available(): boolean {
    return this.presence !== undefined;
  }

  get connected(): boolean {
    return this.stream !== undefined;
  }

  /** The session asked for messages and may be given them (RFC 6121 §8.5.2: available, priority not negative). */
  get receptive(): boolean {
    return this.presence !== undefined && this.priority >= 0;
  }

  get<T>(slot: Slot<T>): T {
    const value = this.#slots?.get(slot as Slot<unknown>) ?? this.#kept?.[slot.name];
    return value === undefined ? slot.initial : (value as T);
  }

  set<T>(slot: Slot<T>, value: T): void {
    this.#slots ??= new Map();
    this.#slots.set(slot as Slot<unknown>, value);
  }

  /** What the session is to have when it is restored from disk, by name of the slot; plain data. */
  slotsToKeep(): Record<string, unknown> {
    const kept: Record<string, unknown> = { ...this.#kept };
    for (const [slot, value] of this.#slots ?? []) if (slot.survives !== 'nothing') kept[slot.name] = value;
    return kept;
  }
  keepSlots(kept: Readonly<Record<string, unknown>>): void {
    this.#kept = kept;
  }

  /** Forgets the slots that do not survive a resumption. */
  dropSlots(): void {
    if (this.#slots === undefined) return;
    for (const slot of this.#slots.keys()) if (slot.survives === 'nothing') this.#slots.delete(slot);
  }

  /** Sends a stanza built as a tree. */
  send(element: Element): void {
    this.sendBytes(elementBytes(element));
  }

  /**
   * Sends a serialised stanza (no xmlns on its start tag). `seq`: its position in the mailbox, so that the
   * device's cursor moves when it is acknowledged; 0 when it is not kept there.
   */
  sendBytes(bytes: Uint8Array, seq = 0): void {
    if (this.ended) return;
    if (this.#gate !== undefined) {
      for (const item of this.#gate.pass({ kind: kindOf(bytes), bytes, seq })) this.#write(item.bytes, item.seq);
      return;
    }
    this.#write(bytes, seq);
  }

  #write(bytes: Uint8Array, seq: number): void {
    if (this.#overloaded) {
      // Nobody reads: what others send must not pile up. Kept messages are in the mailbox, the rest is told anew.
      if (this.stream === undefined) this.#host.endSession(this, false);
      else this.stream.fail('policy-violation', 'Too much was left unread.');
      if (this.ended) return;
    }
    const management = this.management;
    if (management !== undefined) {
      management.push(bytes, seq);
      if (this.stream !== undefined) {
        this.stream.writeStanza(bytes);
        if (!management.requested && (seq > 0 || management.unacked > Math.min(8, this.#host.limits.unackedStanzas - 1))) {
          management.requested = true;
          management.requestedAt = this.#host.clock.now();
          this.stream.requestAck();
        }
      } else if (this.stored) this.#host.changedAway(this);
    } else if (this.stream !== undefined) {
      this.stream.writeStanza(bytes);
      if (seq > 0) this.#host.mailboxes.awaitProof(this, seq);
    }
  }

  /** Sees each outgoing stanza before it is counted and written (XEP-0352); what the gate before it held goes out. */
  setGate(gate: Gate | undefined): void {
    const before = this.#gate;
    this.#gate = gate;
    if (before === undefined || this.ended) return;
    for (const item of before.release()) this.#write(item.bytes, item.seq);
  }

  /** Away (XEP-0198), and so much waits already that what can be refused, left out or told anew must not be added. */
  get full(): boolean {
    if (this.stream !== undefined) return false;
    const { unacked = 0, unackedBytes = 0 } = this.management ?? {};
    return unacked >= AWAY_STANZAS || unackedBytes >= AWAY_BYTES;
  }

  /** The bound behind all others; whoever respects `congested` never comes here. */
  get #overloaded(): boolean {
    const { limits } = this.#host;
    const unacked = this.management?.unackedBytes ?? 0;
    if (this.stream !== undefined) return this.stream.queuedBytes >= limits.queueBytes * 32 || unacked >= limits.unackedBytes * 8;
    return unacked >= limits.unackedBytes * 2 || (this.management?.unacked ?? 0) >= limits.unackedStanzas * 2;
  }

  /** True when so much is on its way that further messages should wait in the mailbox. */
  get congested(): boolean {
    const { limits } = this.#host;
    const management = this.management;
    if (management !== undefined && (management.unacked >= limits.unackedStanzas || management.unackedBytes >= limits.unackedBytes))
      return true;
    return this.stream === undefined || this.stream.queuedBytes >= limits.queueBytes;
  }

  /** Ends the stream with a stream error (RFC 6120 §4.9.3) and the session with it; it cannot be resumed. */
  end(condition: string, text?: string): void {
    const stream = this.stream;
    this.#host.endSession(this, false);
    stream?.fail(condition, text);
  }
}
