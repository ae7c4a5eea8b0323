/** One BOSH session: the requests of a client are one connection for the core, with the framing of RFC 7395. */
import { createHash, randomBytes } from 'node:crypto';
import type { Connection, ConnectionHandler, Undo } from '@parley/core/ports';
import { NS } from '@parley/protocol';
import { escapeAttr, utf8Decode, utf8Encode } from '@parley/xml';
import { ByteBudget } from '../budget.ts';
import type { Flushable } from '../flush.ts';
import type { TransportContext } from '../transport.ts';
import { type BoshRequest, terminal, whole, writeBody } from './body.ts';

/** Limits of a session that the client is told (XEP-0124 §7.2). */
export const BOSH = {
  waitSeconds: 60,
  /** One, whatever is asked for: clients that ask for more have only two connections, and then none left to speak on. */
  hold: 1,
  pollingSeconds: 2,
  inactivitySeconds: 60,
  /** Polling clients are away for longer (§12). */
  pollingInactivitySeconds: 90,
  pauseSeconds: 120,
  version: { major: 1, minor: 11 },
} as const;

/** Output in one response; the rest follows in the next. */
const RESPONSE_CHARACTERS = 262_144;
/** Frames that wait while the core does not read. */
const WAITING_FRAMES = 256;
/** Repeats of one rid (§14.3). */
const REPEATS = 10;

/** The way to answer one HTTP request. */
export interface Answer {
  /** False when the client has gone meanwhile. */
  send(body: string, contentType: string): boolean;
}

interface Held {
  readonly rid: number;
  readonly answer: Answer;
  readonly stopTimer: Undo;
}

export interface BoshShared extends TransportContext {
  readonly sessions: Map<string, BoshSession>;
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

export class BoshSession implements Connection, Flushable {
  readonly framing = 'websocket' as const;
  readonly canStartTls = false;
  readonly sid = randomBytes(20).toString('base64url');
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly #shared: BoshShared;
  readonly #handler: ConnectionHandler;
  readonly #budget: ByteBudget;
  readonly #to: string;
  readonly #contentType: string;
  readonly #waitMs: number;
  readonly #hold: number;
  readonly #requests: number;
  readonly #polling: boolean;
  readonly #acks: boolean;
  /** Attributes of the first response; gone with it. */
  #first: Readonly<Record<string, string | number | undefined>> | undefined;
  /** The highest rid whose payloads, and those of all before it, were taken. */
  #rid: number;
  /** Requests that came before one with a lower rid. */
  readonly #early = new Map<number, { request: BoshRequest; answer: Answer }>();
  /** Taken and not answered yet; those whose client is still there are held. */
  readonly #unanswered = new Set<number>();
  readonly #held: Held[] = [];
  /** Answers that may be asked for again, by rid. */
  readonly #sent = new Map<number, string>();
  readonly #repeats = new Map<number, number>();
  #key: string | undefined;
  #out: string[] = [];
  #outBytes = 0;
  #waitingFlush = false;
  #in: Uint8Array[] = [];
  #paused = false;
  #throttled: Undo | undefined;
  #inactivity: Undo | undefined;
  #pauseMs: number | undefined;
  #lastEmptyAt = -Infinity;
  /** The client has said that it ends; its request is answered when the core has closed. */
  #ends = false;
  #closing = false;
  #condition: string | undefined;
  #over = false;

  constructor(request: BoshRequest, remoteAddress: string, secure: boolean, contentType: string, shared: BoshShared) {
    const { attrs } = request;
    this.#shared = shared;
    this.remoteAddress = remoteAddress;
    this.secure = secure;
    this.#contentType = contentType;
    this.#to = attrs['to'] ?? '';
    this.#rid = request.rid;
    this.#key = attrs['newkey']?.toLowerCase();
    const wait = Math.min(whole(attrs['wait'], 86_400) ?? BOSH.waitSeconds, BOSH.waitSeconds);
    this.#hold = Math.min(whole(attrs['hold'], 1000) ?? 1, BOSH.hold);
    this.#waitMs = wait * 1000;
    this.#polling = wait === 0 || this.#hold === 0;
    this.#requests = this.#hold + 1;
    this.#acks = attrs['ack'] === '1';
    this.#budget = new ByteBudget(shared.limits.bytesPerSecond);
    const [major = 1, minor = 6] = (attrs['ver'] ?? '1.6').split('.').map(Number);
    const older = major < BOSH.version.major || (major === BOSH.version.major && minor < BOSH.version.minor);
    this.#first = {
      sid: this.sid,
      wait,
      hold: this.#hold,
      requests: this.#requests,
      polling: BOSH.pollingSeconds,
      inactivity: this.#polling ? BOSH.pollingInactivitySeconds : BOSH.inactivitySeconds,
      maxpause: BOSH.pauseSeconds,
      ver: older && Number.isInteger(minor) ? `${major}.${minor}` : `${BOSH.version.major}.${BOSH.version.minor}`,
      ack: request.rid,
      from: this.#to === '' ? undefined : this.#to,
      'xmpp:version': '1.0',
      'xmpp:restartlogic': 'true',
    };
    shared.sessions.set(this.sid, this);
    this.#handler = shared.acceptor.accept(this);
  }

  // --- from the endpoint ---

  /** The request that made the session. */
  begin(request: BoshRequest, answer: Answer): void {
    this.#unanswered.add(request.rid);
    this.#holdBack(request.rid, answer);
    this.#feed(this.#open());
    for (const payload of request.payloads) this.#feed(payload);
    this.#settle();
  }

  /** A later request. */
  request(request: BoshRequest, answer: Answer): void {
    const { rid } = request;
    if (rid <= this.#rid) return this.#repeat(rid, answer);
    // §14.2: the same answer for too small and too large.
    if (rid > this.#rid + this.#requests || this.#early.has(rid)) return this.#fail('item-not-found', answer);
    if (rid > this.#rid + 1) {
      this.#early.set(rid, { request, answer });
      return;
    }
    this.#take(request, answer);
    for (let next = this.#early.get(this.#rid + 1); next !== undefined && !this.#over; next = this.#early.get(this.#rid + 1)) {
      this.#early.delete(this.#rid + 1);
      this.#take(next.request, next.answer);
    }
  }

  #take(request: BoshRequest, answer: Answer): void {
    const { rid, attrs, payloads } = request;
    if (!this.#keyFits(attrs)) return this.#fail('item-not-found', answer);
    const pause = attrs['pause'] === undefined ? undefined : whole(attrs['pause'], BOSH.pauseSeconds);
    if (attrs['pause'] !== undefined && pause === undefined) return this.#fail('policy-violation', answer);
    const ends = attrs['type'] === 'terminate';
    const now = this.#shared.clock.now();
    const empty = payloads.length === 0 && !request.restart && pause === undefined && !ends;
    // §12: a client that polls must leave time between.
    if (empty && this.#polling) {
      if (now - this.#lastEmptyAt < BOSH.pollingSeconds * 1000) return this.#fail('policy-violation', answer);
      this.#lastEmptyAt = now;
    } else this.#lastEmptyAt = -Infinity;
    this.#rid = rid;
    this.#acknowledged(attrs);
    this.#unanswered.add(rid);
    this.#holdBack(rid, answer);
    const wait = this.#budget.take(request.bytes, now);
    if (wait > 0 && this.#throttled === undefined)
      this.#throttled = this.#shared.clock.after(wait, () => {
        this.#throttled = undefined;
        this.#read();
      });
    if (request.restart) this.#feed(this.#open());
    else for (const payload of payloads) this.#feed(payload);
    if (ends) {
      this.#ends = true;
      this.#shared.clock.after(this.#shared.limits.closeMs, () => this.close());
      this.#feed(utf8Encode(`<close xmlns="${NS.framing}"/>`));
    }
    if (pause !== undefined) {
      // §10: every request that is held is answered now, this one without payloads.
      this.#pauseMs = pause * 1000;
      while (this.#held.length > 0) this.#respond(this.#held.length > 1);
    }
    this.#settle();
  }

  /** §15: each key hashes to the one before it. */
  #keyFits(attrs: Readonly<Record<string, string>>): boolean {
    if (this.#key === undefined) return true;
    const key = attrs['key']?.toLowerCase();
    if (key === undefined || key.length > 64 || sha1(key) !== this.#key) return false;
    this.#key = attrs['newkey']?.toLowerCase() ?? key;
    return true;
  }

  /** What the client has received need not be kept for asking again (§9.2). */
  #acknowledged(attrs: Readonly<Record<string, string>>): void {
    if (!this.#acks) return;
    const upTo = whole(attrs['ack'], Number.MAX_SAFE_INTEGER) ?? this.#rid - 1;
    for (const rid of this.#sent.keys()) if (rid <= upTo) this.#sent.delete(rid);
  }

  #repeat(rid: number, answer: Answer): void {
    const times = (this.#repeats.get(rid) ?? 0) + 1;
    this.#repeats.set(rid, times);
    if (times > REPEATS) return this.#fail('policy-violation', answer);
    const again = this.#sent.get(rid);
    if (again !== undefined) {
      answer.send(again, this.#contentType);
      return;
    }
    if (!this.#unanswered.has(rid)) return this.#fail('item-not-found', answer);
    const at = this.#held.findIndex((held) => held.rid === rid);
    if (at >= 0) {
      const [old] = this.#held.splice(at, 1);
      old?.stopTimer();
      // §14.3: the answer belongs to the latest request.
      old?.answer.send(writeBody({ type: 'error' }), this.#contentType);
    }
    this.#holdBack(rid, answer);
    this.#settle();
  }

  #open(): Uint8Array {
    const to = this.#to === '' ? '' : ` to="${escapeAttr(this.#to)}"`;
    return utf8Encode(`<open xmlns="${NS.framing}"${to} version="1.0"/>`);
  }

  // --- in ---

  #feed(frame: Uint8Array): void {
    if (this.#over || this.#closing) return;
    if (!this.#paused && this.#throttled === undefined && this.#in.length === 0) return this.#handler.receive(frame);
    if (this.#in.length >= WAITING_FRAMES) return this.#fail('policy-violation');
    this.#in.push(frame);
  }

  #read(): void {
    while (!this.#paused && this.#throttled === undefined && this.#in.length > 0 && !this.#closing)
      this.#handler.receive(this.#in.shift() as Uint8Array);
  }

  // --- held requests and their answers ---

  #holdBack(rid: number, answer: Answer): void {
    this.#inactivity?.();
    this.#inactivity = undefined;
    const stopTimer = this.#shared.clock.after(this.#waitMs, () => {
      while (this.#held[0] !== undefined && this.#held[0].rid <= rid) this.#respond();
      this.#settle();
    });
    this.#held.push({ rid, answer, stopTimer });
    this.#held.sort((a, b) => a.rid - b.rid);
  }

  /** The client of a held request has gone; it may ask again. */
  gone(answer: Answer): void {
    const at = this.#held.findIndex((held) => held.answer === answer);
    if (at >= 0) this.#held.splice(at, 1)[0]?.stopTimer();
    for (const [rid, early] of this.#early) if (early.answer === answer) this.#early.delete(rid);
    this.#settle();
  }

  /** Answers the oldest request. */
  #respond(withPayloads = true): void {
    const held = this.#held.shift();
    if (held === undefined) return;
    held.stopTimer();
    let content = '';
    const taken = withPayloads ? this.#out : [];
    if (withPayloads) {
      let count = 0;
      while (count < taken.length && (count === 0 || content.length + (taken[count] as string).length <= RESPONSE_CHARACTERS)) {
        content += taken[count] as string;
        count++;
      }
      this.#out = taken.slice(count);
      this.#outBytes -= Buffer.byteLength(content);
    }
    const last = this.#closing && this.#out.length === 0;
    const ack = this.#acks && this.#first === undefined && this.#rid !== held.rid ? this.#rid : undefined;
    const body = last
      ? terminal(this.#condition, content)
      : writeBody({ ...this.#first, ...(ack === undefined ? undefined : { ack }) }, content);
    this.#first = undefined;
    this.#unanswered.delete(held.rid);
    this.#sent.set(held.rid, body);
    // Not the ones that a client with acknowledgements has not confirmed; those, too, are bounded.
    const most = this.#acks ? this.#requests * 4 : this.#requests;
    for (const rid of this.#sent.keys()) {
      if (this.#sent.size <= most) break;
      this.#sent.delete(rid);
      this.#repeats.delete(rid);
    }
    if (!held.answer.send(body, this.#contentType)) this.#shared.log.debug('bosh_answer_not_taken', { address: this.remoteAddress });
    if (last) return this.#end();
    if (withPayloads && taken.length > 0 && this.#out.length === 0) this.#handler.drained();
  }

  /** Brings requests and output together. */
  #settle(): void {
    if (this.#over) return;
    if (this.#ends && !this.#closing) return;
    while (this.#held.length > 0 && (this.#out.length > 0 || this.#held.length > this.#hold || this.#closing)) {
      this.#respond();
      if (this.#over) return;
    }
    if (this.#polling) {
      while (this.#held.length > 0) this.#respond();
      if (this.#over) return;
    }
    if (this.#held.length > 0 || this.#inactivity !== undefined) return;
    const normal = (this.#polling ? BOSH.pollingInactivitySeconds : BOSH.inactivitySeconds) * 1000;
    this.#inactivity = this.#shared.clock.after(this.#pauseMs ?? normal, () => this.#end());
    this.#pauseMs = undefined;
  }

  /** The session ends with an error of this protocol (§17.2). */
  #fail(condition: string, answer?: Answer): void {
    answer?.send(terminal(condition), this.#contentType);
    this.#condition = condition;
    this.#end();
  }

  // --- what the core asks for ---

  channelBinding(): undefined {
    return undefined;
  }

  write(bytes: Uint8Array): void {
    if (this.#closing || this.#over) return;
    const text = utf8Decode(bytes);
    // Streams are opened and closed by the attributes of the body.
    if (text.startsWith('<open ') || text.startsWith('<close ')) return;
    if (text.startsWith('<stream:error')) this.#condition = 'remote-stream-error';
    this.#out.push(text);
    this.#outBytes += bytes.length;
    if (this.#waitingFlush) return;
    this.#waitingFlush = true;
    this.#shared.flusher.add(this);
  }

  get queuedBytes(): number {
    return this.#outBytes;
  }

  flush(): void {
    this.#waitingFlush = false;
    this.#settle();
  }

  startTls(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  close(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    this.#in = [];
    this.#settle();
  }

  destroy(): void {
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closing = true;
    this.#inactivity?.();
    this.#throttled?.();
    this.#shared.sessions.delete(this.sid);
    this.#shared.gate.leave(this.remoteAddress);
    for (const { answer, stopTimer } of this.#held.splice(0)) {
      stopTimer();
      answer.send(terminal(this.#condition), this.#contentType);
    }
    for (const { answer } of this.#early.values()) answer.send(terminal(this.#condition), this.#contentType);
    this.#early.clear();
    this.#handler.closed();
  }
}
