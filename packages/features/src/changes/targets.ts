import { type ClientMessage, type FeatureContext, findMessage, isTombstone, type Mailboxes } from '@parley/core';
import { NS } from '@parley/protocol';
import type { Awaitable, MailboxEntry, MailboxStore } from '@parley/storage';
import { parseStanza, type Stanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';

/** Entries of a conversation after a message in which corrections of it are looked for. */
const CORRECTIONS_WITHIN = 2000;
const PAGE = 100;

/** The message that is changed: where it is, and who is asked about it. */
export interface Target {
  readonly seq: number;
  /** A mailbox that holds it, with the address of the other side there; undefined when none does any more. */
  readonly held: { readonly mailbox: number; readonly peer: string; readonly outgoing: boolean; readonly stanza: Uint8Array } | undefined;
}
export type Found = Target | 'foreign' | undefined;

/** Finds messages of one sender to one recipient. */
export class Targets {
  readonly #store: MailboxStore;
  readonly #mailboxes: Mailboxes;

  constructor(ctx: FeatureContext<unknown>) {
    this.#mailboxes = ctx.mailboxes;
    this.#store = ctx.mailboxes.store;
  }

  /**
   * The sender's own message with this id in this conversation (XEP-0424 §5, XEP-0308 §4): by origin-id, stanza-id, or its `id`
   * among the newest. 'foreign': the id is that of a message which the other side sent.
   */
  find(event: ClientMessage, id: string, depth: number): Awaitable<Found> {
    const { from, to, recipient } = event;
    if (recipient === undefined) return undefined;
    const before = Number.MAX_SAFE_INTEGER;
    const own = { mailbox: from.account.id, peer: to.bare, outgoing: recipient.id !== from.account.id };
    // The sender's copy may be gone; what the recipient has from this sender is the same message.
    const theirs = { mailbox: recipient.id, peer: from.bare, outgoing: false };
    return whenReady(this.#store.findOrigin(from.account.id, id), (seq): Awaitable<Found> => {
      if (seq !== undefined)
        return whenReady(this.#held(seq, own), (one) =>
          whenReady(one ?? this.#held(seq, theirs), (held) => this.#byOrigin(from.account.id, seq, held)),
        );
      return whenReady(findMessage(this.#store, { ...own, id, depth, before }), (mine): Awaitable<Found> => {
        if (mine !== undefined) return whenReady(this.#held(mine, own), (held) => ({ seq: mine, held }));
        return whenReady(findMessage(this.#store, { ...theirs, id, depth, before }), (delivered): Awaitable<Found> => {
          if (delivered !== undefined) return whenReady(this.#held(delivered, theirs), (held) => ({ seq: delivered, held }));
          // What the other side has sent under this origin-id is found however old it is.
          const byOrigin = this.#sentTo(recipient.id, from.bare, id);
          const foreign = whenReady(
            byOrigin,
            (sent) => sent ?? findMessage(this.#store, { mailbox: from.account.id, peer: to.bare, outgoing: false, id, depth, before }),
          );
          return own.outgoing ? whenReady(foreign, (there) => (there === undefined ? undefined : 'foreign')) : undefined;
        });
      });
    });
  }

  /** The message of this account to this address with this origin-id. */
  #sentTo(account: number, peer: string, originId: string): Awaitable<number | undefined> {
    return whenReady(this.#store.findOrigin(account, originId), (seq) =>
      seq === undefined
        ? undefined
        : whenReady(this.#store.get(account, seq), (entry) => (entry?.peer === peer && entry.outgoing ? seq : undefined)),
    );
  }

  /** With the origin-id of a message to somebody else nothing is changed here. */
  #byOrigin(account: number, seq: number, held: Target['held']): Awaitable<Found> {
    if (held !== undefined) return { seq, held };
    return whenReady(this.#store.get(account, seq), (elsewhere) => (elsewhere === undefined ? { seq, held: undefined } : undefined));
  }

  #held(seq: number, place: { mailbox: number; peer: string; outgoing: boolean }): Awaitable<Target['held']> {
    return whenReady(this.#store.get(place.mailbox, seq), (entry) =>
      entry !== undefined && entry.peer === place.peer && entry.outgoing === place.outgoing
        ? { ...place, stanza: entry.stanza }
        : undefined,
    );
  }

  /** The message with all corrections of it: what goes when it is retracted. Tombstones and retractions stay as they are. */
  async withCorrections(target: Target): Promise<MailboxEntry[]> {
    const { held } = target;
    if (held === undefined) return [];
    const root = parse(held.stanza);
    // A correction is retracted: what it corrected, too (XEP-0308 §4: each names the original).
    const ids = new Set([root.id, root.child('origin-id', NS.sid)?.attr('id'), replaces(root), this.#mailboxes.stanzaId(target.seq)]);
    const found: MailboxEntry[] = [];
    let after = target.seq - 1;
    const original = replaces(root);
    if (original !== undefined) {
      const seq = await findMessage(this.#store, { ...held, id: original, depth: CORRECTIONS_WITHIN, before: target.seq });
      if (seq !== undefined) after = seq - 1;
    }
    for (let left = CORRECTIONS_WITHIN; left > 0; left -= PAGE) {
      const page = await this.#store.read(held.mailbox, { peer: held.peer, after, limit: PAGE });
      for (const entry of page) {
        after = entry.seq;
        if (entry.outgoing !== held.outgoing) continue;
        const isRoot = entry.seq === target.seq;
        if (!isRoot && found.length > 0 && entry.quiet !== true) continue;
        const stanza = parse(entry.stanza);
        const corrected = replaces(stanza);
        const concerned = isRoot || (corrected !== undefined ? ids.has(corrected) : stanza.id !== undefined && stanza.id === original);
        if (concerned && !stanza.has('retract', NS.retraction) && !isTombstone(entry.stanza)) found.push(entry);
      }
      if (page.length < PAGE) break;
    }
    return found;
  }
}

const parse = (stanza: Uint8Array): Stanza => parseStanza(stanza, undefined, NS.client);
const replaces = (stanza: Stanza): string | undefined =>
  stanza.has('replace', NS.correction) ? stanza.child('replace', NS.correction)?.attr('id') : undefined;
