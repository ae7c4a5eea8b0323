/** Finds the message that another one refers to: by XEP-0359 origin-id, by our stanza-id, or by the `id` that its sender gave it. */
import { NS } from '@parley/protocol';
import type { Awaitable, MailboxEntry, MailboxStore } from '@parley/storage';
import { escapeAttr, parseStanza, utf8Encode } from '@parley/xml';
import { idToPosition } from './positions.ts';

/** Entries read at a time. */
const PAGE = 50;

export interface Reference {
  readonly mailbox: number;
  /** Bare JID of the other side of the conversation; in a group of who sent it. Left out: anybody. */
  readonly peer?: string;
  /** What the reference says. */
  readonly id: string;
  /** Sent by the owner of the mailbox, or by the peer. */
  readonly outgoing: boolean;
  /** Newest entries of the conversation that are looked at, at most. */
  readonly depth: number;
  /** Exclusive. */
  readonly before: number;
}

const ID_START = utf8Encode(' id="');
const END_OF_TAG = 0x3e;

/** The start tag of a stored stanza has this id; the bytes are canonical, so the attribute is written in one way only. */
function startsWithId(stanza: Uint8Array, needle: Uint8Array): boolean {
  const end = stanza.length - needle.length;
  for (let i = 0; i <= end; i++) {
    const byte = stanza[i];
    if (byte === END_OF_TAG) return false;
    if (byte !== ID_START[0]) continue;
    let at = 0;
    while (at < needle.length && stanza[i + at] === needle[at]) at++;
    if (at === needle.length) return true;
  }
  return false;
}

const idNeedle = (id: string): Uint8Array => utf8Encode(` id="${escapeAttr(id)}"`);

/** The position of the message that is meant, when it is among the newest of its conversation. */
export function findMessage(store: MailboxStore, reference: Reference): Awaitable<number | undefined> {
  const { mailbox, peer, id, outgoing } = reference;
  const seq = idToPosition(id);
  if (seq === undefined || seq >= reference.before) return byId(store, reference);
  const there = store.get(mailbox, seq);
  const isIt = (entry: MailboxEntry | undefined): Awaitable<number | undefined> =>
    entry !== undefined && (peer === undefined || entry.peer === peer) && entry.outgoing === outgoing ? seq : byId(store, reference);
  return there instanceof Promise ? there.then(isIt) : isIt(there);
}

function byId(store: MailboxStore, { mailbox, peer, id, outgoing, depth, before }: Reference): Awaitable<number | undefined> {
  const needle = idNeedle(id);
  const step = (upTo: number, left: number): Awaitable<number | undefined> => {
    if (left <= 0) return undefined;
    const limit = Math.min(PAGE, left);
    const page = store.read(mailbox, {
      ...(peer === undefined ? undefined : { peer }),
      before: upTo,
      limit,
      reverse: true,
      ...(outgoing ? undefined : { incomingOnly: true }),
    });
    const look = (entries: MailboxEntry[]): Awaitable<number | undefined> => {
      for (const entry of entries) if (entry.outgoing === outgoing && isNamed(entry.stanza, needle, id)) return entry.seq;
      const last = entries[entries.length - 1];
      return entries.length < limit || last === undefined ? undefined : step(last.seq, left - limit);
    };
    return page instanceof Promise ? page.then(look) : look(page);
  };
  return step(before, depth);
}

function isNamed(stanza: Uint8Array, needle: Uint8Array, id: string): boolean {
  return startsWithId(stanza, needle) && parseStanza(stanza, undefined, NS.client).id === id;
}
