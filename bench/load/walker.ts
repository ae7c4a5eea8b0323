// Finds the stanzas in what a server sends, by byte search: cheap enough that the generator is not what is measured.
// Good for servers that we start ourselves; it proves nothing about well-formedness.
const LT = 0x3c;
const SLASH = 0x2f;
const GT = 0x3e;
const END_MESSAGE = Buffer.from('</message>');
const END_IQ = Buffer.from('</iq>');
const END_PRESENCE = Buffer.from('</presence>');

export interface WalkerHandler {
  message(buffer: Buffer, start: number, end: number): void;
  iq(buffer: Buffer, start: number, end: number): void;
  presence(): void;
  /** `<r/>` of XEP-0198. */
  ackRequested(): void;
  /** `<a h='…'/>` of XEP-0198. */
  acked(buffer: Buffer, start: number, end: number): void;
  /** Any other first-level element, or the end of the stream. */
  other(buffer: Buffer, start: number, end: number): void;
}

/** Walks over the first-level elements of a stream, after sign-in. */
export class Walker {
  #rest: Buffer | undefined;
  readonly #handler: WalkerHandler;

  constructor(handler: WalkerHandler) {
    this.#handler = handler;
  }

  /** `chunk` may be reused by the caller afterwards. */
  feed(chunk: Buffer): void {
    let data = chunk;
    if (this.#rest !== undefined) {
      data = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    const length = data.length;
    let at = 0;
    while (at < length) {
      if (data[at] !== LT) {
        at++;
        continue;
      }
      if (at + 2 >= length) break;
      const end = this.#element(data, at);
      if (end < 0) break;
      at = end;
    }
    if (at < length) this.#rest = Buffer.from(data.subarray(at));
  }

  /** The offset after the element that starts at `at`, or -1 when it is not complete. */
  #element(data: Buffer, at: number): number {
    const handler = this.#handler;
    const first = data[at + 1];
    const second = data[at + 2];
    if (first === 0x6d) {
      const end = endOf(data, at, END_MESSAGE);
      if (end >= 0) handler.message(data, at, end);
      return end;
    }
    if (first === 0x72 && !letter(second)) {
      const end = data.indexOf(GT, at) + 1;
      if (end === 0) return -1;
      handler.ackRequested();
      return end;
    }
    if (first === 0x61 && !letter(second)) {
      const end = data.indexOf(GT, at) + 1;
      if (end === 0) return -1;
      handler.acked(data, at, end);
      return end;
    }
    if (first === 0x69) {
      const end = endOf(data, at, END_IQ);
      if (end >= 0) handler.iq(data, at, end);
      return end;
    }
    if (first === 0x70) {
      const end = endOf(data, at, END_PRESENCE);
      if (end >= 0) handler.presence();
      return end;
    }
    const end = data.indexOf(GT, at) + 1;
    if (end === 0) return -1;
    handler.other(data, at, end);
    return end;
  }
}

function letter(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x61 && byte <= 0x7a;
}

function endOf(data: Buffer, at: number, endTag: Buffer): number {
  const gt = data.indexOf(GT, at);
  if (gt < 0) return -1;
  if (data[gt - 1] === SLASH) return gt + 1;
  const end = data.indexOf(endTag, gt);
  return end < 0 ? -1 : end + endTag.length;
}
