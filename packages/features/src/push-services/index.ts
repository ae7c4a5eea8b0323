/** XEP-0357: Push Notifications, for clients that have an app server of their own. */
import { accountRemoved, defineFeature, json } from '@parley/core';
import { decodePushDisable, decodePushEnable, encodePushPublish, Jid, NS, type PublishOptions, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { AccountLists } from '../account-lists.ts';
import { whenReady } from '../awaitable.ts';
import { type Attempt, Outbox, type OutboxMessage } from '../outbox.ts';
import { type PushNotice, type PushTarget, pushes } from '../push/service.ts';
import { rosters } from '../roster/service.ts';
import { afterFailure, type Content, summaryOf } from './rules.ts';
import { appServerTransfer } from './service.ts';

interface Enabled {
  /** The app server: a service of this server, or the full JID of a session here. */
  readonly jid: string;
  readonly node?: string;
  /** Secrets between the app server and this server: told to nobody else, not even to the account. */
  readonly options?: PublishOptions;
  /** The device that enabled it. */
  readonly device: string;
  readonly since: number;
}

interface Message extends OutboxMessage {
  readonly account: AccountRecord;
  readonly enabled: Enabled;
  readonly notice: PushNotice;
}

const ANSWER_MS = 20_000;
const WORTH_MS = 3_600_000;
const keyOf = ({ jid, node }: Pick<Enabled, 'jid' | 'node'>): string => JSON.stringify([jid, node]);

const targetsOf = new WeakMap<readonly Enabled[], readonly PushTarget[]>();
function targets(list: readonly Enabled[]): readonly PushTarget[] {
  let there = targetsOf.get(list);
  if (there === undefined) {
    there = list.map((one) => ({ key: keyOf(one), device: one.device }));
    targetsOf.set(list, there);
  }
  return there;
}

export default defineFeature({
  name: 'push-services',
  about: 'Tells the app servers of clients that something is new, so that they can wake a phone.',
  implements: [
    {
      xep: 357,
      version: '0.4.1',
      status: 'complete',
      note: 'app servers that are components of this server, or sessions of contacts on it',
    },
  ],
  advertises: [NS.push0357],
  advertisesOnAccounts: [NS.push0357],
  needs: [pushes, rosters],
  provides: [appServerTransfer],
  options: {
    content: {
      reload: 'hot',
      type: 'string',
      default: 'none',
      values: ['none', 'sender', 'full'],
      about: 'What app servers, which are run by others, are told: only how many messages wait, also who wrote, or also the text.',
    },
    maxEnabled: {
      reload: 'hot',
      type: 'integer',
      default: 20,
      min: 1,
      max: 100,
      about: 'App servers and nodes that one account may enable; the oldest makes room.',
    },
    failures: {
      reload: 'hot',
      type: 'integer',
      default: 5,
      min: 1,
      max: 100,
      about: 'Failures in a row that may pass before an app server is disabled.',
    },
    waiting: {
      reload: 'hot',
      type: 'integer',
      default: 10_000,
      min: 10,
      max: 1_000_000,
      about: 'Notifications that wait for app servers, together.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    return whenReady(AccountLists.open(ctx.table('push_services', json<readonly Enabled[]>())), (store) => {
      /** Failures in a row, by lane; forgotten with a success. */
      const failures = new Map<string, number>();
      const laneOf = (account: AccountRecord, enabled: Enabled): string => `${account.id} ${keyOf(enabled)}`;
      const find = (accountId: number, key: string): Enabled | undefined => store.of(accountId).find((one) => keyOf(one) === key);

      /** A device of the account itself, or of somebody who lets it see their presence: people are not written to by the server at others' wish. */
      const maySend = (account: AccountRecord, to: Jid): Awaitable<boolean> => {
        const bare = `${account.localpart}@${account.domain}`;
        if (to.domain !== ctx.host || to.bare === bare) return true;
        return whenReady(ctx.accounts.get(to.local), (owner) => owner !== undefined && ctx.use(rosters).isSubscriber(owner, bare));
      };
      const publish = async ({ account, enabled, notice }: Message): Promise<void> => {
        const to = Jid.parse(enabled.jid);
        if (!(await maySend(account, to))) throw new StanzaError('forbidden');
        const payload = encodePushPublish(enabled.node, summaryOf(notice, config.content as Content), enabled.options);
        if (to.domain !== ctx.host) {
          await ctx.askService(to, payload, { type: 'set', timeoutMs: ANSWER_MS });
          return;
        }
        const session = ctx.sessionAt(to.full);
        if (session === undefined) throw new StanzaError('recipient-unavailable');
        await ctx.ask(session, payload, { type: 'set', timeoutMs: ANSWER_MS });
      };
      const attempt = async (lane: string, message: Message): Promise<Attempt> => {
        const { account, enabled } = message;
        if (find(account.id, keyOf(enabled)) === undefined) return 'done';
        try {
          await publish(message);
          failures.delete(lane);
          return 'done';
        } catch (error) {
          const count = (failures.get(lane) ?? 0) + 1;
          const verdict = afterFailure(
            error instanceof StanzaError ? error : new StanzaError('internal-server-error'),
            count,
            config.failures,
          );
          if (!(error instanceof StanzaError)) ctx.log.error('push_publish_failed', { account: account.id, error });
          if (verdict.then === 'disable') {
            failures.delete(lane);
            // §7: an app server that answers with an error is not asked again.
            store.set(
              account.id,
              store.of(account.id).filter((one) => keyOf(one) !== keyOf(enabled)),
            );
            ctx.log.info('push_service_disabled', { account: account.id, service: Jid.parse(enabled.jid).domain });
            return 'done';
          }
          failures.set(lane, count);
          return { retryAfterMs: verdict.afterMs };
        }
      };
      const outbox = new Outbox<Message>({
        clock: ctx.clock,
        concurrent: 64,
        perAccount: 4,
        get waiting() {
          return config.waiting;
        },
        get tries() {
          return config.failures + 1;
        },
        attempt,
        dropped: (_lane, { account }, why, error) => ctx.log.warn('push_given_up', { account: account.id, why, error }),
      });
      ctx.defer(() => outbox.stop());

      ctx.defer(
        ctx.use(pushes).addChannel({
          name: 'push-services',
          get empty() {
            return store.size === 0;
          },
          accounts: () => store.accounts(),
          targets: (accountId) => targets(store.of(accountId)),
          notify(target, notice) {
            const { account } = notice;
            const enabled = find(account.id, target.key);
            if (enabled === undefined) return Promise.resolve();
            return new Promise((settled) =>
              outbox.add(laneOf(account, enabled), {
                topic: notice.conversation,
                deadline: ctx.clock.now() + WORTH_MS,
                settled,
                account,
                enabled,
                notice,
              }),
            );
          },
          // There is no way to take something back at an app server; what was not sent need not be.
          clear(target, account, conversation) {
            const enabled = find(account.id, target.key);
            if (enabled !== undefined) outbox.withdraw(laneOf(account, enabled), conversation);
          },
        }),
      );

      const change = (accountId: number, after: readonly Enabled[]): void => {
        const before = store.of(accountId);
        store.set(accountId, after);
        ctx.afterCommit(
          () => {},
          () => store.restore(accountId, before),
        );
      };
      ctx.provide(appServerTransfer, {
        of: (account) => store.of(account).filter(({ jid }) => Jid.parse(jid).domain !== ctx.host),
        restore: (account, { jid, node, options, device, since }) => {
          const to = Jid.tryParse(jid);
          // Whether it is there shows when it is told of something: a component connects after the server has started.
          if (to === undefined || to.domain === ctx.host) return 'An app server is a component here.';
          const list = store.of(account);
          const enabled: Enabled = {
            jid: to.toString(),
            ...(node === undefined ? undefined : { node }),
            ...(options === undefined ? undefined : { options }),
            device,
            since,
          };
          if (list.some((one) => keyOf(one) === keyOf(enabled))) return 'This app server is enabled already.';
          if (list.length >= config.maxEnabled) return 'There are too many app servers.';
          change(account, [...list, enabled]);
          return undefined;
        },
      });
      ctx.iq('set', 'account', { name: 'enable', ns: NS.push0357 }, ({ from, payload }) => {
        const wish = decodePushEnable(payload);
        if (wish === undefined)
          throw new StanzaError('bad-request', { text: 'An app server has a jid, a node, and at most a form of publish-options.' });
        const jid = Jid.tryParse(wish.jid);
        if (jid === undefined) throw new StanzaError('jid-malformed');
        if (jid.domain === ctx.host && (jid.local === '' || jid.resource === ''))
          throw new StanzaError('not-acceptable', { text: 'An app server is a component, or a session by its full JID.' });
        // There is no way to other servers: what could never be told is not promised.
        if (jid.domain !== ctx.host && !ctx.hasService(jid.domain)) throw new StanzaError('remote-server-not-found');
        return whenReady(maySend(from.account, jid), (may) => {
          if (!may) throw new StanzaError('forbidden', { text: 'This session is not an app server for you.' });
          const { id } = from.account;
          const enabled: Enabled = { ...wish, jid: jid.toString(), device: from.device, since: ctx.clock.now() };
          const others = store.of(id).filter((one) => keyOf(one) !== keyOf(enabled));
          failures.delete(laneOf(from.account, enabled));
          change(id, [...others.slice(Math.max(0, others.length + 1 - config.maxEnabled)), enabled]);
        });
      });
      ctx.iq('set', 'account', { name: 'disable', ns: NS.push0357 }, ({ from, payload }) => {
        const wish = decodePushDisable(payload);
        if (wish === undefined) throw new StanzaError('bad-request', { text: 'Which app server?' });
        const jid = Jid.tryParse(wish.jid)?.toString();
        const { account } = from;
        const gone = store.of(account.id).filter((one) => one.jid === jid && (wish.node === undefined || one.node === wish.node));
        if (gone.length === 0) return;
        for (const one of gone) {
          outbox.close(laneOf(account, one));
          failures.delete(laneOf(account, one));
        }
        change(
          account.id,
          store.of(account.id).filter((one) => !gone.includes(one)),
        );
      });
      ctx.on(accountRemoved, 'clean', ({ account }) => {
        for (const one of store.of(account.id)) {
          outbox.close(laneOf(account, one));
          failures.delete(laneOf(account, one));
        }
        store.forget(account.id);
      });
    });
  },
});
