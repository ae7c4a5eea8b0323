/**
 * Changes of messages that were sent before: corrections (XEP-0308), retractions (XEP-0424), reactions (XEP-0444). Who made the message
 * may change it, nobody else; what is retracted goes from the server, and a tombstone stays in its place.
 */
import { type ClientMessage, defineFeature, HourlyLimit, messageFromClient, tombstoneOf } from '@parley/core';
import { encodeRetracted, NS, StanzaError } from '@parley/protocol';
import { whenReady } from '../awaitable.ts';
import { pushes } from '../push/service.ts';
import { mediaReferences } from '../upload/service.ts';
import { changeOf } from './rules.ts';
import { type Found, Targets } from './targets.ts';

/** Newest entries of the conversation among which a message is looked for by its `id`. */
const NEAR = 200;
/** The same for the few that are not found there. */
const FAR = 5000;
const FAR_PER_HOUR = 120;

export default defineFeature({
  name: 'changes',
  about: 'Lets people correct, retract and react to messages: checks who may, and removes what was retracted from the server.',
  implements: [
    { xep: 308, version: '1.2.1', status: 'complete', note: "kept for devices that are away; another's message cannot be corrected" },
    { xep: 424, version: '0.4.2', status: 'complete', note: 'with tombstones' },
    { xep: 444, version: '0.2.1', status: 'complete' },
    { xep: 461, version: '0.2.1', status: 'complete', note: 'nothing for the server to do but keep them' },
  ],
  advertises: [NS.retraction],
  advertisesOnAccounts: [NS.retraction, NS.tombstone],
  options: {
    perHour: {
      reload: 'hot',
      type: 'integer',
      default: 3600,
      min: 0,
      max: 1_000_000,
      about: 'Corrections, retractions and reactions that one account may send in an hour; 0 is no limit.',
    },
  },
  setup(ctx) {
    const targets = new Targets(ctx);
    const changes = new HourlyLimit(ctx.config.perHour);
    ctx.onReload(() => {
      changes.perHour = ctx.config.perHour;
    });
    const farther = new HourlyLimit(FAR_PER_HOUR);

    const find = (event: ClientMessage, id: string): Found | Promise<Found> =>
      whenReady(targets.find(event, id, NEAR), (found): Found | Promise<Found> => {
        if (found !== undefined) return found;
        return farther.take(String(event.from.account.id), ctx.clock.now()) > 0 ? undefined : targets.find(event, id, FAR);
      });

    /** What is retracted goes in the same commit in which the retraction is kept. */
    const retract = async (event: ClientMessage, found: Found): Promise<void> => {
      // Devices that were away must hear of it, whatever the hint says (XEP-0424 §5).
      event.keep = event.recipient !== undefined;
      if (found === undefined || found === 'foreign') return;
      const entries = await targets.withCorrections(found);
      const seqs = new Set([found.seq, ...entries.map(({ seq }) => seq)]);
      const release = await ctx.find(mediaReferences)?.release([...seqs], event.from.account.id);
      const { id } = event.stanza;
      event.kept ??= [];
      event.kept.push((seq) => {
        const retracted = encodeRetracted({ id: id ?? ctx.mailboxes.stanzaId(seq), stamp: ctx.clock.now() });
        try {
          for (const entry of entries) {
            const done = ctx.mailboxes.store.replace(entry.seq, tombstoneOf(entry.stanza, retracted));
            if (done instanceof Promise) done.catch((error: unknown) => ctx.log.error('retraction_failed', { error }));
          }
          release?.();
          const { recipient, from } = event;
          if (recipient !== undefined) ctx.afterCommit(() => ctx.find(pushes)?.withdrawn(recipient, from.bare, [...seqs]));
        } catch (error) {
          // The batch is refused as a whole, and with it the retraction.
          ctx.log.warn('retraction_refused', { error });
        }
      });
    };

    ctx.on(messageFromClient, 'guard', (event): void | Promise<void> => {
      const { stanza, from } = event;
      if (stanza.type === 'error' || stanza.type === 'headline' || stanza.type === 'groupchat') return;
      const change = changeOf(stanza);
      if (change === undefined) return;
      if (changes.take(String(from.account.id), ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too many changes of messages. Try again in a minute.' });
      if (change.kind === 'react') return;
      return whenReady(find(event, change.id), (found): void | Promise<void> => {
        if (found === 'foreign') throw new StanzaError('forbidden', { text: 'Only who has sent a message can correct or retract it.' });
        if (change.kind === 'retract') return retract(event, found);
      });
    });
  },
});
