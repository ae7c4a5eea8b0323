/** Puts what the server adds at the end of a stored stanza, by bytes: on the path of every message that is delivered. */
import { formatDateTime, NS } from '@parley/protocol';
import { allocate, escapeAttr, utf8Encode } from '@parley/xml';
import { POSITION_ID_LENGTH, positionTime, positionToId } from './positions.ts';

const END = '</message>'.length;
/** `2026-11-24T10:00:00.000Z` (XEP-0082). */
const STAMP_LENGTH = 24;
const STAMPERS = 20_000;

/** XEP-0359 §3: `<stanza-id by=… id=…/>` of the owner's mailbox. */
export function stanzaIdText(ownerBare: string, seq: number): string {
  return `<stanza-id xmlns="${NS.sid}" by="${escapeAttr(ownerBare)}" id="${positionToId(seq)}"/>`;
}

/** XEP-0203: when the server took a message that is delivered late. */
function delayText(host: string, atMs: number): string {
  return `<delay xmlns="${NS.delay}" from="${escapeAttr(host)}" stamp="${formatDateTime(atMs)}"/>`;
}

/** `extra` before `</message>`. */
function insertAtEnd(message: Uint8Array, extra: Uint8Array): Uint8Array {
  const out = new Uint8Array(message.length + extra.length);
  const at = message.length - END;
  out.set(message.subarray(0, at), 0);
  out.set(extra, at);
  out.set(message.subarray(at), at + extra.length);
  return out;
}

/** A delay begins so; whoever says it follows. */
const DELAY = utf8Encode(`<delay xmlns="${NS.delay}" from="`);

/** Whether a message ends with a delay that was put there when it was handed out late. */
function isLate(stamped: Uint8Array): boolean {
  // What we stamp has no element behind it: the last one that begins is it, or there is none.
  const at = stamped.lastIndexOf(DELAY[0] as number, stamped.length - END - 1);
  for (let i = 0; i < DELAY.length; i++) if (stamped[at + i] !== DELAY[i]) return false;
  return true;
}

/** A copy for another try after a resumption (D8): with a delay, which it has already when it was late the first time. */
export function stampAgain(stamped: Uint8Array, seq: number, host: string): Uint8Array {
  return isLate(stamped) ? stamped : insertAtEnd(stamped, utf8Encode(delayText(host, positionTime(seq))));
}

function putAscii(out: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
}

/** What is added for one owner: only the id and the time differ from message to message, so the rest is encoded once. */
class Stamper {
  readonly #beforeId: Uint8Array;
  readonly #afterId: Uint8Array;
  readonly #beforeTime: Uint8Array;

  constructor(ownerBare: string, host: string) {
    this.#beforeId = utf8Encode(`<stanza-id xmlns="${NS.sid}" by="${escapeAttr(ownerBare)}" id="`);
    this.#afterId = utf8Encode('"/></message>');
    // XEP-0203: when the server took a message that is delivered late.
    this.#beforeTime = utf8Encode(`"/><delay xmlns="${NS.delay}" from="${escapeAttr(host)}" stamp="`);
  }

  live(message: Uint8Array, seq: number): Uint8Array {
    const out = allocate(message.length - END + this.#beforeId.length + POSITION_ID_LENGTH + this.#afterId.length);
    out.set(this.#afterId, this.#begin(out, message, seq));
    return out;
  }

  late(message: Uint8Array, seq: number, atMs: number): Uint8Array {
    const out = new Uint8Array(
      message.length - END + this.#beforeId.length + POSITION_ID_LENGTH + this.#beforeTime.length + STAMP_LENGTH + this.#afterId.length,
    );
    let at = this.#begin(out, message, seq);
    out.set(this.#beforeTime, at);
    at += this.#beforeTime.length;
    putAscii(out, at, formatDateTime(atMs));
    at += STAMP_LENGTH;
    out.set(this.#afterId, at);
    return out;
  }

  /** The message without its end tag, and the id; answers where to go on. */
  #begin(out: Uint8Array, message: Uint8Array, seq: number): number {
    // A stored stanza always has content, so the end tag is there.
    const content = message.length - END;
    out.set(new Uint8Array(message.buffer, message.byteOffset, content), 0); // subarray is slower
    out.set(this.#beforeId, content);
    const at = content + this.#beforeId.length;
    putAscii(out, at, positionToId(seq));
    return at + POSITION_ID_LENGTH;
  }
}

/** Stamps stored messages for their owners. */
export class Stamps {
  readonly #host: string;
  readonly #stampers = new Map<string, Stamper>();

  constructor(host: string) {
    this.#host = host;
  }

  /** `from`: who says since when it waited; the host unless told otherwise. The same for all messages of one owner. */
  #of(ownerBare: string, from: string): Stamper {
    let stamper = this.#stampers.get(ownerBare);
    if (stamper === undefined) {
      if (this.#stampers.size >= STAMPERS) this.#stampers.clear();
      stamper = new Stamper(ownerBare, from);
      this.#stampers.set(ownerBare, stamper);
    }
    return stamper;
  }

  /** With the stanza-id of the owner's mailbox (XEP-0359). */
  live(message: Uint8Array, ownerBare: string, seq: number, from = this.#host): Uint8Array {
    return this.#of(ownerBare, from).live(message, seq);
  }

  /** The same, and since when it waited (XEP-0203); `atMs` in milliseconds since the epoch. */
  late(message: Uint8Array, ownerBare: string, seq: number, atMs: number, from = this.#host): Uint8Array {
    return this.#of(ownerBare, from).late(message, seq, atMs);
  }
}
