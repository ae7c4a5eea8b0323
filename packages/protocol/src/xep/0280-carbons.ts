/** XEP-0280: Message Carbons. */
import { type Element, el, type Stanza } from '@parley/xml';
import { Jid } from '../jid/jid.ts';
import { NS } from '../ns.ts';
import { decodeForwarded, encodeForwarded } from './0297-forwarding.ts';

export interface Carbon {
  direction: 'sent' | 'received';
  message: Element;
}

export function carbonsEnable(): Element {
  return el('enable', { xmlns: NS.carbons });
}
export function carbonsDisable(): Element {
  return el('disable', { xmlns: NS.carbons });
}

/** The copy for another session of the account: from its bare address, of the type of the original (§6). */
export function wrapCarbon(direction: 'sent' | 'received', ownBare: string, to: string, message: Element): Element {
  return el(
    'message',
    { xmlns: NS.client, from: ownBare, to, type: message.attr('type') },
    el(direction, { xmlns: NS.carbons }, encodeForwarded({ stanza: message })),
  );
}

/**
 * The message inside a carbon. Undefined when it is none, and when it does not come from our own bare address:
 * anybody else could put words into a contact's mouth with it (§11). `from` absent means our own account (RFC 6120 §8.1.2.1).
 */
export function unwrapCarbon(stanza: Stanza, ownBare: string): Carbon | undefined {
  if (stanza.name !== 'message') return undefined;
  const sent = stanza.has('sent', NS.carbons);
  if (!sent && !stanza.has('received', NS.carbons)) return undefined;
  if (stanza.from !== undefined && stanza.from !== ownBare && Jid.tryParse(stanza.from)?.full !== ownBare) return undefined;
  const direction = sent ? 'sent' : 'received';
  const message = decodeForwarded(stanza.child(direction, NS.carbons)?.child('forwarded', NS.forward))?.stanza;
  return message?.name === 'message' ? { direction, message } : undefined;
}
