/**
 * Linking a device, as people know it from WhatsApp Web: the new one shows a code, one that is signed in confirms it. The code alone opens nothing: what comes
 * of it goes to whoever holds the ticket, and only after somebody who is signed in has seen who asks and from where.
 */
import { addressGroup, defineFeature, HourlyLimit } from '@parley/core';
import { base64UrlEncode, htMechanism, NS, StanzaError } from '@parley/protocol';
import { el } from '@parley/xml';
import { tokens } from '../fast/service.ts';
import { type DeviceSignIn, isDeviceId } from '../identity/service.ts';
import { cleanLinkCode, codeOf } from './rules.ts';
import { LinkError, type Linking, linking } from './service.ts';

/** A code is shown for so long, then the new device asks for another one. */
const LIFE_MS = 120_000;
/** A request waits for so long; proxies cut those that take longer. */
const WAIT_MS = 20_000;
const TICKET_BYTES = 32;
/** Enough for eight letters, however many of the bytes are skipped. */
const CODE_BYTES = 64;
const MOST_PENDING = 10_000;
const LONGEST_NAME = 100;

/** A device that waits to be let in. */
interface Pending {
  readonly code: string;
  readonly device: string;
  readonly name: string;
  readonly mechanism: string;
  /** The network that it asks from, for the person to compare. */
  readonly place: string;
  readonly at: number;
  readonly expiresAt: number;
  outcome: DeviceSignIn | 'declined' | undefined;
  /** Whoever waits for the outcome. */
  readonly waiting: Set<() => void>;
}

export default defineFeature({
  name: 'linking',
  about: 'Lets a new device in by a code that a device which is signed in confirms.',
  implements: [{ rfc: 8628, status: 'partial', note: 'its flow, with tokens of XEP-0484 in place of those of OAuth' }],
  advertises: [NS.linking],
  needs: [tokens],
  provides: [linking],
  options: {
    perAddressPerHour: {
      reload: 'hot',
      type: 'integer',
      default: 120,
      min: 0,
      max: 1_000_000,
      about:
        'Codes for linking that are shown to one address in an hour; 0 is no limit. A page that stays open asks for one every two minutes.',
    },
    wrongPerAccountPerHour: {
      reload: 'hot',
      type: 'integer',
      default: 20,
      min: 1,
      max: 1000,
      about: 'Codes that nobody shows which one account may try in an hour.',
    },
  },
  setup(ctx) {
    const { clock, config, host } = ctx;
    /** By the hash of the ticket; in the order in which they end. */
    const pending = new Map<string, Pending>();
    const byCode = new Map<string, Pending>();
    const asks = new HourlyLimit(config.perAddressPerHour);
    const wrong = new HourlyLimit(config.wrongPerAccountPerHour);
    ctx.onReload(() => {
      asks.perHour = config.perAddressPerHour;
      wrong.perHour = config.wrongPerAccountPerHour;
    });
    const forgetOld = (): void => {
      const now = clock.now();
      for (const [ticket, one] of pending) {
        if (one.expiresAt > now) break;
        pending.delete(ticket);
        byCode.delete(one.code);
      }
    };
    const freshCode = (): string => {
      for (;;) {
        const code = codeOf(ctx.random.bytes(CODE_BYTES));
        if (code !== undefined && !byCode.has(code)) return code;
      }
    };

    const service: Linking = {
      ask({ device, name, mechanism, remoteAddress }) {
        if (!isDeviceId(device) || htMechanism(mechanism) === undefined)
          throw new LinkError('bad-device', 'This app did not say which device it is on, or how it signs in.');
        const now = clock.now();
        const place = addressGroup(remoteAddress);
        const waitMs = asks.take(place, now);
        if (waitMs > 0) throw new LinkError('too-many', 'Too many codes were asked for. Try again later.', waitMs);
        forgetOld();
        if (pending.size >= MOST_PENDING) throw new LinkError('too-many', 'Too many devices wait to be linked. Try again soon.', LIFE_MS);
        const ticket = base64UrlEncode(ctx.random.bytes(TICKET_BYTES));
        const one: Pending = {
          code: freshCode(),
          device,
          name: name.replace(/\p{C}/gu, '').trim().slice(0, LONGEST_NAME),
          mechanism,
          place,
          at: now,
          expiresAt: now + LIFE_MS,
          outcome: undefined,
          waiting: new Set(),
        };
        pending.set(ticket, one);
        byCode.set(one.code, one);
        return { code: one.code, ticket, expiresAt: one.expiresAt };
      },
      async wait(ticket, signal) {
        const one = pending.get(ticket);
        const over = new LinkError('expired', 'This code is over. Show a new one.');
        if (one === undefined || one.expiresAt <= clock.now()) throw over;
        if (one.outcome === undefined && !signal.aborted)
          await new Promise<void>((resolve) => {
            const stop = clock.after(Math.min(WAIT_MS, one.expiresAt - clock.now()), () => done());
            const done = (): void => {
              stop();
              one.waiting.delete(done);
              resolve();
            };
            one.waiting.add(done);
            signal.addEventListener('abort', done);
          });
        if (one.outcome === undefined) {
          if (one.expiresAt <= clock.now()) throw over;
          return undefined;
        }
        // It stays until the code is over: an answer that got lost is asked for again.
        if (one.outcome === 'declined') throw new LinkError('declined', 'The other device has declined.');
        return one.outcome;
      },
    };
    ctx.provide(linking, service);

    /** The device that shows this code; wrong ones are counted, so that nobody finds one by trying. */
    const shown = (account: number, text: string | undefined): Pending => {
      const code = cleanLinkCode(text ?? '');
      if (code === undefined) throw new StanzaError('bad-request', { text: 'A code has eight letters and digits.' });
      if (wrong.wait(String(account), clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too many codes were wrong. Try again later.' });
      const one = byCode.get(code);
      if (one === undefined || one.expiresAt <= clock.now() || one.outcome !== undefined) {
        wrong.take(String(account), clock.now());
        throw new StanzaError('item-not-found', { text: 'No device shows this code now.' });
      }
      return one;
    };
    const settle = (one: Pending, outcome: DeviceSignIn | 'declined'): void => {
      one.outcome = outcome;
      byCode.delete(one.code);
      for (const done of [...one.waiting]) done();
    };

    ctx.iq('get', 'account', { name: 'link', ns: NS.linking }, ({ account, payload }) => {
      const one = shown(account.id, payload.attr('code'));
      return el('link', { xmlns: NS.linking, name: one.name, place: one.place, at: new Date(one.at).toISOString() });
    });
    ctx.iq('set', 'account', { name: 'decline', ns: NS.linking }, ({ account, payload }) => {
      settle(shown(account.id, payload.attr('code')), 'declined');
    });
    ctx.iq('set', 'account', { name: 'link', ns: NS.linking }, async ({ account, from, payload }) => {
      const one = shown(account.id, payload.attr('code'));
      // From here on nobody else can confirm it.
      byCode.delete(one.code);
      const given = ctx.use(tokens);
      const { token, expiry } = await given.issue(account, one.device, one.mechanism, await given.endOf(account, from.device));
      await new Promise<void>((resolve, reject) => ctx.afterCommit(resolve, reject));
      settle(one, { account, token, mechanism: one.mechanism, expiresAt: expiry });
      ctx.log.info('device_linked', { account: account.id });
      const bare = `${account.localpart}@${account.domain}`;
      const words = `${one.name === '' ? 'A new device' : `A new device, "${one.name}",`} was linked to your account by one that is signed in. If that was not you, sign it out under linked devices.`;
      ctx.sendMessage(el('message', { from: host, to: bare, type: 'chat' }, el('body', null, words)));
    });
    ctx.defer(() => {
      for (const one of pending.values()) settle(one, 'declined');
      pending.clear();
      byCode.clear();
    });
  },
});
