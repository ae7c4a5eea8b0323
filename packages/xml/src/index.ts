export { allocate, decodeAscii, utf8Decode, utf8Encode } from './bytes.ts';
export { Element, el, escapeAttr, escapeText, type Node, serialize } from './element.ts';
export { DEFAULT_LIMITS, PRE_AUTH_LIMITS, XmlError, type XmlErrorCondition, type XmlLimits } from './errors.ts';
export { type StreamHeader, StreamReader, type StreamReaderHandler } from './reader.ts';
export type { ChildRef } from './scan.ts';
export { elementBytes, parseElement, parseStanza, Stanza, type StanzaChange, stanzaBytes, withClientNamespace } from './stanza.ts';
