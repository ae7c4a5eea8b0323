/** Rooms: what they are like, who belongs to them, what was said (docs/protocol/transfer.md). */
import { roomTransfer } from '@parley/features/muc/service';
import { encodeDataForm, formatDateTime, NS } from '@parley/protocol';
import { type Element, el, escapeAttr, serialize, utf8Decode, withClientNamespace } from '@parley/xml';
import type { Host } from '../engine.ts';
import { PIE_MAM, TRANSFER, type TransferCounts } from './format.ts';
import type { ExportOutput } from './output.ts';

const PAGE = 500;

export async function exportRooms(engine: Host, out: ExportOutput, counts: TransferCounts): Promise<void> {
  const rooms = engine.features.service(roomTransfer);
  if (rooms === undefined) return;
  await out.text(`<rooms xmlns="${TRANSFER}" jid="${escapeAttr(rooms.domain)}">\n`);
  for (const name of await rooms.names()) {
    const room = await rooms.read(name);
    if (room === undefined) continue;
    counts.rooms++;
    counts.roomAffiliations += room.people.length;
    const key = room.secret === '' ? '' : ` occupant-key="${room.secret}"`;
    await out.text(`<room name="${escapeAttr(room.local)}" stamp="${formatDateTime(room.createdAt)}"${key}>\n`);
    const write = (element: Element): Promise<void> => out.text(`${serialize(element, TRANSFER)}\n`);
    await write(encodeDataForm({ ...room.config, type: 'submit' }));
    const { subject } = room;
    if (subject !== undefined)
      await write(el('subject', { xmlns: TRANSFER, nick: subject.nick, stamp: formatDateTime(subject.at) }, subject.text));
    if (room.vCard !== undefined) await write(room.vCard);
    for (const { uri, title, hue } of room.hats) await write(el('hat', { xmlns: TRANSFER, uri, title, hue }));
    for (const { jid, affiliation, nick, reason, since, read } of room.people) {
      const place = (seq: number): string | undefined => (seq > 0 ? engine.core.mailboxes.stanzaId(seq) : undefined);
      const worn = (room.worn[jid] ?? []).map((uri) => el('wears', { uri }));
      const said = reason === undefined ? undefined : el('reason', null, reason);
      await write(el('person', { xmlns: TRANSFER, jid, affiliation, nick, since: place(since), read: place(read) }, said, ...worn));
    }
    counts.roomMessages += await archive(engine, out, room.mailbox);
    await out.text('</room>\n');
  }
  await out.text('</rooms>\n');
}

async function archive(engine: Host, out: ExportOutput, mailbox: number): Promise<number> {
  let count = 0;
  await out.text(`<archive xmlns="${PIE_MAM}">\n`);
  for (let after = 0; ; ) {
    const page = await engine.storage.mailboxes.read(mailbox, { after, limit: PAGE });
    const lines = page.map(({ seq, at, peer, stanza }) => {
      // Who it was is known by the server alone, where the room shows no addresses.
      const head = `<result xmlns="${NS.mam}" id="${engine.core.mailboxes.stanzaId(seq)}"><forwarded xmlns="${NS.forward}">`;
      const sender = `<sender xmlns="${TRANSFER}" jid="${escapeAttr(peer)}"/>`;
      const stamp = `<delay xmlns="${NS.delay}" stamp="${formatDateTime(at)}"/>`;
      return `${head}${stamp}${utf8Decode(withClientNamespace(stanza))}</forwarded>${sender}</result>\n`;
    });
    await out.text(lines.join(''));
    count += page.length;
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) break;
    after = last.seq;
  }
  await out.text('</archive>\n');
  return count;
}
