import {
  AccountError,
  addressGroup,
  defineFeature,
  type GuestStream,
  HourlyLimit,
  type IqCall,
  NOT_MINE,
  type Session,
  streamFeatures,
} from '@parley/core';
import { encodeRegistration, Jid, NS, StanzaError, type StanzaErrorCondition } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { administrators } from '../administration/service.ts';
import { IdentityError, identities } from '../identity/service.ts';
import { type OwnersWord, readRegisterSet } from './rules.ts';
import { type Registrar, RegistrationError, registrar } from './service.ts';

const QUERY = { name: 'query', ns: NS.register };
/** When to come back after the server had too many passwords to hash, ms. */
const BUSY_MS = 5000;
const INSTRUCTIONS = 'Choose a user name and a password.';
const CONDITIONS: Readonly<Record<RegistrationError['code'], StanzaErrorCondition>> = {
  closed: 'service-unavailable',
  'too-many': 'resource-constraint',
  conflict: 'conflict',
  'bad-name': 'not-acceptable',
  'bad-password': 'not-acceptable',
};

export default defineFeature({
  name: 'registration',
  about: 'Making an account with user name and password, before sign-in or through the HTTP API; changing the password; leaving.',
  implements: [{ xep: 77, version: '2.4', status: 'complete' }],
  advertises: [NS.register],
  provides: [registrar],
  options: {
    open: { reload: 'hot', type: 'boolean', default: false, about: 'Anyone may register. Without it accounts are made by the operator.' },
    perAddressPerHour: {
      reload: 'hot',
      type: 'integer',
      default: 30,
      min: 0,
      max: 1_000_000,
      about: 'Registrations tried from one address in an hour; 0 is no limit.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    const limit = new HourlyLimit(config.perAddressPerHour);
    ctx.onReload(() => {
      limit.perHour = config.perAddressPerHour;
    });
    /** Hashing a password costs the server 20 ms and more, so that an account does not ask for it all day. */
    const changes = new HourlyLimit(20);
    /** So often an hour the owner's word is looked at. */
    const words = new HourlyLimit(10);
    /** A stream makes one account (XEP-0077 §3.1.1). */
    const done = new WeakSet<GuestStream>();

    const service: Registrar = {
      get open() {
        return config.open;
      },
      async register({ localpart, password, remoteAddress }) {
        if (!config.open) throw new RegistrationError('closed', 'This server takes no registrations. Ask its operator for an account.');
        // Tries count, not successes: a try tells whether a name is taken, and costs the server the hashing of the password.
        const waitMs = limit.take(addressGroup(remoteAddress), ctx.clock.now());
        if (waitMs > 0)
          throw new RegistrationError(
            'too-many',
            `Too many registrations from your address. Try again in ${Math.ceil(waitMs / 60_000)} minutes.`,
            waitMs,
          );
        // R10: the name of an administrator who has no account yet, or none any more, is not for whoever comes first.
        const wanted = Jid.tryParse(`${localpart}@${ctx.host}`);
        if (wanted !== undefined && ctx.find(administrators)?.has(wanted.bare) === true)
          throw new RegistrationError('conflict', 'This name is taken.');
        try {
          const account = await ctx.accounts.create(localpart, password);
          ctx.log.info('account_registered', { account: account.id, address: addressGroup(remoteAddress) });
          return account;
        } catch (error) {
          if (error instanceof AccountError && error.code === 'busy') throw new RegistrationError('too-many', error.message, BUSY_MS);
          if (error instanceof AccountError && (error.code === 'conflict' || error.code === 'bad-name' || error.code === 'bad-password'))
            throw new RegistrationError(error.code, error.message);
          throw error;
        }
      },
    };
    ctx.provide(registrar, service);

    const feature = el('register', { xmlns: NS.registerFeature });
    ctx.on(streamFeatures, 'offer', ({ secure, authenticated, features }) => {
      if (config.open && !authenticated && secure) features.push(feature);
    });
    ctx.guestIq('get', QUERY, () =>
      config.open ? encodeRegistration({ instructions: INSTRUCTIONS, username: '', password: '' }) : NOT_MINE,
    );
    ctx.guestIq('set', QUERY, async ({ stream, payload }) => {
      if (!config.open) return NOT_MINE;
      const set = readRegisterSet(payload, false);
      if (set.kind === 'bad') throw new StanzaError(set.condition, { text: set.reason });
      if (set.kind === 'remove') throw new StanzaError('unexpected-request', { text: 'Sign in first.' });
      if (done.has(stream)) throw new StanzaError('not-acceptable', { text: 'This connection has made an account already.' });
      try {
        await service.register({ localpart: set.username, password: set.password, remoteAddress: stream.remoteAddress });
      } catch (error) {
        if (!(error instanceof RegistrationError)) throw error;
        throw new StanzaError(CONDITIONS[error.code], { text: error.message });
      }
      done.add(stream);
    });

    const get = ({ account }: IqCall): Element => encodeRegistration({ registered: true, username: account.localpart, password: '' });
    /** Resolves when the owner is there. A device that came in by what it keeps shows nothing of that: somebody may have found it. */
    const ownerIsThere = async (from: Session, account: AccountRecord, word: OwnersWord | undefined): Promise<void> => {
      if (word === undefined) {
        if (!from.byToken) return;
        throw new StanzaError('not-allowed', {
          text: 'Give the password of the account, or a new proof of its address or number, with this.',
        });
      }
      if (words.take(String(account.id), ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'This was tried too often. Try again in an hour.' });
      let right: boolean;
      try {
        right =
          'password' in word
            ? await ctx.accounts.verifyPassword(account, word.password, account.localpart)
            : (await ctx.find(identities)?.confirms(account, word.proof)) === true;
      } catch (error) {
        if (!(error instanceof IdentityError)) throw error;
        throw new StanzaError('not-acceptable', { text: error.message });
      }
      if (right) return;
      ctx.log.info('owner_not_shown', { account: account.id, by: 'password' in word ? 'password' : 'proof' });
      throw new StanzaError('not-authorized', {
        text:
          'password' in word ? 'This password is wrong.' : 'This is not an address, number or passkey that the account has had for a day.',
      });
    };
    const set = async ({ from, account: signedInWith, payload }: IqCall): Promise<void> => {
      // As it is now, with the password of now; and no namesake (R10).
      const account = await ctx.accounts.get(signedInWith.localpart);
      if (account?.id !== signedInWith.id) throw new StanzaError('forbidden', { text: 'This account is gone.' });

      const wish = readRegisterSet(payload, true);
      if (wish.kind === 'bad') throw new StanzaError(wish.condition, { text: wish.reason });
      if (wish.kind === 'remove') {
        const { username = '' } = wish;
        const named = username.includes('@') ? username : `${username}@${ctx.host}`;
        if (username !== '' && Jid.tryParse(named)?.bare !== `${account.localpart}@${account.domain}`)
          throw new StanzaError('bad-request', { text: 'This is not your user name.' });
        await ownerIsThere(from, account, wish.word);
        // The answer first; then every session ends with <not-authorized/> (XEP-0077 §3.2).
        ctx.clock.soon(() => {
          ctx.accounts.remove(account).then(
            () => ctx.log.info('account_removed', { account: account.id }),
            (error: unknown) => ctx.log.error('account_removal_failed', { account: account.id, error }),
          );
        });
        return;
      }
      // Both sides prepared (RFC 7622): "Bill" is bill.
      if (Jid.tryParse(`${wish.username}@${ctx.host}`)?.local !== account.localpart)
        throw new StanzaError('bad-request', { text: 'This is not your user name.' });
      await ownerIsThere(from, account, wish.word);
      if (changes.take(String(account.id), ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { text: 'The password was changed very often in the last hour. Try again later.' });
      try {
        // Whoever knew the old password is out: every other session ends.
        await ctx.accounts.setPassword(account, wish.password, from);
        ctx.log.info('password_changed', { account: account.id, session: from.device });
      } catch (error) {
        if (error instanceof AccountError && error.code !== 'busy') throw new StanzaError('not-acceptable', { text: error.message });
        throw error;
      }
    };
    for (const place of ['host', 'account'] as const) {
      ctx.iq('get', place, QUERY, get);
      ctx.iq('set', place, QUERY, set);
    }
  },
});
