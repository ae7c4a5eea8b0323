/** Addresses: RFC 7622. */
import { utf8Encode } from '@parley/xml';
import { prepareDomain } from './domain.ts';
import { opaqueString, PrecisError, usernameCaseMapped } from './precis.ts';

export type JidPart = 'local' | 'domain' | 'resource';

/** A text that is no address; `part` says where. The text itself is not in the message. */
export class JidError extends Error {
  override readonly name = 'JidError';
  readonly part: JidPart;
  constructor(part: JidPart, reason: string, cause?: unknown) {
    super(`This is not an address: the ${part} part is ${reason}.`, cause === undefined ? undefined : { cause });
    this.part = part;
  }
}

const PART_BYTES = 1023;
/** RFC 7622 §3.3.1: what a localpart may not have beyond PRECIS. */
const LOCAL_FORBIDDEN = /["&'/:<>@]/;
const LOCAL_ASCII = /^[!#-%(-.0-9;=?A-Z[-~]+$/;
const RESOURCE_ASCII = /^[\x20-\x7e]+$/;

function checkBytes(part: JidPart, text: string): void {
  if (text.length > PART_BYTES || (text.length * 3 > PART_BYTES && utf8Encode(text).length > PART_BYTES))
    throw new JidError(part, `longer than ${PART_BYTES} bytes`);
}

function prepare(part: JidPart, text: string, profile: (text: string) => string): string {
  if (text === '') throw new JidError(part, 'empty');
  // Before the work as well as after it: preparing is bounded by what it is given.
  if (text.length > PART_BYTES + 1) throw new JidError(part, `longer than ${PART_BYTES} bytes`);
  let out: string;
  try {
    out = profile(text);
  } catch (error) {
    if (error instanceof PrecisError) throw new JidError(part, `not allowed (${error.message})`, error);
    throw error;
  }
  checkBytes(part, out);
  return out;
}

function prepareLocal(text: string): string {
  if (text.length <= PART_BYTES && LOCAL_ASCII.test(text)) return text.toLowerCase();
  const out = prepare('local', text, usernameCaseMapped);
  if (LOCAL_FORBIDDEN.test(out)) throw new JidError('local', 'not allowed (one of " & \' / : < > @)');
  return out;
}

function prepareResource(text: string): string {
  if (text.length <= PART_BYTES && RESOURCE_ASCII.test(text)) return text;
  return prepare('resource', text, opaqueString);
}

// Two generations instead of a list of uses: an entry that is asked for again moves to the young one, the old one is dropped whole.
const GENERATION = 5000;
const CACHED_LENGTH = 256;
let young = /* @__PURE__ */ new Map<string, Jid>();
let old = /* @__PURE__ */ new Map<string, Jid>();

function remember(text: string, jid: Jid): void {
  if (young.size >= GENERATION) {
    old = young;
    young = new Map();
  }
  young.set(text, jid);
}

const PREPARED = Symbol('prepared');

/** An address whose parts are prepared: two that mean the same are equal texts. Immutable. */
export class Jid {
  readonly local: string;
  readonly domain: string;
  /** '' in a bare address. */
  readonly resource: string;
  /** `local@domain`, or `domain` without a localpart. */
  readonly bare: string;
  readonly full: string;

  private constructor(local: string, domain: string, resource: string, _key: typeof PREPARED) {
    this.local = local;
    this.domain = domain;
    this.resource = resource;
    this.bare = local === '' ? domain : `${local}@${domain}`;
    this.full = resource === '' ? this.bare : `${this.bare}/${resource}`;
  }

  /** Parses and prepares (RFC 7622 §3.1). Throws JidError. Results are cached by text. */
  static parse(text: string): Jid {
    const hot = young.get(text);
    if (hot !== undefined) return hot;
    const warm = old.get(text);
    if (warm !== undefined) {
      remember(text, warm);
      return warm;
    }
    if (text.length > 3 * PART_BYTES + 2) throw new JidError('domain', 'too long');
    const slash = text.indexOf('/');
    const front = slash < 0 ? text : text.slice(0, slash);
    const at = front.indexOf('@');
    const jid = new Jid(
      at < 0 ? '' : prepareLocal(front.slice(0, at)),
      prepare('domain', at < 0 ? front : front.slice(at + 1), prepareDomain),
      slash < 0 ? '' : prepareResource(text.slice(slash + 1)),
      PREPARED,
    );
    if (text.length <= CACHED_LENGTH) remember(text, jid);
    return jid;
  }

  /** Like `parse`, with undefined for what is no address. */
  static tryParse(text: string): Jid | undefined {
    try {
      return Jid.parse(text);
    } catch (error) {
      if (error instanceof JidError) return undefined;
      throw error;
    }
  }

  /** From parts, which are prepared. '' or undefined leaves localpart and resource out. Throws JidError. */
  static of(local: string | undefined, domain: string, resource?: string): Jid {
    return new Jid(
      local === undefined || local === '' ? '' : prepareLocal(local),
      prepare('domain', domain, prepareDomain),
      resource === undefined || resource === '' ? '' : prepareResource(resource),
      PREPARED,
    );
  }

  get isBare(): boolean {
    return this.resource === '';
  }

  toBare(): Jid {
    return this.resource === '' ? this : new Jid(this.local, this.domain, '', PREPARED);
  }

  /** The same account with this resource ('' for none). Throws JidError. */
  withResource(resource: string): Jid {
    return new Jid(this.local, this.domain, resource === '' ? '' : prepareResource(resource), PREPARED);
  }

  equals(other: Jid): boolean {
    return this === other || this.full === other.full;
  }

  toString(): string {
    return this.full;
  }

  toJSON(): string {
    return this.full;
  }
}
