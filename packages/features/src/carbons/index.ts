/** XEP-0280: Message Carbons. Every device of an account sees both sides of a conversation. */
import {
  defineFeature,
  defineSlot,
  inlineBind,
  messageRouted,
  type RoutedMessage,
  type Session,
  sasl2Features,
  stanzaIdText,
} from '@parley/core';
import { NS } from '@parley/protocol';
import { escapeAttr, utf8Encode, withClientNamespace } from '@parley/xml';
import { isFull } from '../backlog.ts';
import { shouldCopy } from './rules.ts';

const wantsCarbons = defineSlot('carbons', 'resume', false);

const END = '</message>'.length;

/** The copy for one session: `<message><sent|received><forwarded>…`, the original by bytes with the owner's stanza-id. */
function copyOf(event: RoutedMessage, direction: 'sent' | 'received', session: Session): Uint8Array {
  const original = withClientNamespace(event.bytes);
  const type = event.stanza.type;
  const head = utf8Encode(
    `<message from="${escapeAttr(session.bare)}" to="${escapeAttr(session.address)}"${type === undefined ? '' : ` type="${escapeAttr(type)}"`}>` +
      `<${direction} xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">`,
  );
  const id = event.seq === undefined ? new Uint8Array(0) : utf8Encode(stanzaIdText(session.bare, event.seq));
  const tail = utf8Encode(`</forwarded></${direction}></message>`);
  const out = new Uint8Array(head.length + original.length + id.length + tail.length);
  const closes = endsWithEndTag(original) ? END : 0;
  let at = 0;
  for (const part of [
    head,
    original.subarray(0, original.length - closes),
    closes > 0 ? id : id.subarray(0, 0),
    original.subarray(original.length - closes),
    tail,
  ]) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** False for `<message …/>`, which has no place for more. */
function endsWithEndTag(bytes: Uint8Array): boolean {
  return bytes[bytes.length - 2] !== 0x2f;
}

/** Whether a copy can go to this session now. What is kept and came for the account it finds in its mailbox otherwise. */
function canTake(session: Session, event: RoutedMessage, direction: 'sent' | 'received'): boolean {
  if (!session.get(wantsCarbons) || session.ended) return false;
  if (direction === 'received' && event.seq !== undefined) {
    if (session.mailboxMode === 'behind') return false;
    // Before initial presence: what is kept waits in the mailbox and would come twice.
    if (session.mailboxMode === 'off' && !session.available) return false;
  }
  if (session.connected) return !session.congested;
  return session.management !== undefined && !isFull(session);
}

function send(session: Session, event: RoutedMessage, direction: 'sent' | 'received'): void {
  const inStep = event.seq !== undefined && session.mailboxMode === 'live' && event.seq > session.position;
  if (inStep) session.position = event.seq ?? session.position;
  session.sendBytes(copyOf(event, direction, session), inStep ? event.seq : 0);
}

export default defineFeature({
  name: 'carbons',
  about: 'Copies messages to the other devices of an account, those received and those sent.',
  implements: [
    { xep: 280, version: '1.0.1', status: 'complete' },
    { xep: 297, version: '1.0', status: 'complete', note: 'forwarded messages in carbons and archive results' },
  ],
  advertises: [NS.carbons, NS.carbonsRules],
  options: {},
  setup(ctx) {
    ctx.iq('set', 'account', { name: 'enable', ns: NS.carbons }, ({ from }) => from.set(wantsCarbons, true));
    ctx.iq('set', 'account', { name: 'disable', ns: NS.carbons }, ({ from }) => from.set(wantsCarbons, false));
    ctx.on(sasl2Features, 'offer', ({ bind }) => void bind.push(NS.carbons));
    ctx.on(inlineBind, 'enable', ({ session, request }) => {
      if (request.child('enable', NS.carbons) !== undefined) session.set(wantsCarbons, true);
    });
    ctx.on(messageRouted, 'copy', (event) => {
      const { from, to, recipient, deliveredTo } = event;
      let worth: boolean | undefined;
      // Of what goes from one domain of the server to another each is told, and copies to its own.
      if (recipient !== undefined && recipient.domain === ctx.host) {
        const sessions = ctx.sessionsOf(to.bare);
        for (const session of sessions) {
          if (session === from || deliveredTo.includes(session) || !canTake(session, event, 'received')) continue;
          worth ??= shouldCopy(event.stanza).copy;
          if (!worth) return;
          send(session, event, 'received');
        }
      }
      if (from === undefined || from.bare === to.bare || from.account.domain !== ctx.host) return;
      for (const session of ctx.sessionsOf(from.bare)) {
        if (session === from || !canTake(session, event, 'sent')) continue;
        worth ??= shouldCopy(event.stanza).copy;
        if (!worth) return;
        send(session, event, 'sent');
      }
    });
  },
});
