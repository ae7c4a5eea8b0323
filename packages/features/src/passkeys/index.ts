/** Passkeys (WebAuthn): the private key stays in the authenticator, and what is kept here is of no use to a thief. */
import { accountRemoved, addressGroup, defineFeature, type Feature, HourlyLimit, json } from '@parley/core';
import { base64UrlEncode, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { el, utf8Decode, utf8Encode } from '@parley/xml';
import { IdentityError, identities, isDeviceId, joinToken, tokenParts } from '../identity/service.ts';
import { PasskeyError, type PasskeyExpectation, type PasskeyRow, type Passkeys, type PasskeyVerifier, passkeys } from './service.ts';

export { PasskeyError, type Passkeys, type PasskeyVerifier, passkeys } from './service.ts';

const NONCE_BYTES = 16;
const FLOW_MS = 5 * 60_000;
/** Attempts that were used, until they are over; more at a time than any honest load has. */
const MOST_USED = 100_000;
const LONGEST_NAME = 60;
const LONGEST_RESPONSE = 12_000;
const CREDENTIAL = /^[\w-]{8,700}$/;

/** What was begun: making a passkey for an account (its number), or using one on a device. */
interface Flow {
  readonly purpose: 'create' | 'use';
  readonly subject: string;
  readonly nonce: string;
  readonly expiresAt: number;
}

function idIn(response: unknown): string | undefined {
  const { id } = (typeof response === 'object' && response !== null ? response : {}) as { readonly id?: unknown };
  return typeof id === 'string' && CREDENTIAL.test(id) ? id : undefined;
}

/**
 * The feature over what checks answers of authenticators.
 *
 * @param origin where browsers reach a domain
 */
export function passkeysFeature(verifier: PasskeyVerifier, origin: (domain: string) => string): Feature {
  return defineFeature({
    name: 'passkeys',
    about: 'Signing in by a passkey (WebAuthn), added to an account that is signed in.',
    implements: [{ rfc: 9052, status: 'partial', note: 'the keys of passkeys (WebAuthn, which has no RFC); attestation is not asked for' }],
    advertises: [NS.passkeys],
    needs: [identities],
    provides: [passkeys],
    options: {
      perAddressPerHour: {
        reload: 'hot',
        type: 'integer',
        default: 120,
        min: 0,
        max: 1_000_000,
        about: 'Sign-ins by passkey tried from one address in an hour, begun and finished, each; 0 is no limit.',
      },
    },
    setup(ctx) {
      const { config, clock, crypto, host } = ctx;
      /** Owner: the account; key: the credential's id. */
      const table = ctx.table('passkeys', json<PasskeyRow>());
      const key = ctx.secret('flow');
      // Attempts do not outlive the process, so what was used can be remembered in memory.
      const boot = ctx.random.bytes(NONCE_BYTES);
      const used = new Map<string, number>();
      const begun = new HourlyLimit(config.perAddressPerHour);
      const finished = new HourlyLimit(config.perAddressPerHour);
      ctx.onReload(() => {
        begun.perHour = finished.perHour = config.perAddressPerHour;
      });
      const bounded = (limit: HourlyLimit, remoteAddress: string): void => {
        const waitMs = limit.take(addressGroup(remoteAddress), clock.now());
        if (waitMs > 0) throw new PasskeyError('too-many', 'Too many attempts. Try again later.', waitMs);
      };
      const mac = async (purpose: string, body: Uint8Array): Promise<Uint8Array> =>
        crypto.hmac('SHA-256', await key, utf8Encode([purpose, base64UrlEncode(boot), base64UrlEncode(body)].join('\n')));
      const site = (): { origin: string; rpId: string; usable: boolean } => {
        const address = origin(host);
        if (address === '') return { origin: '', rpId: '', usable: false };
        const { protocol, hostname, origin: own } = new URL(address);
        const named = !/^[\d.]+$|^\[/.test(hostname);
        return { origin: own, rpId: hostname, usable: named && (protocol === 'https:' || hostname === 'localhost') };
      };
      const begin = async (purpose: Flow['purpose'], subject: string) => {
        const { rpId, usable } = site();
        if (!usable) throw new PasskeyError('off', 'Browsers do not allow passkeys at the address of this server.');
        const expiresAt = clock.now() + FLOW_MS;
        const body = utf8Encode(JSON.stringify([purpose, subject, base64UrlEncode(ctx.random.bytes(NONCE_BYTES)), expiresAt]));
        return {
          challenge: base64UrlEncode(await mac('challenge', body)),
          rpId,
          flow: joinToken(body, await mac('flow', body)),
          expiresAt,
        };
      };
      /** What was begun, which ends with this. */
      const end = async (token: string, purpose: Flow['purpose']): Promise<{ flow: Flow; expected: PasskeyExpectation }> => {
        const over = new PasskeyError('expired', 'This attempt is over. Begin again.');
        const parts = tokenParts(token);
        if (parts === undefined || !crypto.timingSafeEqual(await mac('flow', parts.body), parts.mac)) throw over;
        const [kind, subject, nonce, expiresAt] = JSON.parse(utf8Decode(parts.body)) as [Flow['purpose'], string, string, number];
        const now = clock.now();
        if (kind !== purpose || expiresAt <= now || used.has(nonce)) throw over;
        for (const [old, until] of used) {
          if (until > now) break;
          used.delete(old);
        }
        if (used.size >= MOST_USED) throw new PasskeyError('too-many', 'Too many attempts. Try again later.', FLOW_MS);
        used.set(nonce, expiresAt);
        const { origin: own, rpId } = site();
        const challenge = base64UrlEncode(await mac('challenge', parts.body));
        return { flow: { purpose: kind, subject, nonce, expiresAt }, expected: { challenge, origin: own, rpId } };
      };
      const refused = (): PasskeyError => new PasskeyError('refused', 'This passkey does not open an account here.');

      /** The account that has the credential and has not removed it since. */
      const ownerOf = async (id: string): Promise<{ account: AccountRecord; row: PasskeyRow } | undefined> => {
        for (const owner of await table.owners(id)) {
          const account = await ctx.accounts.byId(owner);
          const row = await table.get(owner, id);
          if (account === undefined || row === undefined || account.domain !== host || account.disabled) continue;
          if ((await ctx.use(identities).owner({ kind: 'passkey', value: id }))?.id === account.id) return { account, row };
        }
        return undefined;
      };

      const service: Passkeys = {
        get usable() {
          return site().usable;
        },
        async begin({ device, remoteAddress }) {
          if (!isDeviceId(device)) throw new PasskeyError('bad-device', 'This app did not say which device it is on.');
          bounded(begun, remoteAddress);
          return begin('use', device);
        },
        async finish({ flow: token, response, remoteAddress }) {
          bounded(finished, remoteAddress);
          const { flow, expected } = await end(token, 'use');
          const id = idIn(response);
          const found = id === undefined ? undefined : await ownerOf(id);
          if (id === undefined || found === undefined) throw refused();
          const { account, row } = found;
          const result = await verifier.used(response, expected, id, row);
          // WebAuthn §6.1.1: one that counts and does not count on is a copy.
          if (result === undefined || (row.counter > 0 && result.counter <= row.counter)) {
            ctx.log.info('passkey_refused', { account: account.id });
            throw refused();
          }
          if (result.counter !== row.counter) table.set(account.id, id, { ...row, counter: result.counter });
          const { proof, expiresAt } = await ctx.use(identities).prove({ kind: 'passkey', value: id, device: flow.subject });
          return { proof, expiresAt, value: id, account };
        },
      };
      ctx.provide(passkeys, service);

      const forStanza = (error: unknown): unknown =>
        error instanceof PasskeyError
          ? new StanzaError(error.code === 'off' ? 'feature-not-implemented' : 'not-acceptable', { text: error.message })
          : error instanceof IdentityError
            ? new StanzaError(error.code === 'conflict' ? 'conflict' : 'not-acceptable', { text: error.message })
            : error;
      ctx.iq('get', 'account', { name: 'create', ns: NS.passkeys }, async ({ account }) => {
        const { challenge, rpId, flow } = await begin('create', String(account.id)).catch((error: unknown) => {
          throw forStanza(error);
        });
        // The id must not say who it is to whoever reads the authenticator (WebAuthn §14.6.1).
        const user = base64UrlEncode(await crypto.hmac('SHA-256', await ctx.secret('user'), utf8Encode(String(account.id))));
        return el('create', { xmlns: NS.passkeys, challenge, rp: rpId, user, name: `${account.localpart}@${account.domain}`, flow });
      });
      ctx.iq('set', 'account', { name: 'create', ns: NS.passkeys }, async ({ account, payload }) => {
        const text = payload.text();
        if (text.length > LONGEST_RESPONSE) throw new StanzaError('policy-violation', { text: 'This is longer than any passkey.' });
        let response: unknown;
        try {
          response = JSON.parse(text);
        } catch {
          throw new StanzaError('bad-request', { text: 'Send what the browser answered as JSON.' });
        }
        try {
          const { flow, expected } = await end(payload.attr('flow') ?? '', 'create');
          const made = flow.subject === String(account.id) ? await verifier.created(response, expected) : undefined;
          if (made === undefined || !CREDENTIAL.test(made.id)) throw new PasskeyError('refused', 'This passkey could not be added.');
          const label = (payload.attr('label') ?? '').replace(/\p{C}/gu, '').slice(0, LONGEST_NAME);
          await ctx
            .use(identities)
            .attach(account, { kind: 'passkey', value: made.id }, label, () =>
              table.set(account.id, made.id, { publicKey: made.publicKey, counter: made.counter }),
            );
          ctx.log.info('passkey_added', { account: account.id });
        } catch (error) {
          throw forStanza(error);
        }
      });
      ctx.on(accountRemoved, 'clean', ({ account }) => table.deleteOwner(account.id));
    },
  });
}
