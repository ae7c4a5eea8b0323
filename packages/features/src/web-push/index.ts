/** Web Push (RFC 8030, 8291, 8292) straight from this server: no app server of somebody else in between. UnifiedPush works the same way. */
import { accountRemoved, ConfigError, defineFeature, type Feature, type IqCall, json } from '@parley/core';
import {
  base64UrlDecode,
  base64UrlEncode,
  decodePushRegister,
  encodePushKey,
  encodePushList,
  NS,
  PUSH_DEVICE_LENGTH,
  StanzaError,
} from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import { AccountLists } from '../account-lists.ts';
import { whenReady } from '../awaitable.ts';
import { type Attempt, Outbox, type OutboxMessage } from '../outbox.ts';
import { type PushNotice, type PushTarget, pushes } from '../push/service.ts';
import { rosters } from '../roster/service.ts';
import type { OpenWebPush } from './port.ts';
import { afterAnswer, deliveryOf, type PushPayload, payloadBytes, payloadOf, type Registration } from './rules.ts';
import { registrationTransfer } from './service.ts';

export type { OpenWebPush, WebPushAnswer, WebPushMessage, WebPushPort } from './port.ts';

const TIMEOUT_MS = 10_000;
/** How often the time of the last success is written down. */
const NOTE_EVERY_MS = 86_400_000;
const TOPIC_LENGTH = 32;

interface Message extends OutboxMessage {
  readonly account: AccountRecord;
  readonly registration: Registration;
  readonly payload: PushPayload;
  readonly about: PushNotice['kind'] | 'read';
  /** The push service found it too long: say less. */
  short: boolean;
}

const targetsOf = new WeakMap<readonly Registration[], readonly PushTarget[]>();
/** The same array for the same list: every message asks. */
function targets(list: readonly Registration[]): readonly PushTarget[] {
  let there = targetsOf.get(list);
  if (there === undefined) {
    there = list.map(({ device }) => ({ key: device, device }));
    targetsOf.set(list, there);
  }
  return there;
}

/** Throws ConfigError. */
function subjectOf(host: string, contact: string): string {
  const subject = contact === '' ? `mailto:xmpp@${host}` : contact;
  if (!/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(subject))
    throw new ConfigError(`features.web-push.contact must be an address such as mailto:ops@${host} or https://…, not "${subject}".`);
  return subject;
}

/** The feature over this HTTP client. */
export function webPushFeature(open: OpenWebPush): Feature {
  return defineFeature({
    name: 'web-push',
    about: 'Tells browsers and phones of new messages by Web Push and UnifiedPush, encrypted, without an app server of somebody else.',
    implements: [
      { rfc: 8030, status: 'complete', note: 'as application server' },
      { rfc: 8291, status: 'complete' },
      { rfc: 8292, status: 'complete' },
    ],
    advertises: [NS.push],
    advertisesOnAccounts: [NS.push],
    needs: [pushes, rosters],
    provides: [registrationTransfer],
    options: {
      contact: {
        reload: 'hot',
        type: 'string',
        default: '',
        about: 'How push services reach the operator: a mailto: or https: address; mailto:xmpp@ and the domain when empty.',
      },
      maxRegistrations: {
        reload: 'hot',
        type: 'integer',
        default: 20,
        min: 1,
        max: 100,
        about: 'Devices of one account that are told by push; the one that was told longest ago makes room.',
      },
      ttl: {
        reload: 'hot',
        type: 'duration',
        default: '7d',
        min: '1m',
        max: '28d',
        about: 'How long a push service keeps a message for a device that is off.',
      },
      expire: {
        reload: 'hot',
        type: 'duration',
        default: '30d',
        min: '1h',
        max: '365d',
        about: 'A registration goes when its push service has taken nothing for so long.',
      },
      tries: { reload: 'hot', type: 'integer', default: 10, min: 1, max: 100, about: 'Attempts for one message, with growing pauses.' },
      concurrent: {
        reload: 'hot',
        type: 'integer',
        default: 32,
        min: 1,
        max: 1000,
        about: 'Requests to push services that are under way at a time.',
      },
      waiting: {
        reload: 'hot',
        type: 'integer',
        default: 10_000,
        min: 10,
        max: 1_000_000,
        about: 'Messages that wait for push services, together.',
      },
      allowLoopback: {
        reload: 'cold',
        type: 'boolean',
        default: false,
        about: 'Endpoints on this machine, also without TLS; for tests only.',
      },
    },
    check: (host, options) => void subjectOf(host, options.contact),
    setup(ctx) {
      const { config } = ctx;
      const port = open({ subject: () => subjectOf(ctx.host, config.contact), allowLoopback: config.allowLoopback, timeoutMs: TIMEOUT_MS });
      ctx.defer(() => port.close());
      return whenReady(AccountLists.open(ctx.table('web_push', json<readonly Registration[]>())), (store) => {
        const find = (account: number, device: string): Registration | undefined => store.of(account).find((one) => one.device === device);
        /** Changes one registration, or takes it out, when it is still the one that is meant. */
        const amend = (account: number, of: Registration, after: Partial<Registration> | undefined): boolean => {
          const list = store.of(account);
          const at = list.findIndex((one) => one.device === of.device && one.endpoint === of.endpoint);
          if (at < 0) return false;
          store.set(account, after === undefined ? list.toSpliced(at, 1) : list.with(at, { ...(list[at] as Registration), ...after }));
          return true;
        };
        const laneOf = (account: AccountRecord, registration: Registration): string =>
          `${account.id} ${registration.device} ${registration.endpoint}`;

        const attempt = async (_lane: string, message: Message, tries: number): Promise<Attempt> => {
          const { account, registration, payload } = message;
          // It may have gone, or been replaced, while this waited.
          if (find(account.id, registration.device)?.endpoint !== registration.endpoint) return 'done';
          const said: PushPayload = message.short ? { v: 1, type: payload.type, tag: payload.tag, total: payload.total } : payload;
          const answer = await port.send({
            endpoint: registration.endpoint,
            p256dh: registration.p256dh,
            auth: registration.auth,
            payload: payloadBytes(said),
            topic: message.topic,
            ...deliveryOf(message.about, config.ttl),
          });
          const outcome = afterAnswer(answer, tries, (ctx.random.bytes(1)[0] ?? 0) / 255);
          const now = ctx.clock.now();
          const current = find(account.id, registration.device);
          switch (outcome.then) {
            case 'done':
              if (current !== undefined && ((current.failures ?? 0) > 0 || now - (current.lastSent ?? 0) > NOTE_EVERY_MS))
                amend(account.id, registration, { lastSent: now, failures: 0 });
              return 'done';
            case 'gone':
              gone(account, registration, answer.status);
              return 'done';
            case 'smaller':
              if (message.short) return 'done';
              message.short = true;
              return 'again';
            case 'drop':
            case 'retry': {
              ctx.log.debug('push_refused', { account: account.id, status: answer.status, failure: answer.failure });
              if (current === undefined) return 'done';
              if (now - (current.lastSent ?? current.since) > config.expire) {
                gone(account, registration, answer.status);
                return 'done';
              }
              // The first failure is written down; the count only at times, as it costs a write each.
              const failures = (current.failures ?? 0) + 1;
              if (failures === 1 || failures % 10 === 0) amend(account.id, registration, { failures });
              return outcome.then === 'drop' ? 'done' : { retryAfterMs: outcome.afterMs };
            }
          }
        };
        const outbox = new Outbox<Message>({
          clock: ctx.clock,
          get concurrent() {
            return config.concurrent;
          },
          get perAccount() {
            return Math.max(1, Math.floor(config.concurrent / 8));
          },
          get waiting() {
            return config.waiting;
          },
          get tries() {
            return config.tries;
          },
          attempt,
          dropped: (_lane, message, why, error) => ctx.log.warn('push_given_up', { account: message.account.id, why, error }),
        });
        ctx.defer(() => outbox.stop());
        const gone = (account: AccountRecord, registration: Registration, status: number): void => {
          if (amend(account.id, registration, undefined)) ctx.log.info('push_registration_over', { account: account.id, status });
        };

        /** The same for each message of a conversation, different on each device, telling the push service nothing (RFC 8030 §5.4). */
        const topicOf = async (registration: Registration, account: AccountRecord, conversation: string): Promise<string> => {
          const secret = base64UrlDecode(registration.auth) ?? new Uint8Array(16);
          const mac = await ctx.crypto.hmac('SHA-256', secret, utf8Encode(`push topic\0${account.id}\0${conversation}`));
          return base64UrlEncode(mac).slice(0, TOPIC_LENGTH);
        };
        const ringing = (conversation: string): string => `${conversation} call`;

        ctx.defer(
          ctx.use(pushes).addChannel({
            name: 'web-push',
            get empty() {
              return store.size === 0;
            },
            accounts: () => store.accounts(),
            targets: (accountId) => targets(store.of(accountId)),
            async notify(target: PushTarget, notice: PushNotice) {
              const { account, conversation } = notice;
              const registration = find(account.id, target.key);
              if (registration === undefined) return;
              const topic = await topicOf(registration, account, notice.kind === 'call' ? ringing(conversation) : conversation);
              const named = notice.senderName ?? (await ctx.use(rosters).of(account)).get(conversation)?.name;
              const senderName = named === '' ? undefined : named;
              const payload = payloadOf(
                { ...notice, ...(senderName === undefined ? undefined : { senderName }) },
                registration.content,
                topic,
              );
              await new Promise<void>((settled) =>
                outbox.add(laneOf(account, registration), {
                  topic,
                  deadline: ctx.clock.now() + (notice.kind === 'call' ? 60_000 : config.ttl),
                  settled,
                  account,
                  registration,
                  payload,
                  about: notice.kind,
                  short: false,
                }),
              );
            },
            clear(target, account, conversation, total) {
              const registration = find(account.id, target.key);
              if (registration === undefined) return;
              const clear = async (): Promise<void> => {
                for (const name of [conversation, ringing(conversation)]) {
                  const topic = await topicOf(registration, account, name);
                  const lane = laneOf(account, registration);
                  // Not sent yet: then there is nothing to take back.
                  if (outbox.withdraw(lane, topic) || name !== conversation) continue;
                  const payload: PushPayload = { v: 1, type: 'read', tag: topic, total };
                  const deadline = ctx.clock.now() + 3_600_000;
                  outbox.add(lane, { topic, deadline, settled: () => {}, account, registration, payload, about: 'read', short: false });
                }
              };
              clear().catch((error: unknown) => ctx.log.error('push_clear_failed', { account: account.id, error }));
            },
          }),
        );

        const deviceOf = ({ from, payload }: IqCall): string => {
          const device = payload.attr('device') ?? from.device;
          if (device === '' || device.length > PUSH_DEVICE_LENGTH)
            throw new StanzaError('bad-request', { text: `Name the device, in at most ${PUSH_DEVICE_LENGTH} characters.` });
          return device;
        };
        const change = (accountId: number, after: readonly Registration[]): void => {
          const before = store.of(accountId);
          store.set(accountId, after);
          ctx.afterCommit(
            () => {},
            () => store.restore(accountId, before),
          );
        };

        ctx.provide(registrationTransfer, {
          of: (account) => store.of(account),
          restore: (account, { device, endpoint, p256dh, auth, content, since }) => {
            const refusal = port.refusal({ endpoint, p256dh, auth });
            if (refusal !== undefined) return refusal;
            const list = store.of(account);
            if (list.some((one) => one.device === device || one.endpoint === endpoint)) return 'This device is registered already.';
            if (list.length >= config.maxRegistrations) return 'There are too many registrations.';
            change(account, [...list, { device, endpoint, p256dh, auth, content, since }]);
            return undefined;
          },
        });
        ctx.iq('get', 'account', { name: 'key', ns: NS.push }, () => encodePushKey(port.publicKey));
        ctx.iq('set', 'account', { name: 'register', ns: NS.push }, (call) => {
          const wish = decodePushRegister(call.payload);
          if (wish === undefined) throw new StanzaError('bad-request', { text: 'A registration has an endpoint, p256dh and auth.' });
          const device = deviceOf(call);
          const refusal = port.refusal(wish);
          if (refusal !== undefined) throw new StanzaError('not-acceptable', { text: refusal });
          const { id } = call.from.account;
          const { endpoint, p256dh, auth, content } = wish;
          const before = find(id, device);
          const same = before?.endpoint === endpoint && before.p256dh === p256dh && before.auth === auth;
          const registration: Registration = same
            ? { ...before, content }
            : { device, endpoint, p256dh, auth, content, since: ctx.clock.now() };
          // A browser has one endpoint, whatever name its device has now.
          const others = store.of(id).filter((one) => one.device !== device && one.endpoint !== endpoint);
          const age = (one: Registration): number => Math.max(one.since, one.lastSent ?? 0);
          while (others.length >= config.maxRegistrations) {
            const oldest = others.reduce((a, b) => (age(b) < age(a) ? b : a));
            others.splice(others.indexOf(oldest), 1);
          }
          change(id, [...others, registration]);
        });
        ctx.iq('get', 'account', { name: 'registrations', ns: NS.push }, ({ from }) =>
          encodePushList(
            store.of(from.account.id).map(({ device, endpoint, content, since, lastSent, failures }) => ({
              device,
              service: /^[a-z]+:\/\/([^/?#]*)/.exec(endpoint)?.[1] ?? '',
              content,
              since,
              lastSent,
              failures: failures ?? 0,
            })),
          ),
        );
        ctx.iq('set', 'account', { name: 'remove', ns: NS.push }, (call) => {
          const device = deviceOf(call);
          const { id } = call.from.account;
          const before = find(id, device);
          if (before === undefined) throw new StanzaError('item-not-found', { text: 'This device is not registered.' });
          change(
            id,
            store.of(id).filter((one) => one !== before),
          );
          outbox.close(laneOf(call.from.account, before));
        });

        ctx.on(accountRemoved, 'clean', ({ account }) => {
          for (const registration of store.of(account.id)) outbox.close(laneOf(account, registration));
          store.forget(account.id);
        });
      });
    },
  });
}
