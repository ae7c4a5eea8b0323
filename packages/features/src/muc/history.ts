/** What somebody who comes in is shown: the last messages and the subject (XEP-0045 §7.2.12 to §7.2.14). */
import { encodeDelay, type MucJoin, NS } from '@parley/protocol';
import type { Awaitable, MailboxEntry } from '@parley/storage';
import { el, parseStanza, utf8Decode } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { Hub } from './hub.ts';
import { MESSAGE_HEAD, withHead } from './hub.ts';
import type { Room, Seat } from './room.ts';

/** Whether a kept entry is something that was said, rather than a change of the subject or of who is a member. */
function isSaid(room: Room, entry: MailboxEntry): boolean {
  if (entry.peer === room.bare) return false;
  const stanza = parseStanza(entry.stanza, undefined, NS.client);
  return !(stanza.has('subject') && !stanza.has('body') && !stanza.has('thread'));
}

export function sendHistory(hub: Hub, room: Room, seat: Seat, wanted: MucJoin['history'], through: number): Awaitable<void> {
  const { config } = hub.ctx;
  const most = Math.min(wanted?.maxstanzas ?? room.config.maxHistory, room.config.maxHistory, config.history);
  const chars = wanted?.maxchars ?? Number.POSITIVE_INFINITY;
  if (most === 0 || chars === 0 || room.locked) return sendSubject(room, seat);
  const bySeconds = wanted?.seconds === undefined ? undefined : hub.now - wanted.seconds * 1000;
  const since = Math.max(bySeconds ?? 0, wanted?.since ?? 0);
  const start = since > 0 ? { start: since } : undefined;
  const page = hub.ctx.mailboxes.store.read(room.id, { ...start, before: through + 1, limit: most * 2, reverse: true });
  return whenReady(page, (entries) => {
    const { stamps } = hub.ctx.mailboxes;
    const chosen: Uint8Array[] = [];
    let left = chars;
    for (const entry of entries) {
      if (chosen.length >= most) break;
      if (!isSaid(room, entry) || !hub.mayHear(seat.session, entry)) continue;
      const bytes = withHead(seat.messageHead, stamps.late(entry.stanza, room.bare, entry.seq, entry.at, room.bare), MESSAGE_HEAD);
      // Only whole stanzas, and as many as fit: counting characters costs, so only when somebody wants it.
      if (left !== Number.POSITIVE_INFINITY) {
        left -= utf8Decode(bytes).length;
        if (left < 0) break;
      }
      chosen.push(bytes);
    }
    if (room.seats.get(seat.session) !== seat) return;
    for (const bytes of chosen.reverse()) seat.session.sendBytes(bytes);
    sendSubject(room, seat);
  });
}

/** §7.2.13: always, also when there is none. */
function sendSubject(room: Room, seat: Seat): void {
  const { subject } = room.record;
  seat.session.send(
    el(
      'message',
      { from: subject === undefined ? room.bare : room.addressOf(subject.nick), to: seat.session.address, type: 'groupchat' },
      el('subject', null, subject === undefined || subject.text === '' ? undefined : subject.text),
      subject === undefined ? undefined : encodeDelay({ from: room.bare, stamp: subject.at }),
    ),
  );
}
