/** Budgets of one stream. All of them hold while the bytes are scanned, before anything is built. */
export interface XmlLimits {
  /** Bytes of one first-level element (also of a stream header and of the rewritten canonical form). */
  stanzaBytes: number;
  /** Nesting; the first-level element itself is depth 1. */
  depth: number;
  /** Elements in one first-level element, itself included. */
  elements: number;
  /** Attributes of one element, namespace declarations not counted. */
  attributes: number;
  /** Raw bytes of one attribute value. */
  attributeBytes: number;
  /** Prefix declarations in scope at one time. */
  namespaces: number;
}

/** Before sign-in. */
export const PRE_AUTH_LIMITS: XmlLimits = Object.freeze({
  stanzaBytes: 8192,
  depth: 32,
  elements: 32,
  attributes: 32,
  attributeBytes: 4096,
  namespaces: 16,
});

/** After sign-in. */
export const DEFAULT_LIMITS: XmlLimits = Object.freeze({
  stanzaBytes: 262144,
  depth: 128,
  elements: 8192,
  attributes: 64,
  attributeBytes: 65536,
  namespaces: 64,
});

/** For what this program wrote itself a moment ago. */
export const NO_LIMITS: XmlLimits = Object.freeze({
  stanzaBytes: Infinity,
  depth: Infinity,
  elements: Infinity,
  attributes: Infinity,
  attributeBytes: Infinity,
  namespaces: Infinity,
});

/** The stream errors of RFC 6120 §4.9.3 that reading XML can lead to. */
export type XmlErrorCondition =
  | 'not-well-formed'
  | 'restricted-xml'
  | 'policy-violation'
  | 'unsupported-encoding'
  | 'invalid-namespace'
  | 'bad-format'
  | 'invalid-xml';

/** Input that is refused. `condition` is the stream error to answer with; `limit` says which budget was exceeded. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
  readonly condition: XmlErrorCondition;
  readonly limit?: keyof XmlLimits;
  constructor(condition: XmlErrorCondition, message: string, limit?: keyof XmlLimits) {
    super(message);
    this.condition = condition;
    this.limit = limit;
  }
}

export function notWellFormed(message: string): XmlError {
  return new XmlError('not-well-formed', message);
}

export function overLimit(limit: keyof XmlLimits, limits: XmlLimits): XmlError {
  return new XmlError('policy-violation', `XML exceeds the limit of ${limits[limit]} for ${limit}`, limit);
}
