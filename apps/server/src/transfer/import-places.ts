/** How far an account has read its conversations: by ids of the other server, which become those of here as the archive passes by. */
import { conversationLists } from '@parley/features/conversations/service';
import { ephemeralTimers } from '@parley/features/ephemeral/service';
import { pep } from '@parley/features/pep/service';
import { decodeDisplayedState, encodeDisplayedState, Jid, NS, parseDateTime, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { Host } from '../engine.ts';
import type { TransferCounts } from './format.ts';

/** Conversations of one account that are looked after. */
const MOST = 20_000;

interface Place {
  readonly chat: string;
  /** On the other server. */
  readonly id: string;
  /** Here, when it has passed by. */
  seq: number | undefined;
  /** Told by XEP-0490, which keeps it under this name. */
  readonly node: boolean;
}

export class ReadPlaces {
  readonly #engine: Host;
  readonly #account: AccountRecord;
  readonly #counts: TransferCounts;
  readonly #left: (what: string) => void;
  readonly #bare: string;
  readonly #places: Place[] = [];
  readonly #byId = new Map<string, Place[]>();
  /** Those who have written to the account. */
  readonly #peers = new Set<string>();

  constructor(engine: Host, account: AccountRecord, counts: TransferCounts, left: (what: string) => void) {
    this.#engine = engine;
    this.#account = account;
    this.#counts = counts;
    this.#left = left;
    this.#bare = `${account.localpart}@${account.domain}`;
  }

  #wait(chat: string, id: string, node: boolean): boolean {
    if (this.#places.length >= MOST) return false;
    const place: Place = { chat, id, seq: undefined, node };
    this.#places.push(place);
    this.#byId.set(id, [...(this.#byId.get(id) ?? []), place]);
    return true;
  }

  /** An item of the node of XEP-0490; false when it is not about ids of the account, and may be taken as it is. */
  displayed(item: Element): boolean {
    const chat = item.attr('id');
    const state = decodeDisplayedState(item.elements()[0]);
    if (chat === undefined || state === undefined || Jid.tryParse(state.by)?.bare !== this.#bare) return false;
    return this.#wait(chat, state.id, true);
  }

  async conversation(element: Element): Promise<void> {
    const lists = this.#engine.features.service(conversationLists);
    const jid = Jid.tryParse(element.attr('jid') ?? '')?.bare;
    if (lists === undefined || jid === undefined) return this.#left(`the settings of the conversation with "${element.attr('jid') ?? ''}"`);
    const pinned = parseDateTime(element.attr('pinned') ?? '');
    const muted = element.attr('muted') === 'true' ? -1 : parseDateTime(element.attr('muted') ?? '');
    const room = await lists.restore(this.#account, jid, {
      ...(pinned === undefined ? undefined : { pinned }),
      ...(muted === undefined ? undefined : { muted }),
      ...(element.attr('archived') === 'true' ? { archived: true } : undefined),
    });
    if (!room) return this.#left(`the settings of the conversation with ${jid}: there are too many`);
    const displayed = element.attr('displayed');
    if (displayed !== undefined) this.#wait(jid, displayed, false);
    this.#counts.conversations++;
  }

  timer(element: Element): void {
    const timers = this.#engine.features.service(ephemeralTimers);
    const text = element.attr('jid');
    // A blank stands for new conversations.
    const jid = text === undefined ? ' ' : Jid.tryParse(text)?.bare;
    const seconds = Number(element.attr('seconds') ?? 'x');
    if (timers === undefined || jid === undefined || !Number.isSafeInteger(seconds) || seconds < 0)
      return this.#left('a timer of messages that disappear');
    timers.set(this.#account.id, jid, seconds);
  }

  /** An entry of the archive has its position here. */
  passed(id: string, seq: number, { peer, outgoing }: { readonly peer: string; readonly outgoing: boolean }): void {
    for (const place of this.#byId.get(id) ?? []) place.seq = seq;
    if (!outgoing && this.#peers.size < MOST) this.#peers.add(peer);
  }

  /**
   * The archive is there. Of conversations that nobody told anything of, everything that was delivered counts as read; else people would
   * find years of unread messages.
   */
  async finish(delivered: number): Promise<void> {
    const { core, features, storage } = this.#engine;
    const lists = features.service(conversationLists);
    for (const { chat, id, seq, node } of this.#places) {
      const here = seq === undefined ? undefined : core.mailboxes.stanzaId(seq);
      if (here !== undefined) await lists?.displayed(this.#account, chat, here);
      const state = { by: this.#bare, id: here ?? id };
      if (node) await this.#publish(chat, encodeDisplayedState(state));
      this.#peers.delete(Jid.tryParse(chat)?.bare ?? chat);
    }
    if (lists === undefined) return;
    for (const peer of this.#peers) {
      const [last] = await storage.mailboxes.read(this.#account.id, {
        peer,
        before: delivered + 1,
        incomingOnly: true,
        contentOnly: true,
        reverse: true,
        limit: 1,
      });
      if (last !== undefined) await lists.displayed(this.#account, peer, core.mailboxes.stanzaId(last.seq));
    }
  }

  async #publish(chat: string, payload: Element): Promise<void> {
    try {
      await this.#engine.features.service(pep)?.publishAs(this.#account, NS.mds, { id: chat, payload });
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.#left(`how far ${chat} was read: ${error.text ?? error.condition}`);
    }
  }
}
