/** Tells devices that are not there of what is new. Which way is the matter of channels (Web Push, XEP-0357). */
import {
  accountRemoved,
  defineFeature,
  json,
  messageRouted,
  presenceFromClient,
  type RoutedMessage,
  sessionDetached,
  sessionEnded,
  sessionResumed,
  stanzaToService,
} from '@parley/core';
import { Jid, NS } from '@parley/protocol';
import { whenReady } from '../awaitable.ts';
import { bookmarks } from '../bookmarks/service.ts';
import { conversationLists } from '../conversations/service.ts';
import { clientStates } from '../csi/service.ts';
import { pep } from '../pep/service.ts';
import { PushEngine } from './engine.ts';
import { watchGroups } from './groups.ts';
import { recover } from './recovery.ts';
import { endsRinging, noteworthy, showsReading, wishOf } from './rules.ts';
import { pushes } from './service.ts';

const BODY_LENGTH = 2000;
const THROUGH = 'through';

export default defineFeature({
  name: 'push',
  about: 'Decides when devices that are not connected are told of new messages.',
  implements: [{ rfc: 8030, status: 'partial', note: 'when devices are told; how is the matter of web-push' }],
  provides: [pushes],
  options: {
    grace: {
      reload: 'hot',
      type: 'duration',
      default: '30s',
      min: '1s',
      max: '10m',
      about: 'How long a device that seems to be there may take to acknowledge a message before the others are told by push.',
    },
    window: {
      reload: 'hot',
      type: 'duration',
      default: '10s',
      min: '0s',
      max: '10m',
      about: 'Messages of one conversation that come within this time are told together.',
    },
    recoverAfter: {
      reload: 'cold',
      type: 'duration',
      default: '15s',
      min: '0s',
      max: '10m',
      about: 'After a start devices have this long to come back before what was not told before the end is told by push.',
    },
  },
  setup(ctx) {
    // The list of features has csi before push.
    const states = ctx.find(clientStates);
    const table = ctx.table('push', json<number>());
    const engine = new PushEngine({
      clock: ctx.clock,
      log: ctx.log,
      sessionsOf: ctx.sessionsOf,
      isInactive: (session) => states?.isInactive(session) ?? false,
      taken: (account, device) =>
        whenReady(ctx.mailboxes.store.cursors(account.id), (cursors) => cursors.find((one) => one.device === device)?.seq ?? 0),
      get graceMs() {
        return ctx.config.grace;
      },
      get windowMs() {
        return ctx.config.window;
      },
      told: (account, through) => table.set(account.id, THROUGH, through),
    });
    ctx.provide(pushes, engine);
    let stopped = false;
    ctx.defer(() => {
      stopped = true;
      engine.stop();
    });
    ctx.defer(
      ctx.clock.after(ctx.config.recoverAfter, () => {
        if (engine.idle) return;
        recover(
          ctx,
          engine,
          engine.accounts(),
          async (id) => (await table.get(id, THROUGH)) ?? 0,
          () => stopped,
        ).then(
          (told) => ctx.log.debug('push_recovered', { messages: told }),
          (error: unknown) => ctx.log.error('push_recovery_failed', { error }),
        );
      }),
    );

    const received = (event: RoutedMessage): void => {
      const { recipient, seq, stanza } = event;
      if (recipient === undefined || recipient.domain !== ctx.host || !engine.concerns(recipient.id)) return;
      const conversation = event.from?.bare ?? Jid.tryParse(stanza.from ?? '')?.bare ?? ctx.host;
      if (endsRinging(stanza)) engine.callOver(recipient, conversation);
      if (seq === undefined || event.from?.account.id === recipient.id) return;
      const what = noteworthy(stanza);
      if (what === undefined) return;
      const body = what.encrypted || what.kind === 'call' ? undefined : stanza.childText('body', NS.client);
      engine.arrived({
        account: recipient,
        conversation,
        kind: what.kind,
        sender: conversation,
        body: body?.slice(0, BODY_LENGTH),
        encrypted: what.encrypted,
        id: ctx.mailboxes.stanzaId(seq),
        at: ctx.clock.now(),
        seq,
      });
    };
    ctx.on(messageRouted, 'push', (event) => {
      if (engine.idle) return;
      received(event);
      const { from, to, stanza } = event;
      if (from === undefined || from.account.domain !== ctx.host || !engine.concerns(from.account.id)) return;
      if (endsRinging(stanza)) engine.callOver(from.account, to.bare);
      if (showsReading(stanza)) engine.read(from.account, to.bare);
    });

    for (const hook of [sessionDetached, sessionResumed, sessionEnded])
      ctx.on(hook, 'watch', ({ session }) => engine.changed(session.account));
    ctx.on(presenceFromClient, 'watch', ({ from }) => engine.changed(from.account));
    if (states !== undefined) ctx.defer(states.onChange((session) => engine.changed(session.account)));
    // XEP-0490: the id of the item is the conversation.
    ctx.find(pep)?.onPublished(NS.mds, ({ account, item }) => {
      const conversation = Jid.tryParse(item.id)?.bare;
      if (conversation !== undefined && engine.concerns(account.id)) engine.read(account, conversation);
    });
    const lists = ctx.find(conversationLists);
    const levels = ctx.find(bookmarks);
    ctx.defer(
      engine.addWishes((account, conversation) =>
        whenReady(levels?.notifyLevel(account, conversation), (level) =>
          whenReady(lists?.stateOf(account.id, conversation), (state) => wishOf(level, (state?.mutedUntil ?? 0) > ctx.clock.now())),
        ),
      ),
    );
    watchGroups(ctx, engine);
    // What a device says in a group, or says that it has displayed there.
    ctx.on(stanzaToService, 'guard', ({ from, stanza, to }) => {
      if (stanza.name === 'message' && !engine.idle && engine.concerns(from.account.id) && showsReading(stanza))
        engine.read(from.account, to.bare);
    });
    ctx.on(accountRemoved, 'clean', ({ account }) => engine.accountRemoved(account));
  },
});
