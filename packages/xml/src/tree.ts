import { decodeProven, intern } from './bytes.ts';
import { Element, XML_NS } from './element.ts';
import { NO_LIMITS } from './errors.ts';
import type { Scope } from './scan.ts';
import { attributeValue, scanStartTag, tag, textValue } from './tag.ts';

/** Builds the tree of one element that the scanner has proven; `scope` is what surrounds it. */
export function buildTree(b: Uint8Array, start: number, end: number, scope: Scope): Element {
  const top = new Element('', scope.defaultNs);
  const open: Element[] = [top];
  const defaults: string[] = [scope.defaultNs];
  const bindings: string[] = [...scope.bindings];
  const marks: number[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') open[open.length - 1]!.children.push(text);
    text = '';
  };
  let p = start;
  while (p < end) {
    if (b[p] !== 0x3c) {
      let q = b.indexOf(0x3c, p);
      if (q < 0 || q > end) q = end;
      text += textValue(b, p, q);
      p = q;
      continue;
    }
    const c = b[p + 1];
    if (c === 0x21) {
      let q = p + 9;
      while (b[q] !== 0x5d || b[q + 1] !== 0x5d || b[q + 2] !== 0x3e) q++;
      text += decodeProven(b, p + 9, q).replace(/\r\n?/g, '\n');
      p = q + 3;
      continue;
    }
    flush();
    if (c === 0x2f) {
      open.pop();
      defaults.pop();
      bindings.length = marks.pop()!;
      p = b.indexOf(0x3e, p) + 1;
      continue;
    }
    const after = scanStartTag(b, p, end, NO_LIMITS);
    let defaultNs = defaults[defaults.length - 1]!;
    const mark = bindings.length;
    for (let i = 0; i < tag.count; i++) {
      const s = tag.nameStart[i]!;
      const colon = tag.colons[i]!;
      if (colon < 0 ? intern(b, s, tag.nameStop[i]!) === 'xmlns' : intern(b, s, colon) === 'xmlns') {
        const ns = attributeValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
        if (colon < 0) defaultNs = ns;
        else bindings.push(intern(b, colon + 1, tag.nameStop[i]!), ns);
      }
    }
    const colon = tag.colon;
    const name = intern(b, colon < 0 ? p + 1 : colon + 1, tag.nameEnd);
    const e = new Element(name, colon < 0 ? defaultNs : lookup(bindings, intern(b, p + 1, colon)));
    e.unqualified = e.ns === '';
    for (let i = 0; i < tag.count; i++) {
      const s = tag.nameStart[i]!;
      const at = tag.colons[i]!;
      let key = intern(b, at < 0 ? s : at + 1, tag.nameStop[i]!);
      if (at < 0) {
        if (key === 'xmlns') continue;
      } else {
        const prefix = intern(b, s, at);
        if (prefix === 'xmlns') continue;
        const ns = lookup(bindings, prefix);
        key = ns === XML_NS ? `xml:${key}` : `{${ns}}${key}`;
      }
      e.attrs[key] = attributeValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
    }
    open[open.length - 1]!.children.push(e);
    if (tag.selfClosing) bindings.length = mark;
    else {
      open.push(e);
      defaults.push(defaultNs);
      marks.push(mark);
    }
    p = after;
  }
  return top.children[0] as Element;
}

function lookup(bindings: readonly string[], prefix: string): string {
  if (prefix === 'xml') return XML_NS;
  for (let i = bindings.length - 2; i >= 0; i -= 2) if (bindings[i] === prefix) return bindings[i + 1]!;
  throw new Error(`the prefix ${prefix} was proven to be declared but is not`);
}
