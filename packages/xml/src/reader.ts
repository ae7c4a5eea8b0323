import { EMPTY, exactCopy, utf8Encode } from './bytes.ts';
import { notWellFormed, overLimit, XmlError, type XmlLimits } from './errors.ts';
import { giveScanner, type Scanner, type Scope, TagEnd, takeScanner } from './scan.ts';
import { finishStanza, Stanza } from './stanza.ts';
import { INCOMPLETE } from './tag.ts';

/** The start tag of a stream. */
export interface StreamHeader {
  readonly name: string;
  readonly ns: string;
  readonly prefix: string;
  /** The default namespace of the stream's content. */
  readonly defaultNs: string;
  readonly to?: string;
  readonly from?: string;
  readonly version?: string;
  readonly id?: string;
  readonly lang?: string;
  /** The attributes that are not above, as those of an Element; not of a header that came as a frame (RFC 7395). */
  readonly others?: Readonly<Record<string, string>>;
}

export interface StreamReaderHandler {
  /** The stream header; again after restart(). */
  open(header: StreamHeader): void;
  stanza(stanza: Stanza): void;
  /** The end tag of the stream. Nothing follows. */
  close(): void;
  /** Terminal: nothing more is emitted. */
  error(error: XmlError): void;
}

const PROLOG = 0;
const OPEN = 1;
/** The header closed itself: the end is still to be emitted. */
const CLOSING = 2;
const ENDED = 3;
type State = typeof PROLOG | typeof OPEN | typeof CLOSING | typeof ENDED;

const NO_SCOPE: Scope = { defaultNs: '', bindings: [] };
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"([^"]*)"|'([^']*)')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>$/;

/** What #step found when it is no stanza. */
const MORE = 0;
const NOTHING = 1;
const END = 2;
type Found = Stanza | StreamHeader | typeof MORE | typeof NOTHING | typeof END;

/** An owned buffer is not shrunk below this. */
const SMALL_BYTES = 512;

/** The scope of the last stream that was opened: nearly all of them have the same, which then costs a connection nothing. */
let lastScope: Scope = NO_SCOPE;

function shareScope(defaultNs: string, bindings: readonly string[]): Scope {
  const same = lastScope.defaultNs === defaultNs && lastScope.bindings.length === bindings.length;
  if (!same || bindings.some((s, i) => s !== lastScope.bindings[i])) lastScope = { defaultNs, bindings };
  return lastScope;
}

/** A header that was read and found good. */
interface KnownHeader {
  /** From `<` to `>`. */
  readonly bytes: Uint8Array;
  readonly header: StreamHeader;
  readonly scope: Scope;
  readonly closing: string;
}

/** Longer headers and declarations are read anew each time. */
const KNOWN_BYTES = 512;
/** The last header under these limits. Clients of one kind begin alike, and it comes twice for each sign-in: comparing is cheaper than reading. */
const knownHeaders = new WeakMap<XmlLimits, KnownHeader>();
/** The last XML declaration. */
let knownDeclaration: Uint8Array = EMPTY;

/** Whether `b[p..end)` begins with these bytes, of which there are some. */
function beginsWith(b: Uint8Array, p: number, end: number, bytes: Uint8Array): boolean {
  const length = bytes.length;
  if (length === 0 || end - p < length) return false;
  for (let i = 0; i < length; i++) if (b[p + i] !== bytes[i]) return false;
  return true;
}

/** Cuts a byte stream into the header, first-level elements and the end of an XML stream (RFC 6120 §4), within limits. */
export class StreamReader {
  readonly #handler: StreamReaderHandler;
  #limits: XmlLimits;
  #state: State = PROLOG;
  /** Before the first byte of a stream: a byte order mark or an XML declaration may come. */
  #fresh = true;
  /** White space of the previous stream may still come. */
  #restarted = false;
  #paused = false;
  #busy = false;
  #buf: Uint8Array = EMPTY;
  #owned = true;
  /** Unread or unfinished bytes are #buf[#mark..#end). */
  #mark = 0;
  #end = 0;
  /** Held only while an element is incomplete. */
  #scanner: Scanner | undefined = undefined;
  #tagEnd: TagEnd | undefined = undefined;
  #scope: Scope = NO_SCOPE;
  #closing = '';

  constructor(handler: StreamReaderHandler, limits: XmlLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Bytes held for an unfinished element or because of a pause. */
  get bufferedBytes(): number {
    return this.#end - this.#mark;
  }

  /** Takes the next bytes; the chunk may be reused afterwards. What a handler throws comes out here, and reading can go on. */
  feed(chunk: Uint8Array): void {
    if (this.#state === ENDED || chunk.length === 0) return;
    if (this.#mark < this.#end || this.#busy) this.#append(chunk);
    else {
      this.#buf = chunk;
      this.#owned = false;
      this.#mark = 0;
      this.#end = chunk.length;
    }
    this.#drain();
  }

  /** Nothing more is emitted until resume(); bytes are kept. */
  pause(): void {
    this.#paused = true;
  }

  /** Emits at once what has been kept. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#drain();
  }

  /** Holds from the next first-level element on. */
  setLimits(limits: XmlLimits): void {
    this.#limits = limits;
  }

  /** A new stream header comes next (RFC 6120 §5.4.3.3, §6.4.6); unread bytes belong to it. An ended stream stays ended. */
  restart(): void {
    if (this.#state === ENDED) return;
    this.#state = PROLOG;
    this.#fresh = true;
    this.#restarted = true;
    this.#scope = NO_SCOPE;
    this.#forgetPartial();
  }

  /** Throws unread bytes away (RFC 6120 §5.4.3.3: what was sent before TLS is not to be trusted after it). */
  discard(): void {
    this.#forgetPartial();
    this.#mark = this.#end = 0;
    this.#buf = EMPTY;
    this.#owned = true;
  }

  /** Emits nothing more and frees what is held. */
  destroy(): void {
    this.#state = ENDED;
    this.#closing = '';
    this.#scope = NO_SCOPE;
    this.discard();
  }

  #forgetPartial(): void {
    if (this.#scanner) giveScanner(this.#scanner);
    this.#scanner = undefined;
    this.#tagEnd = undefined;
  }

  #append(chunk: Uint8Array): void {
    const held = this.#end - this.#mark;
    const need = held + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.#buf.length) {
      // Moving is paid for by growth: the room is at least doubled unless half of it has been read already
      const room = this.#owned && need * 2 <= this.#buf.length ? this.#buf : new Uint8Array(this.#owned ? Math.max(need * 2, 256) : need);
      if (room === this.#buf) room.copyWithin(0, this.#mark, this.#end);
      else room.set(this.#buf.subarray(this.#mark, this.#end));
      this.#buf = room;
      this.#owned = true;
      this.#mark = 0;
      this.#end = held;
    }
    this.#buf.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #drain(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#paused && (this.#mark < this.#end || this.#state === CLOSING) && this.#state !== ENDED && this.#step());
    } finally {
      this.#busy = false;
      const held = this.#end - this.#mark;
      if (held === 0 || this.#state === ENDED) {
        this.#mark = this.#end = 0;
        this.#buf = EMPTY;
        this.#owned = true;
      } else if (!this.#owned || (this.#mark > 0 && this.#buf.length > SMALL_BYTES && held * 4 < this.#buf.length)) {
        // The chunk is the caller's; and a few bytes must not keep the room that a large element needed
        this.#buf = exactCopy(this.#buf, this.#mark, this.#end);
        this.#mark = 0;
        this.#end = held;
        this.#owned = true;
      }
    }
  }

  /** Reads one item and emits it; false when more bytes are needed. */
  #step(): boolean {
    let found: Found;
    try {
      found = this.#state === PROLOG ? this.#prolog() : this.#state === CLOSING ? END : this.#content();
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      this.destroy();
      this.#handler.error(error);
      return false;
    }
    if (found === MORE) return false;
    if (found === NOTHING) return true;
    if (found === END) {
      this.#state = ENDED;
      this.#forgetPartial();
      this.#handler.close();
    } else if (found instanceof Stanza) this.#handler.stanza(found);
    else this.#handler.open(found);
    return true;
  }

  /** Skips white space; false when there is nothing else. */
  #skipSpace(): boolean {
    const b = this.#buf;
    const end = this.#end;
    let p = this.#mark;
    while (p < end && isSpace(b[p]!)) p++;
    this.#mark = p;
    return p < end;
  }

  #content(): Stanza | typeof MORE | typeof END {
    if (!this.#scanner) {
      if (!this.#tagEnd && !this.#skipSpace()) return MORE;
      const b = this.#buf;
      const p = this.#mark;
      const c = b[p]!;
      if (c !== 0x3c) {
        if (c < 0x20 || c >= 0x80) throw notWellFormed('a character that cannot be between first-level elements');
        throw new XmlError('bad-format', 'there is text between first-level elements');
      }
      if (p + 1 >= this.#end) return MORE;
      const kind = b[p + 1]!;
      if (kind === 0x2f) return this.#endTag();
      if (kind === 0x3f) throw new XmlError('restricted-xml', 'processing instructions are not allowed');
      if (kind === 0x21) {
        if (p + 2 >= this.#end) return MORE;
        if (b[p + 2] === 0x5b) throw new XmlError('bad-format', 'there is text between first-level elements');
        throw new XmlError('restricted-xml', 'comments and document types are not allowed');
      }
      this.#scanner = takeScanner();
      this.#scanner.begin(this.#limits, this.#scope);
    }
    const scanner = this.#scanner;
    const start = this.#mark;
    const after = scanner.run(this.#buf, start, this.#end);
    if (after === INCOMPLETE) return MORE;
    this.#mark = after;
    this.#scanner = undefined;
    const stanza = finishStanza(scanner, this.#buf, start, after, this.#scope, scanner.limits);
    giveScanner(scanner);
    return stanza;
  }

  /** Whether the tag at the mark is complete; then its end. */
  #wholeTag(): number {
    if (!this.#tagEnd) {
      this.#tagEnd = new TagEnd();
      this.#tagEnd.begin(1);
    }
    const limit = this.#mark + this.#limits.stanzaBytes;
    const found = this.#tagEnd.find(this.#buf, this.#mark, Math.min(this.#end, limit));
    if (!found) {
      if (this.#end >= limit) throw overLimit('stanzaBytes', this.#limits);
      return INCOMPLETE;
    }
    this.#tagEnd = undefined;
    return this.#mark + TagEnd.foundAt;
  }

  #endTag(): typeof MORE | typeof END {
    const after = this.#wholeTag();
    if (after === INCOMPLETE) return MORE;
    const b = this.#buf;
    const start = this.#mark + 2;
    let stop = after - 1;
    while (isSpace(b[stop - 1]!)) stop--;
    const name = utf8Encode(this.#closing);
    if (stop - start !== name.length || name.some((c, i) => b[start + i] !== c)) {
      throw notWellFormed('an end tag does not match the stream header');
    }
    this.#mark = after;
    return END;
  }

  #prolog(): StreamHeader | typeof MORE | typeof NOTHING {
    const b = this.#buf;
    if (this.#fresh) {
      const p = this.#mark;
      const c = b[p]!;
      if (this.#restarted && isSpace(c)) {
        this.#mark++;
        return NOTHING;
      }
      if (c === 0 || c >= 0xfe) throw new XmlError('unsupported-encoding', 'the stream is not UTF-8');
      if (c === 0xef) {
        if ((p + 1 < this.#end && b[p + 1] !== 0xbb) || (p + 2 < this.#end && b[p + 2] !== 0xbf)) throw notWellFormed('invalid UTF-8');
        if (p + 2 >= this.#end) return MORE;
        // a declaration may still follow, a second mark may not
        if (p + 3 >= this.#end) return MORE;
        if (b[p + 3] === 0xef) throw notWellFormed('a byte order mark inside the stream');
        this.#mark += 3;
        this.#restarted = false;
        return NOTHING;
      }
    }
    if (!this.#tagEnd && !this.#skipOrStay()) return MORE;
    const p = this.#mark;
    if (b[p] !== 0x3c) throw notWellFormed('the stream does not begin with <');
    if (p + 1 >= this.#end) return MORE;
    const kind = b[p + 1]!;
    if (kind === 0) throw new XmlError('unsupported-encoding', 'the stream is not UTF-8');
    if (kind === 0x21) throw new XmlError('restricted-xml', 'comments and document types are not allowed');
    if (kind === 0x3f && !this.#fresh) throw new XmlError('restricted-xml', 'processing instructions are not allowed');
    if (!this.#tagEnd && kind !== 0x3f) {
      const known = knownHeaders.get(this.#limits);
      if (known !== undefined && beginsWith(b, p, this.#end, known.bytes)) return this.#opened(known, p + known.bytes.length);
    }
    if (kind === 0x3f && !this.#tagEnd && beginsWith(b, p, this.#end, knownDeclaration)) {
      this.#mark = p + knownDeclaration.length;
      this.#fresh = false;
      return NOTHING;
    }
    if (kind === 0x3f) {
      // known early: a quote in another processing instruction means nothing, so its end could be missed
      for (let i = 2; i < 6 && p + i < this.#end; i++) {
        if (i < 5 ? b[p + i] !== '<?xml'.charCodeAt(i) : !isSpace(b[p + i]!)) {
          throw new XmlError('restricted-xml', 'processing instructions are not allowed');
        }
      }
    }
    const after = this.#wholeTag();
    if (after === INCOMPLETE) return MORE;
    if (kind === 0x3f) {
      checkDeclaration(latin(b, p, after));
      if (after - p <= KNOWN_BYTES) knownDeclaration = exactCopy(b, p, after);
      this.#mark = after;
      this.#fresh = false;
      return NOTHING;
    }
    return this.#header(p, after);
  }

  #skipOrStay(): boolean {
    const before = this.#mark;
    const more = this.#skipSpace();
    if (this.#mark > before) this.#fresh = false;
    return more;
  }

  /** The stream is open, with a header that ends before `after`. */
  #opened(known: KnownHeader, after: number): StreamHeader {
    this.#scope = known.scope;
    this.#closing = known.closing;
    this.#mark = after;
    this.#state = OPEN;
    this.#fresh = this.#restarted = false;
    return known.header;
  }

  #header(p: number, after: number): StreamHeader {
    const scanner = takeScanner();
    scanner.begin(this.#limits, NO_SCOPE);
    const selfClosing = scanner.header(this.#buf, p, after);
    this.#scope = shareScope(scanner.headerDefault, scanner.bindings);
    this.#closing = scanner.rawName(this.#buf, p);
    this.#mark = after;
    this.#state = selfClosing ? CLOSING : OPEN;
    this.#fresh = this.#restarted = false;
    const colon = this.#closing.indexOf(':');
    let version: string | undefined;
    let lang: string | undefined;
    const others = Object.create(null) as Record<string, string>;
    if (scanner.type !== undefined) others['type'] = scanner.type;
    for (let i = 0; i < scanner.others.length; i += 2) {
      if (scanner.others[i] === 'version') version = scanner.others[i + 1];
      else if (scanner.others[i] === 'xml:lang') lang = scanner.others[i + 1];
      else others[scanner.others[i] as string] = scanner.others[i + 1] as string;
    }
    const header: StreamHeader = {
      name: scanner.name,
      ns: scanner.ns,
      prefix: colon < 0 ? '' : this.#closing.slice(0, colon),
      defaultNs: scanner.headerDefault,
      others,
      to: scanner.to,
      from: scanner.from,
      version,
      id: scanner.id,
      lang,
    };
    giveScanner(scanner);
    if (!selfClosing && after - p <= KNOWN_BYTES)
      knownHeaders.set(this.#limits, { bytes: exactCopy(this.#buf, p, after), header, scope: this.#scope, closing: this.#closing });
    return header;
  }
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 10 || c === 13 || c === 9;
}

function latin(b: Uint8Array, start: number, end: number): string {
  let s = '';
  for (let i = start; i < end; i++) s += String.fromCharCode(b[i]!);
  return s;
}

function checkDeclaration(text: string): void {
  const m = DECLARATION.exec(text);
  if (!m) throw notWellFormed('the XML declaration is malformed');
  if ((m[1] ?? m[2]) !== '1.0') throw notWellFormed('the XML version is not 1.0');
  const encoding = m[3] ?? m[4];
  if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8') {
    throw new XmlError('unsupported-encoding', 'the encoding is not UTF-8');
  }
}
