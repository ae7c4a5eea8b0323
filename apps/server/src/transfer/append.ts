/** Messages of elsewhere into mailboxes of here, as they were, without what only the other server could know. */
import { shouldKeepContent } from '@parley/core';
import { ephemeralTimers } from '@parley/features/ephemeral/service';
import { mediaReferences } from '@parley/features/upload/service';
import { decodeEphemeral, NS } from '@parley/protocol';
import type { MailboxCopy, StorageError } from '@parley/storage';
import { type Element, el, Stanza, stanzaBytes } from '@parley/xml';
import type { Host } from '../engine.ts';
import { PIE } from './format.ts';

/** What ejabberd notes beside the stanza-id. */
const ARCHIVED = 'urn:xmpp:mam:tmp';
/** Messages between two commits. */
const TOGETHER = 500;

export class Appender {
  readonly #engine: Host;
  #done: Promise<void> | undefined;
  #error: StorageError | undefined;
  #sinceCommit = 0;

  constructor(engine: Host) {
    this.#engine = engine;
  }

  /** Appends with the time of then; answers the position. Not `timed`: it speaks of a timer (XEP-0466) and does not go by it. Throws StorageError. */
  async append(message: Element, at: number, copy: Omit<MailboxCopy, 'quiet'>, timed = true): Promise<number> {
    const { core, features } = this.#engine;
    // Ids and times that the other server had given hold there, not here.
    const plain = el('message', { ...message.attrs, xmlns: NS.client });
    for (const child of message.children) {
      if (typeof child === 'string') continue;
      const given = (child.name === 'stanza-id' && child.ns === NS.sid) || (child.name === 'delay' && child.ns === NS.delay);
      if (!given && child.ns !== PIE && child.ns !== ARCHIVED) plain.append(child);
    }
    const stanza = Stanza.from(plain);
    const bytes = stanzaBytes(stanza);
    const { quiet } = shouldKeepContent(stanza);
    const seq = core.mailboxes.append(bytes, [{ ...copy, quiet }], Math.min(at, core.clock.now()));
    if (stanza.has('file-sharing', NS.sfs) || stanza.has('x', NS.oob)) features.service(mediaReferences)?.refer(seq, [copy.mailbox], bytes);
    const timer = !timed ? undefined : decodeEphemeral(stanza.child('ephemeral', NS.ephemeral));
    if (timer !== undefined) features.service(ephemeralTimers)?.startTimer(seq, timer, 0, at);
    // In this turn: behind its commit it would be too late, and readers would not see so far.
    this.#done = new Promise((resolve, reject) => core.mailboxes.whenDurable({ seq, committed: resolve, refused: reject }));
    this.#done.catch((error: StorageError) => {
      this.#error ??= error;
    });
    if (++this.#sinceCommit >= TOGETHER) await this.durable();
    return seq;
  }

  /** Everything appended so far is on disk. Throws StorageError. */
  async durable(): Promise<void> {
    this.#sinceCommit = 0;
    await this.#done;
    if (this.#error !== undefined) throw this.#error;
  }
}
