/**
 * Messages that disappear (XEP-0466), enforced by the server: when their time is up they go from every mailbox, with what is known of
 * them (text index, files). The clients let theirs go by the same timer.
 */
import { accountRemoved, type ClientMessage, defineFeature, json, messageFromClient } from '@parley/core';
import { decodeEphemeral, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { mediaReferences } from '../upload/service.ts';
import { bounded, timerOf } from './rules.ts';
import { ephemeralTimers } from './service.ts';
import { TimerStore } from './timers.ts';

/** Messages that go at a time, and the pause before the next ones. */
const SLICE = 100;
const PAUSE_MS = 20;

export default defineFeature({
  name: 'ephemeral',
  about:
    'Messages that disappear after a time, for both sides or a whole group: the server removes them when it is up, also the ones that were never fetched.',
  implements: [{ xep: 466, version: '0.1.0', status: 'partial', note: 'the timer begins when the server takes the message' }],
  advertisesOnAccounts: [NS.ephemeral],
  provides: [ephemeralTimers],
  options: {
    shortest: {
      reload: 'hot',
      type: 'duration',
      default: '1h',
      min: '1s',
      max: '30d',
      about: 'Messages with a shorter timer stay on the server for so long, so that devices that are away still get them.',
    },
    longest: { reload: 'hot', type: 'duration', default: '365d', min: '1h', max: '3650d', about: 'Longer timers count as this.' },
    sweepEvery: {
      reload: 'hot',
      type: 'duration',
      default: '30s',
      min: '1s',
      max: '1h',
      about: 'How often it is looked for messages whose time is up.',
    },
  },
  setup(ctx) {
    return whenReady(
      ctx.once('timers', () => TimerStore.open(ctx.table('ephemeral_timers', json<number>()))),
      (timers) => {
        const { clock, mailboxes } = ctx;
        const within = (seconds: number): number => bounded(seconds, ctx.config.shortest / 1000, ctx.config.longest / 1000);
        const startTimer = (seq: number, seconds: number, sender: number, from = clock.now()): void => {
          if (seconds > 0) mailboxes.store.setDue(seq, from + within(seconds) * 1000, sender);
        };
        const allowed = (seconds: number): number => bounded(seconds, 1, ctx.config.longest / 1000);
        const set = (account: number, jid: string, seconds: number): number => {
          const value = allowed(seconds);
          timers.set(account, jid, value);
          ctx.afterCommit(
            () => {},
            () => timers.undo(account),
          );
          return value;
        };
        ctx.provide(ephemeralTimers, {
          of: (account, jid) => whenReady(timers.get(account, jid), (seconds) => seconds ?? 0),
          all: (account) => timers.all(account),
          set,
          bounded: allowed,
          startTimer,
        });

        /** Nothing was said between the two so far. */
        const isNew = ({ from, to }: ClientMessage): Awaitable<boolean> =>
          whenReady(mailboxes.store.read(from.account.id, { peer: to.bare, limit: 1 }), (entries) => entries.length === 0);

        /** The timer that this message goes by, in seconds. */
        const decide = (event: ClientMessage, own: number | undefined): Awaitable<number> => {
          const { account } = event.from;
          if (own !== undefined) return own;
          return whenReady(timers.get(account.id, event.to.bare), (ofConversation) => {
            if (ofConversation !== undefined) return ofConversation;
            return whenReady(
              timers.defaultOf(account.id),
              (ofNewOnes): Awaitable<number> =>
                ofNewOnes === 0 ? 0 : whenReady(isNew(event), (fresh) => timerOf(own, ofConversation, ofNewOnes, fresh)),
            );
          });
        };

        ctx.on(messageFromClient, 'rule', (event): Awaitable<void> => {
          const { stanza, from, to, recipient } = event;
          const tagged = stanza.has('ephemeral', NS.ephemeral);
          if (recipient === undefined || (!tagged && !timers.has(from.account.id))) return;
          const own = tagged ? decodeEphemeral(stanza.child('ephemeral', NS.ephemeral)) : undefined;
          if (tagged && own === undefined) throw new StanzaError('bad-request', { text: 'A timer is a whole number of seconds.' });
          if (!event.keep) return;
          return whenReady(decide(event, own), (seconds) =>
            whenReady(timers.get(from.account.id, to.bare), (mine) =>
              whenReady(timers.get(recipient.id, from.bare), (theirs) => {
                if (seconds === 0 && (mine ?? 0) === 0 && (theirs ?? 0) === 0 && !tagged) return;
                event.kept ??= [];
                event.kept.push((seq) => {
                  // XEP-0466 §3.3: what one of them sends is agreed between both.
                  const agreed = tagged || (mine === undefined && seconds > 0);
                  if (agreed && (mine ?? 0) !== seconds) set(from.account.id, to.bare, seconds);
                  if (agreed && (theirs ?? 0) !== seconds) set(recipient.id, from.bare, seconds);
                  startTimer(seq, seconds, from.account.id);
                });
              }),
            ),
          );
        });

        ctx.iq('get', 'account', { name: 'default', ns: NS.conversations }, ({ account }) =>
          whenReady(timers.defaultOf(account.id), (seconds) => el('default', { xmlns: NS.conversations, timer: seconds })),
        );
        ctx.iq('set', 'account', { name: 'default', ns: NS.conversations }, ({ account, payload }) => {
          const timer = payload.attr('timer') ?? '';
          if (!/^\d{1,10}$/.test(timer)) throw new StanzaError('bad-request', { text: 'A timer is a whole number of seconds.' });
          timers.setDefault(account.id, allowed(Number(timer)));
          ctx.afterCommit(
            () => {},
            () => timers.undo(account.id),
          );
        });

        const sweep = async (): Promise<void> => {
          for (;;) {
            const due = await mailboxes.store.due(clock.now(), SLICE);
            for (const { seq, sender } of due) {
              const release = await ctx.find(mediaReferences)?.release([seq], sender);
              await mailboxes.store.discard(seq);
              release?.();
            }
            if (due.length > 0) ctx.log.info('messages_disappeared', { messages: due.length });
            if (due.length < SLICE) return;
            await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
          }
        };
        let stop: () => void = () => {};
        let over = false;
        const watch = (): void => {
          if (over) return;
          stop = clock.after(ctx.config.sweepEvery, () => {
            sweep()
              .catch((error: unknown) => ctx.log.error('sweep_failed', { error }))
              .finally(watch);
          });
        };
        // The log is that of all domains: one of them looks at it.
        const sweeps = ctx.once('sweeper', () => ctx.host) === ctx.host;
        if (sweeps) watch();
        ctx.onReload(() => {
          stop();
          if (sweeps) watch();
        });
        ctx.defer(() => {
          over = true;
          stop();
        });
        ctx.on(accountRemoved, 'clean', ({ account }) => timers.forget(account.id));
      },
    );
  },
});
