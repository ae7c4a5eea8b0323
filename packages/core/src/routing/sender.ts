/** What the server writes over a client's message, and how it recognises the same one again. By bytes. */
import { Jid, NS } from '@parley/protocol';
import { type ChildRef, type Element, type Stanza, stanzaBytes } from '@parley/xml';
import type { Session } from '../session/session.ts';

/** `from` is the full JID of the sender whatever it wrote (RFC 6120 §8.1.2.1); forged stanza-ids of ours go (XEP-0359 §5). `other`: the recipient's domain. */
export function stampSender(from: Session, stanza: Stanza, domain: string, other = domain): Uint8Array {
  const drop = forgedIn(stanza, domain, other);
  const to = stanza.to ?? from.bare;
  return stanzaBytes(stanza, drop === undefined ? { from: from.address, to } : { from: from.address, to, drop });
}

/** What a service sends, which says itself who it is from: without what only this server may say. */
export function withoutForged(stanza: Stanza, domain: string): Uint8Array {
  const drop = forgedIn(stanza, domain);
  return drop === undefined ? stanzaBytes(stanza) : stanzaBytes(stanza, { drop });
}

/** Children that claim to come from this server or an account on it; undefined when there are none. */
function forgedIn(stanza: Stanza, domain: string, other = domain): ((ref: ChildRef) => boolean) | undefined {
  if (!stanza.has('stanza-id', NS.sid) && !stanza.has('delay', NS.delay)) return undefined;
  const ours = new Set<ChildRef>();
  const refs = stanza.children;
  const tree = stanza.element().elements();
  for (let i = 0; i < tree.length; i++) {
    const child = tree[i] as Element;
    const by =
      child.name === 'stanza-id' && child.ns === NS.sid
        ? child.attr('by')
        : child.name === 'delay' && child.ns === NS.delay
          ? child.attr('from')
          : undefined;
    if (by === undefined) {
      if (child.name === 'stanza-id' && child.ns === NS.sid) ours.add(refs[i] as ChildRef);
      continue;
    }
    const jid = Jid.tryParse(by);
    // A relayed one of elsewhere may stay.
    if (jid === undefined || jid.domain === domain || jid.domain === other) ours.add(refs[i] as ChildRef);
  }
  return (ref) => ours.has(ref);
}

/** The same message from another session of the device: all but `from` must agree. */
export function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  const innerOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.indexOf(0x3e) + 1);
  const x = innerOf(a);
  const y = innerOf(b);
  if (x.length !== y.length) return false;
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}
