/**
 * Keys of other people's programs: who embeds the chat into an app of their own signs for each user who may come in, and this server takes
 * their word. A client holds no key, so it can not make itself somebody.
 */
import { AccountError, addressGroup, defineFeature, type Feature, HourlyLimit, json } from '@parley/core';
import { base64UrlEncode, htMechanism, Jid } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import { administrators } from '../administration/service.ts';
import { tokens } from '../fast/service.ts';
import { isDeviceId } from '../identity/service.ts';
import { type AppClaims, type AppKey, AppKeyError, type AppKeys, type AppTokens, appKeys, type PublicKey } from './service.ts';

export { type AppClaims, type AppKey, AppKeyError, type AppKeys, type AppTokens, appKeys } from './service.ts';

const ID_BYTES = 9;
const NAME_LENGTH = 100;
const MOST_KEYS = 100;
const LONGEST_TOKEN = 4096;
/** Clocks of two machines differ. */
const SKEW_MS = 60_000;

/** A key as it is kept. The secret is not: it is made again of the id. */
interface KeyRow extends AppKey {
  readonly publicKey?: PublicKey;
}

/** What a token may be for. */
const CHAT = 'chat';
const REGISTER = 'register';

/** The feature over what checks tokens. */
export function appKeysFeature(reader: AppTokens): Feature {
  return defineFeature({
    name: 'app-keys',
    about: 'Lets apps sign their own users in: their server signs a token for a user with a key of `npx parley key add`.',
    implements: [
      {
        rfc: 7519,
        status: 'complete',
        note: 'tokens of app keys, signed (RFC 7515) with HS256, EdDSA, ES256 or RS256; unsigned and encrypted ones are refused',
      },
    ],
    needs: [tokens],
    provides: [appKeys],
    options: {
      longestLife: {
        reload: 'hot',
        type: 'duration',
        default: '24h',
        min: '1m',
        max: '30d',
        about: 'How long a token of an app key, and what a device got for it, may be good; one that says longer is refused.',
      },
      refusedPerAddressPerHour: {
        reload: 'hot',
        type: 'integer',
        default: 60,
        min: 1,
        max: 1_000_000,
        about: 'Tokens of app keys that may be refused to one address in an hour; then none is looked at.',
      },
    },
    setup(ctx) {
      const { config, clock, crypto, host } = ctx;
      const table = ctx.table('app_keys', json<KeyRow>());
      const refused = new HourlyLimit(config.refusedPerAddressPerHour);
      ctx.onReload(() => {
        refused.perHour = config.refusedPerAddressPerHour;
      });
      /** Of this domain; there are few. */
      const keys = new Map<string, KeyRow>();

      const secretOf = async (id: string): Promise<string> =>
        base64UrlEncode(await crypto.hmac('SHA-256', await ctx.secret('key'), utf8Encode(id)));
      const durable = (): Promise<void> => new Promise((resolve, reject) => ctx.afterCommit(resolve, reject));
      const save = async (key: KeyRow): Promise<void> => {
        table.set(ctx.hostOwner, key.id, key);
        await durable();
        keys.set(key.id, key);
      };
      const inForce = (key: KeyRow | undefined): key is KeyRow =>
        key !== undefined && (key.endsAt === undefined || key.endsAt > clock.now());
      const known = (id: string): KeyRow => {
        const key = keys.get(id);
        if (!inForce(key)) throw new AppKeyError('not-found', `There is no key ${id}.`);
        return key;
      };
      const shown = ({ publicKey: _, ...key }: KeyRow): AppKey => key;

      const claimsOf = async (token: string): Promise<{ claims: AppClaims; key: KeyRow }> => {
        const bad = new AppKeyError('bad-token', 'This sign-in was not signed by an app that this server knows.');
        if (token.length > LONGEST_TOKEN) throw bad;
        const key = keys.get(reader.keyOf(token) ?? '');
        if (!inForce(key)) throw bad;
        const { algorithm, publicKey } = key;
        const material = publicKey === undefined ? { algorithm, secret: utf8Encode(await secretOf(key.id)) } : { algorithm, publicKey };
        const claims = await reader.read(token, material, { audience: host, now: clock.now() });
        if (claims === 'refused') throw bad;
        // The tolerance is for clocks that are late, not for tokens that are over: what they open would be over, too.
        if (claims === 'expired' || claims.expiresAt * 1000 <= clock.now())
          throw new AppKeyError('expired', 'This sign-in has expired; the app has to ask its server for a new one.');
        const life = (claims.expiresAt - claims.issuedAt) * 1000;
        if (life > config.longestLife || claims.issuedAt * 1000 > clock.now() + SKEW_MS) throw bad;
        return { claims, key };
      };

      /** The account of a user name; made when the token allows it. */
      const accountFor = async ({ user, scope }: AppClaims, key: KeyRow): Promise<AccountRecord> => {
        const jid = Jid.tryParse(`${user}@${host}`);
        if (jid === undefined || jid.local === '' || jid.resource !== '' || jid.domain !== host)
          throw new AppKeyError('bad-name', 'This is not a user name that an account can have.');
        // Who holds a key of an app may speak for its users, not for the operator.
        if (ctx.find(administrators)?.has(jid.bare) === true)
          throw new AppKeyError('forbidden', 'An administrator of this server does not sign in by an app.');
        const there = await ctx.accounts.get(jid.local);
        if (there?.disabled === true) throw new AppKeyError('forbidden', 'This account is disabled.');
        if (there !== undefined) return there;
        if (!scope.includes(REGISTER)) throw new AppKeyError('no-account', 'There is no account of this name.');
        try {
          const made = await ctx.accounts.createWithKeys(jid.local, { scram: {} });
          ctx.log.info('account_registered', { account: made.id, by: 'app-key', key: key.id });
          return made;
        } catch (error) {
          if (!(error instanceof AccountError)) throw error;
          // Another device of the same person was faster.
          const now = error.code === 'conflict' ? await ctx.accounts.get(jid.local) : undefined;
          if (now === undefined || now.disabled) throw new AppKeyError('bad-name', error.message);
          return now;
        }
      };

      const service: AppKeys = {
        get inUse() {
          return [...keys.values()].some(inForce);
        },
        async signInWith({ token, device, mechanism, remoteAddress }) {
          const group = addressGroup(remoteAddress);
          const waitMs = refused.wait(group, clock.now());
          if (waitMs > 0) throw new AppKeyError('too-many', 'Too many sign-ins were refused to this address. Try again later.', waitMs);
          if (!isDeviceId(device) || htMechanism(mechanism) === undefined)
            throw new AppKeyError('bad-device', 'This app did not say which device it is on, or how it signs in.');
          try {
            const { claims, key } = await claimsOf(token);
            if (claims.device !== undefined && claims.device !== device)
              throw new AppKeyError('wrong-device', 'This sign-in was signed for another device.');
            if (!claims.scope.includes(CHAT)) throw new AppKeyError('forbidden', 'This sign-in was not signed for chatting.');
            const account = await accountFor(claims, key);
            const issued = await ctx.use(tokens).issue(account, device, mechanism, claims.expiresAt * 1000);
            await durable();
            ctx.log.info('device_signed_in_by_app', { account: account.id, key: key.id });
            return { account, token: issued.token, mechanism, expiresAt: issued.expiry };
          } catch (error) {
            if (error instanceof AppKeyError) {
              refused.take(group, clock.now());
              ctx.log.info('app_token_refused', { why: error.code, address: group });
            }
            throw error;
          }
        },
        async list() {
          return [...keys.values()].filter(inForce).map(shown);
        },
        async add(name, publicKey) {
          const cleaned = name.replace(/\p{C}/gu, '').trim();
          if (cleaned === '' || cleaned.length > NAME_LENGTH)
            throw new AppKeyError('bad-key', `Give the key a name of at most ${NAME_LENGTH} characters.`);
          for (const { id } of [...keys.values()].filter((key) => !inForce(key))) {
            table.delete(ctx.hostOwner, id);
            keys.delete(id);
          }
          if (keys.size >= MOST_KEYS) throw new AppKeyError('too-many', `There are ${MOST_KEYS} keys already; revoke some.`);
          // The word in front says what it is, and keeps it from looking like an option of a command.
          const id = `key_${base64UrlEncode(ctx.random.bytes(ID_BYTES))}`;
          const row = { id, name: cleaned, createdAt: clock.now() };
          if (publicKey === undefined) {
            const key: KeyRow = { ...row, algorithm: 'HS256' };
            await save(key);
            return { key: shown(key), secret: await secretOf(id) };
          }
          const found = await reader.publicKey(publicKey).catch((error: Error) => {
            throw new AppKeyError('bad-key', error.message);
          });
          const key: KeyRow = { ...row, ...found };
          await save(key);
          return { key: shown(key), secret: undefined };
        },
        async rotate(id, graceMs) {
          const old = known(id);
          if (old.publicKey !== undefined)
            throw new AppKeyError('bad-key', 'The server has no secret of this key. Add the new public key, then revoke this one.');
          const made = await service.add(old.name, undefined);
          const endsAt = clock.now() + graceMs;
          await save({ ...old, endsAt: Math.min(old.endsAt ?? endsAt, endsAt) });
          return made;
        },
        async revoke(id) {
          const old = known(id);
          table.delete(ctx.hostOwner, old.id);
          keys.delete(old.id);
          await durable();
          ctx.log.info('app_key_revoked', { key: old.id });
        },
      };

      return Promise.resolve(table.list(ctx.hostOwner)).then((rows) => {
        for (const { value } of rows) keys.set(value.id, value);
        ctx.provide(appKeys, service);
      });
    },
  });
}
