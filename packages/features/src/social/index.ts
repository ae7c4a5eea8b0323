/**
 * Signing in by an account at another provider. Nothing is kept of an attempt: what it needs is signed and given to the browser, and the secrets
 * of it are made of that again when it comes back.
 */
import { addressGroup, defineFeature, type Feature, HourlyLimit } from '@parley/core';
import { base64UrlEncode } from '@parley/protocol';
import { utf8Decode, utf8Encode } from '@parley/xml';
import { identities, isDeviceId, joinToken, normaliseEmail, tokenParts } from '../identity/service.ts';
import { ProviderError, type SocialAttempt, SocialError, type SocialProviders, type SocialSignIn, socialSignIn } from './service.ts';

export { SocialError, type SocialProviders, type SocialSignIn, socialSignIn } from './service.ts';

const NONCE_BYTES = 16;
/** Somebody may have to find a password, and a second step, at the provider. */
const FLOW_MS = 15 * 60_000;
const LONGEST_SUBJECT = 255;
const LONGEST_LABEL = 120;
const LONGEST_CALLBACK = 4096;

interface Flow {
  readonly provider: string;
  readonly device: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly expiresAt: number;
}

/** The feature over the providers; without one nothing is offered. */
export function socialFeature(providers: SocialProviders): Feature {
  return defineFeature({
    name: 'social',
    about: 'Signing up and in by an account at another provider (OpenID Connect, OAuth 2.0): `social.providers`.',
    implements: [
      { rfc: 6749, status: 'complete', note: 'as a client: the authorization code grant' },
      { rfc: 7636, status: 'complete', note: 'S256, always' },
      { rfc: 9207, status: 'complete' },
    ],
    needs: [identities],
    provides: [socialSignIn],
    options: {
      perAddressPerHour: {
        reload: 'hot',
        type: 'integer',
        default: 60,
        min: 0,
        max: 1_000_000,
        about: 'Attempts to sign in by another provider from one address in an hour, begun and finished, each; 0 is no limit.',
      },
    },
    setup(ctx) {
      if (providers.list.length === 0) return;
      const { config, clock, crypto } = ctx;
      const key = ctx.secret('flow');
      const begun = new HourlyLimit(config.perAddressPerHour);
      const finished = new HourlyLimit(config.perAddressPerHour);
      ctx.onReload(() => {
        begun.perHour = finished.perHour = config.perAddressPerHour;
      });
      const bounded = (limit: HourlyLimit, remoteAddress: string): void => {
        const waitMs = limit.take(addressGroup(remoteAddress), clock.now());
        if (waitMs > 0) throw new SocialError('too-many', 'Too many attempts. Try again later.', { retryAfterMs: waitMs });
      };
      const mac = async (purpose: string, body: Uint8Array): Promise<Uint8Array> => {
        const text = new Uint8Array(purpose.length + 1 + body.length);
        text.set(utf8Encode(purpose));
        text.set(body, purpose.length + 1);
        return crypto.hmac('SHA-256', await key, text);
      };
      /** The browser gets to know neither before the provider does: they are not in the flow. */
      const attemptOf = async (flow: Flow, body: Uint8Array): Promise<SocialAttempt> => ({
        redirectUri: flow.redirectUri,
        state: flow.state,
        nonce: base64UrlEncode(await mac('nonce', body)),
        verifier: base64UrlEncode(await mac('verifier', body)),
      });
      const flowIn = async (token: string): Promise<{ flow: Flow; body: Uint8Array }> => {
        const over = new SocialError('expired', 'This attempt to sign in is over. Begin again.');
        const parts = tokenParts(token);
        if (parts === undefined || !crypto.timingSafeEqual(await mac('flow', parts.body), parts.mac)) throw over;
        const [provider, device, redirectUri, state, expiresAt] = JSON.parse(utf8Decode(parts.body)) as [
          string,
          string,
          string,
          string,
          number,
        ];
        if (expiresAt <= clock.now()) throw over;
        return { flow: { provider, device, redirectUri, state, expiresAt }, body: parts.body };
      };
      const asked = async <T>(provider: string, work: () => Promise<T>): Promise<T> => {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof ProviderError)) throw error;
          const { cause } = error;
          if (error.code === 'down') ctx.log.warn('provider_down', { provider, reason: error.message, cause: String(cause ?? '') });
          else ctx.log.info('provider_refused', { provider, reason: error.message });
          throw new SocialError(error.code === 'down' ? 'provider-down' : 'refused', error.message, { cause: error });
        }
      };

      const service: SocialSignIn = {
        providers: providers.list,
        async begin({ provider, device, origin, remoteAddress }) {
          if (!providers.list.some(({ id }) => id === provider))
            throw new SocialError('off', 'This server does not sign in by this provider.');
          if (!isDeviceId(device)) throw new SocialError('bad-device', 'This app did not say which device it is on.');
          bounded(begun, remoteAddress);
          const state = base64UrlEncode(ctx.random.bytes(NONCE_BYTES));
          // One address for each provider: an answer of one cannot be passed off as that of another (RFC 9700 §4.4).
          const flow: Flow = { provider, device, redirectUri: `${origin}/sign-in/${provider}`, state, expiresAt: clock.now() + FLOW_MS };
          const body = utf8Encode(JSON.stringify([provider, device, flow.redirectUri, state, flow.expiresAt]));
          const attempt = await attemptOf(flow, body);
          const url = await asked(provider, () => providers.authorize(provider, attempt));
          return { url, flow: joinToken(body, await mac('flow', body)), state, expiresAt: flow.expiresAt };
        },
        async finish({ flow: token, callback, remoteAddress }) {
          bounded(finished, remoteAddress);
          const { flow, body } = await flowIn(token);
          const { provider } = flow;
          if (callback.length > LONGEST_CALLBACK) throw new SocialError('refused', 'What the provider answered is too long.');
          const attempt = await attemptOf(flow, body);
          const person = await asked(provider, () => providers.redeem(provider, attempt, callback));
          if (person.subject === '' || person.subject.length > LONGEST_SUBJECT)
            throw new SocialError('refused', 'The provider did not say who you are in a way that this server can keep.');
          const found = ctx.use(identities);
          const value = `${provider}:${person.subject}`;
          const email = person.email === undefined ? undefined : normaliseEmail(person.email);
          const label = (email ?? person.name ?? '').replace(/\p{C}/gu, '').slice(0, LONGEST_LABEL);
          const proved = await found.prove({ kind: 'social', value, label, device: flow.device });
          ctx.log.info('provider_answered', { provider });
          // The same address is no proof that it is the same person's account here: whoever has that signs in first, and adds this.
          const sameEmail =
            proved.account === undefined && email !== undefined && (await found.owner({ kind: 'email', value: email })) !== undefined;
          return { ...proved, provider, value, label, sameEmail };
        },
      };
      ctx.provide(socialSignIn, service);
    },
  });
}
