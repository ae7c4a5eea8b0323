/**
 * Identifiers of accounts, proved by a code. Until a code was proved the server keeps nothing of an attempt but counts: the challenge is
 * signed and given to the client, and the code is made of it when it comes back.
 */
import { AccountError, accountRemoved, addressGroup, defineFeature, type Feature, HourlyLimit, json } from '@parley/core';
import { base64UrlEncode, htMechanism, Jid, NS, StanzaError, type StanzaErrorCondition } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, utf8Encode } from '@parley/xml';
import { administrators } from '../administration/service.ts';
import { tokens } from '../fast/service.ts';
import { ResendWaits, Tries } from './counts.ts';
import { Acquaintance, withNetwork } from './known.ts';
import { CodeLimits, type CodeRates, CountedLimit, type Wish } from './limits.ts';
import { OPTIONS, readCountries } from './options.ts';
import { rangeOf, readPhone } from './phone.ts';
import {
  type Challenge,
  cleanCode,
  codeOf,
  decodeChallenge,
  decodeProof,
  encodeChallenge,
  encodeProof,
  type Identifier,
  type IdentifierKind,
  isDeviceId,
  isSettled,
  joinToken,
  KINDS,
  LONGEST_TOKEN,
  normaliseEmail,
  type Proof,
  tokenParts,
} from './rules.ts';
import { type CodeSender, type DeviceSignIn, type Identities, IdentityError, identifierTransfer, identities } from './service.ts';
import { type IdentifierRow, identifierTransferOf } from './transfer.ts';

export { type CodeSender, type Identities, IdentityError, identities } from './service.ts';

const NONCE_BYTES = 16;
/** No account has this id. */
const NOBODY = -1;
/** A proof is used at once by a program; the name of a new account is typed by a person. */
const PROOF_MS = 15 * 60_000;
const MOST_IDENTIFIERS = 10;
const DEVICE_NAME_LENGTH = 100;
const GRANTS_PER_HOUR = 60;

const WORDS: Readonly<Record<IdentifierKind, string>> = {
  email: 'e-mail address',
  phone: 'phone number',
  social: 'account elsewhere',
  passkey: 'passkey',
};
const CONDITIONS: Readonly<Partial<Record<IdentityError['code'], StanzaErrorCondition>>> = {
  expired: 'not-acceptable',
  conflict: 'conflict',
  'too-many': 'resource-constraint',
};

/** The feature over what carries codes to people; without a sender identifiers are proved in other ways only. */
export function identityFeature(senders: readonly CodeSender[]): Feature {
  return defineFeature({
    name: 'identity',
    about: 'Accounts found by an e-mail address or a phone number that was proved with a code: making one, signing in on a new device.',
    implements: [{ rfc: 6409, status: 'complete', note: 'as a client: mail with codes goes to the mail server of the operator' }],
    advertises: [NS.identity],
    needs: [tokens],
    provides: [identities, identifierTransfer],
    options: OPTIONS,
    check: (_host, config) => void readCountries(config),
    setup(ctx) {
      const { config, crypto, clock, host } = ctx;
      /** Owner: the account; key: kind and identifier. */
      const table = ctx.table('identifiers', json<IdentifierRow>());
      ctx.provide(identifierTransfer, identifierTransferOf(ctx, table));
      const tries = new Tries(ctx.table('code_tries', json<{ tries: number; expiresAt: number }>()));
      const waits = new ResendWaits();
      const signKey = ctx.secret('token');
      const codeKey = ctx.secret('code');
      const acquaintance = new Acquaintance(crypto, ctx.secret('known'));
      const rates = (): CodeRates => config;
      const limits = new CodeLimits(rates(), (state, budget, key, perHour) => {
        if (state === 'near') ctx.log.warn('sms_budget_near', { budget, of: key, perHour });
        else ctx.log.error('sms_budget_used_up', { budget, of: key, perHour });
      });
      const checks = new CountedLimit('check.address', 'Codes tried from one address.', config.perAddressPerHour);
      let countries = readCountries(config);
      ctx.onReload(() => {
        limits.set(rates());
        checks.perHour = config.perAddressPerHour;
        countries = readCountries(config);
      });
      /** By account. */
      const grants = new HourlyLimit(GRANTS_PER_HOUR);
      /** Identifiers for which an account is being made or changed: one at a time. */
      const busy = new Set<string>();

      const tooMany = (waitMs: number): IdentityError =>
        new IdentityError('too-many', `Too many codes. Try again in ${Math.ceil(waitMs / 60_000)} minutes.`, { retryAfterMs: waitMs });
      const rowOf = (proof: Proof, before: IdentifierRow | undefined): IdentifierRow => {
        const { network, label = before?.label } = proof;
        const networks = network === undefined ? before?.networks : withNetwork(before?.networks ?? [], network);
        return {
          provedAt: before?.provedAt ?? clock.now(),
          ...(label === undefined ? {} : { label }),
          ...(networks === undefined ? {} : { networks }),
        };
      };
      const keyOf = ({ kind, value }: Identifier): string => `${kind}:${value}`;
      const sign = async (body: Uint8Array): Promise<string> => joinToken(body, await crypto.hmac('SHA-256', await signKey, body));
      /** What this server has signed, or undefined. */
      const opened = async (token: string): Promise<Uint8Array | undefined> => {
        const parts = tokenParts(token);
        if (parts === undefined) return undefined;
        const mac = await crypto.hmac('SHA-256', await signKey, parts.body);
        return crypto.timingSafeEqual(mac, parts.mac) ? parts.body : undefined;
      };
      const expired = (): IdentityError => new IdentityError('expired', 'This code is no longer good. Ask for a new one.');
      const challengeIn = async (token: string): Promise<Challenge> => {
        const body = await opened(token);
        const challenge = body === undefined ? undefined : decodeChallenge(body);
        if (challenge === undefined || challenge.expiresAt <= clock.now()) throw expired();
        return challenge;
      };
      const proofIn = async (token: string): Promise<Proof> => {
        const body = await opened(token);
        const proof = body === undefined ? undefined : decodeProof(body);
        if (proof === undefined || proof.expiresAt <= clock.now())
          throw new IdentityError('expired', 'This took too long. Ask for a new code.');
        return proof;
      };
      /** The account of this domain that has the identifier; what is left of a removed one is nobody's. */
      const accountOf = async (identifier: Identifier): Promise<AccountRecord | undefined> => {
        for (const id of await table.owners(keyOf(identifier))) {
          const account = await ctx.accounts.byId(id);
          if (account !== undefined && account.domain === host) return account;
        }
        return undefined;
      };
      /** The device or network that has proved this identifier before. Looks at as much where nobody has it. */
      const knownFor = async (identifier: Identifier, group: string, tokens: readonly string[]): Promise<Wish['known']> => {
        const key = keyOf(identifier);
        const device = await acquaintance.deviceOf(key, tokens);
        const network = await acquaintance.network(group);
        const account = (await accountOf(identifier)) ?? (await ctx.accounts.byId(NOBODY));
        const row = await table.get(account?.id ?? NOBODY, key);
        if (device !== undefined) return { by: 'device', id: device };
        return row?.networks?.includes(network) === true ? { by: 'network', id: network } : undefined;
      };
      const durable = (): Promise<void> => new Promise((resolve, reject) => ctx.afterCommit(resolve, reject));
      const signedIn = async (account: AccountRecord, device: string, mechanism: string): Promise<DeviceSignIn> => {
        if (htMechanism(mechanism) === undefined)
          throw new IdentityError('bad-device', 'This app asks for a way to sign in that the server does not know.');
        const { token, expiry } = await ctx.use(tokens).issue(account, device, mechanism);
        await durable();
        return { account, token, mechanism, expiresAt: expiry };
      };
      /** Runs alone for this identifier. */
      const alone = async <T>(identifier: Identifier, work: () => Promise<T>): Promise<T> => {
        const key = keyOf(identifier);
        if (busy.has(key)) throw new IdentityError('conflict', 'Another device is using this at the moment. Try again.');
        busy.add(key);
        try {
          return await work();
        } finally {
          busy.delete(key);
        }
      };

      const attach = (account: AccountRecord, proof: Proof, also?: () => void): Promise<void> =>
        alone(proof, async () => {
          const owner = await accountOf(proof);
          if (owner !== undefined && owner.id !== account.id)
            throw new IdentityError('conflict', `Another account has this ${WORDS[proof.kind]}. Remove it there first.`);
          if (owner === undefined && (await table.list(account.id)).length >= MOST_IDENTIFIERS)
            throw new IdentityError('too-many', `An account has at most ${MOST_IDENTIFIERS} of them.`);
          table.set(account.id, keyOf(proof), rowOf(proof, await table.get(account.id, keyOf(proof))));
          also?.();
          await durable();
        });

      const service: Identities = {
        kinds: KINDS.filter((kind) => senders.some((sender) => sender.kind === kind)),
        get signUp() {
          return config.signUp;
        },
        get country() {
          return config.country;
        },
        limits: () => [...limits.states(clock.now()), checks.state(clock.now())],
        get smsAlarm() {
          return limits.alarmed(clock.now());
        },
        async sendCode({ kind, to, device, remoteAddress, known: tokens = [] }) {
          const sender = senders.find((one) => one.kind === kind);
          if (sender === undefined) throw new IdentityError('off', `This server does not send codes to a ${WORDS[kind]}.`);
          const phone = kind === 'phone' ? readPhone(to, config.country) : undefined;
          const value = kind === 'phone' ? phone?.value : normaliseEmail(to);
          if (value === undefined) throw new IdentityError('bad-identifier', `This is not a whole ${WORDS[kind]}.`);
          if (!isDeviceId(device)) throw new IdentityError('bad-device', 'This app did not say which device it is on.');
          if (phone !== undefined && (countries.denied.has(phone.country) || countries.allowed?.has(phone.country) === false))
            throw new IdentityError('country-refused', 'This server sends no codes to phone numbers of this country.');
          const group = addressGroup(remoteAddress);
          const identifier = { kind, value };
          const key = keyOf(identifier);
          const known = await knownFor(identifier, group, tokens);
          const now = clock.now();
          const sms = phone === undefined ? undefined : { country: phone.country, range: rangeOf(phone.value) };
          const waiter = `${key} ${known?.by === 'device' ? known.id : group}`;
          const early = waits.left(waiter, now);
          if (early > 0)
            throw new IdentityError('too-many', `A code was sent just now. Ask again in ${Math.ceil(early / 1000)} seconds.`, {
              retryAfterMs: early,
            });
          const waitMs = limits.take({ identifier: key, network: group, known, sms }, now);
          if (waitMs > 0) throw tooMany(waitMs);
          const resendAt = now + waits.sent(waiter, now);
          const nonce = base64UrlEncode(ctx.random.bytes(NONCE_BYTES));
          const challenge: Challenge = { kind, value, device, nonce, expiresAt: now + config.codeLife, via: '' };
          const digits = config.codeDigits;
          const code = codeOf(await crypto.hmac('SHA-256', await codeKey, encodeChallenge(challenge)), digits);
          let went: Awaited<ReturnType<CodeSender['send']>>;
          try {
            went = await sender.send({ to: value, code, domain: host, lifeMs: config.codeLife });
          } catch (error) {
            ctx.log.error('code_not_sent', { kind, error });
            throw new IdentityError('not-sent', 'The code could not be sent. Try again later, or ask the operator of this server.', {
              cause: error,
            });
          }
          const via = went?.via ?? '';
          ctx.log.info('code_sent', { kind, address: group, ...(via === '' ? undefined : { via }) });
          const token = await sign(encodeChallenge({ ...challenge, via }));
          return {
            challenge: token,
            digits,
            expiresAt: challenge.expiresAt,
            resendAt,
            value,
            code: went?.shown === true ? code : undefined,
          };
        },
        async checkCode({ challenge: token, code, remoteAddress }) {
          const waitMs = checks.take(addressGroup(remoteAddress), clock.now());
          if (waitMs > 0) throw tooMany(waitMs);
          const challenge = await challengeIn(token);
          const now = clock.now();
          const left = await tries.take(challenge.nonce, config.codeTries, challenge.expiresAt, now);
          if (left < 0) throw expired();
          const wanted = codeOf(await crypto.hmac('SHA-256', await codeKey, encodeChallenge({ ...challenge, via: '' })), config.codeDigits);
          const given = cleanCode(code) ?? '';
          if (given.length !== wanted.length || !crypto.timingSafeEqual(utf8Encode(given), utf8Encode(wanted))) {
            await durable();
            ctx.log.info('code_wrong', { kind: challenge.kind, address: addressGroup(remoteAddress), triesLeft: left });
            throw new IdentityError(
              'wrong-code',
              left === 0
                ? 'This code is wrong. Ask for a new one.'
                : `This code is wrong. You can try ${left} more ${left === 1 ? 'time' : 'times'}.`,
              { triesLeft: left },
            );
          }
          // A code is good once.
          tries.spend(challenge.nonce, config.codeTries, challenge.expiresAt);
          await durable();
          senders.find(({ kind }) => kind === challenge.kind)?.entered?.(challenge.via);
          const identifier = { kind: challenge.kind, value: challenge.value };
          const network = await acquaintance.network(addressGroup(remoteAddress));
          const proof: Proof = { ...identifier, device: challenge.device, expiresAt: now + PROOF_MS, network };
          const known = await acquaintance.token(keyOf(identifier), ctx.random.bytes(NONCE_BYTES));
          const account = await accountOf(identifier);
          return { proof: await sign(encodeProof(proof)), expiresAt: proof.expiresAt, identifier, account, known };
        },
        async prove({ kind, value, label, device }) {
          const proof: Proof = { kind, value, label, device, expiresAt: clock.now() + PROOF_MS };
          return { proof: await sign(encodeProof(proof)), expiresAt: proof.expiresAt, account: await accountOf(proof) };
        },
        owner: accountOf,
        attach: (account, identifier, label, also) => attach(account, { ...identifier, label, device: '', expiresAt: 0 }, also),
        async confirms(account, token) {
          const proof = await proofIn(token);
          const row = await table.get(account.id, keyOf(proof));
          return row !== undefined && isSettled(row.provedAt, account.createdAt, clock.now());
        },
        async signUpWith({ proof: token, localpart, mechanism }) {
          const proof = await proofIn(token);
          if (!config.signUp) throw new IdentityError('closed', 'This server takes no registrations. Ask its operator for an account.');
          return alone(proof, async () => {
            if ((await accountOf(proof)) !== undefined)
              throw new IdentityError('has-account', `An account has this ${WORDS[proof.kind]} already: sign in with it.`);
            // R10: the name of an administrator who has no account yet, or none any more, is not for whoever comes first.
            const wanted = Jid.tryParse(`${localpart}@${host}`);
            if (wanted !== undefined && ctx.find(administrators)?.has(wanted.bare) === true)
              throw new IdentityError('conflict', 'This name is taken.');
            let account: AccountRecord;
            try {
              // One commit: an account whose identifier was lost would belong to nobody.
              account = await ctx.accounts.createWithKeys(localpart, { scram: {} }, (made) =>
                table.set(made.id, keyOf(proof), rowOf(proof, undefined)),
              );
            } catch (error) {
              if (error instanceof AccountError && (error.code === 'conflict' || error.code === 'bad-name'))
                throw new IdentityError(error.code, error.message);
              throw error;
            }
            ctx.log.info('account_registered', { account: account.id, by: proof.kind });
            return signedIn(account, proof.device, mechanism);
          });
        },
        async signInWith({ proof: token, mechanism, deviceName }) {
          const proof = await proofIn(token);
          const account = await accountOf(proof);
          if (account === undefined || account.disabled)
            throw new IdentityError('no-account', `No account has this ${WORDS[proof.kind]}, or it is disabled.`);
          const key = keyOf(proof);
          const row = await table.get(account.id, key);
          // Commits with the token. Taken away in the meantime: stays away.
          if (row !== undefined) table.set(account.id, key, rowOf(proof, row));
          const result = await signedIn(account, proof.device, mechanism);
          ctx.log.info('device_signed_in_by_code', { account: account.id, by: proof.kind });
          const name = deviceName.replace(/\p{C}/gu, '').slice(0, DEVICE_NAME_LENGTH);
          const bare = `${account.localpart}@${account.domain}`;
          ctx.sendMessage(
            el(
              'message',
              { from: host, to: bare, type: 'chat' },
              el(
                'body',
                null,
                `${name === '' ? 'A new device' : `A new device, "${name}",`} signed in to your account with ${proof.kind === 'social' || proof.kind === 'passkey' ? `your ${WORDS[proof.kind]}` : `a code sent to your ${WORDS[proof.kind]}`}. If that was not you, sign it out under linked devices.`,
              ),
            ),
          );
          return result;
        },
      };
      ctx.provide(identities, service);

      ctx.iq('get', 'account', { name: 'identifiers', ns: NS.identity }, async ({ account }) =>
        el('identifiers', { xmlns: NS.identity }, ...(await listOf(account))),
      );
      const listOf = async (account: AccountRecord): Promise<Element[]> => {
        const rows = await table.list(account.id);
        return rows.map(({ key, value }) => {
          const colon = key.indexOf(':');
          return el('identifier', {
            kind: key.slice(0, colon),
            value: key.slice(colon + 1),
            proved: new Date(value.provedAt).toISOString(),
            ...(value.label === undefined ? {} : { label: value.label }),
          });
        });
      };
      ctx.iq('set', 'account', { name: 'add', ns: NS.identity }, async ({ account, payload }) => {
        const token = payload.attr('proof') ?? '';
        if (token === '' || token.length > LONGEST_TOKEN)
          throw new StanzaError('bad-request', { text: 'Send the proof that the code was traded for.' });
        try {
          const proof = await proofIn(token);
          await attach(account, proof);
        } catch (error) {
          if (!(error instanceof IdentityError)) throw error;
          throw new StanzaError(CONDITIONS[error.code] ?? 'bad-request', { text: error.message });
        }
      });
      ctx.iq('set', 'account', { name: 'remove', ns: NS.identity }, async ({ account, payload }) => {
        const key = `${payload.attr('kind') ?? ''}:${payload.attr('value') ?? ''}`;
        const rows = await table.list(account.id);
        if (!rows.some((row) => row.key === key)) throw new StanzaError('item-not-found');
        // Without a password the last one is the only way in for a new device.
        if (rows.length === 1 && ctx.accounts.keysMark(account) === '')
          throw new StanzaError('not-acceptable', {
            text: 'This is the only way into your account. Add another one, or set a password, first.',
          });
        table.delete(account.id, key);
      });
      // A signed-in device lets another one in that it has on the same machine, or that its owner has shown it.
      ctx.iq('set', 'account', { name: 'grant', ns: NS.identity }, async ({ account, from, payload }) => {
        const device = payload.attr('device') ?? '';
        const mechanism = payload.attr('mechanism') ?? '';
        if (!isDeviceId(device) || htMechanism(mechanism) === undefined)
          throw new StanzaError('bad-request', { text: 'Name the device, and a mechanism of XEP-0484.' });
        if (grants.take(String(account.id), clock.now()) > 0) throw new StanzaError('resource-constraint', { type: 'wait' });
        const given = ctx.use(tokens);
        // Nobody gives more than they have.
        const { token, expiry } = await given.issue(account, device, mechanism, await given.endOf(account, from.device));
        return el('token', { xmlns: NS.identity, token, mechanism, expiry: new Date(expiry).toISOString() });
      });
      ctx.on(accountRemoved, 'clean', ({ account }) => table.deleteOwner(account.id));
    },
  });
}
