/** Stanza errors: RFC 6120 §8.3. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';

export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

/** RFC 6120 §8.3.3 with the type each is associated with there. */
const DEFAULT_TYPE = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Record<string, StanzaErrorType>;

export type StanzaErrorCondition = keyof typeof DEFAULT_TYPE;

/** All conditions, in the order of the RFC. */
export const STANZA_ERROR_CONDITIONS: readonly StanzaErrorCondition[] = /* @__PURE__ */ Object.keys(DEFAULT_TYPE) as StanzaErrorCondition[];

const TYPES: readonly string[] = ['auth', 'cancel', 'continue', 'modify', 'wait'];
const TEXT_LENGTH = 2048;

export interface StanzaErrorOptions {
  /** Default: what RFC 6120 §8.3.3 says for the condition. */
  type?: StanzaErrorType;
  /** For people. */
  text?: string;
  /** An application-specific condition (§8.3.4). */
  extra?: Element;
  /** The address that made the error (§8.3.2). */
  by?: string;
  /** New address; with `gone` and `redirect` only. */
  uri?: string;
  cause?: unknown;
}

/** An error that goes to a client, or came from one. Thrown by handlers; `message` is the text. */
export class StanzaError extends Error {
  override readonly name = 'StanzaError';
  readonly condition: StanzaErrorCondition;
  readonly type: StanzaErrorType;
  readonly text?: string;
  readonly extra?: Element;
  readonly by?: string;
  readonly uri?: string;

  constructor(condition: StanzaErrorCondition, options: StanzaErrorOptions = {}) {
    super(options.text ?? condition, options.cause === undefined ? undefined : { cause: options.cause });
    this.condition = condition;
    this.type = options.type ?? DEFAULT_TYPE[condition];
    this.text = options.text;
    this.extra = options.extra;
    this.by = options.by;
    this.uri = condition === 'gone' || condition === 'redirect' ? options.uri : undefined;
  }

  /** The `<error/>` element, in `jabber:client`. */
  toElement(): Element {
    return el(
      'error',
      { xmlns: NS.client, type: this.type, by: this.by },
      el(this.condition, { xmlns: NS.stanzas }, this.uri),
      this.text === undefined ? undefined : el('text', { xmlns: NS.stanzas }, this.text),
      this.extra,
    );
  }

  /** Reads an `<error/>`; what is missing or unknown becomes `undefined-condition` and the default type. */
  static fromElement(element: Element): StanzaError {
    let condition: StanzaErrorCondition = 'undefined-condition';
    let extra: Element | undefined;
    let uri: string | undefined;
    for (const child of element.elements()) {
      if (child.ns !== NS.stanzas) extra ??= child;
      else if (Object.hasOwn(DEFAULT_TYPE, child.name)) {
        condition = child.name as StanzaErrorCondition;
        uri = child.text().trim() || undefined;
      }
    }
    const type = element.attr('type');
    return new StanzaError(condition, {
      type: type !== undefined && TYPES.includes(type) ? (type as StanzaErrorType) : undefined,
      text: element.childText('text', NS.stanzas)?.slice(0, TEXT_LENGTH),
      by: element.attr('by'),
      extra,
      uri,
    });
  }
}
