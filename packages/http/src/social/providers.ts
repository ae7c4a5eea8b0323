/** Asking providers who somebody is, with openid-client: discovery, PKCE, state and nonce, signatures. */
import { ProviderError, type SocialAttempt, type SocialPerson, type SocialProviders } from '@parley/features/social/service';
import { importPKCS8, SignJWT } from 'jose';
import * as client from 'openid-client';
import { z } from 'zod';
import type { ClientSecret, OAuthProvider, OidcProvider, Provider } from './settings.ts';

/** How long a provider may take for one answer. Seconds. */
const PATIENCE = 10;
/** Keys and addresses of a provider change now and then. */
const FRESH_MS = 3_600_000;
const APPLE_SECRET_S = 300;
const LONGEST_ANSWER = 256 * 1024;

const Email = z.string().min(3).max(320);
/** What OAuth 2.0 providers say of a person; of an e-mail address only with a word that it was verified. */
const Person = z.record(z.string(), z.unknown());
const Emails = z.array(z.object({ email: Email, primary: z.boolean(), verified: z.boolean() })).max(100);

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

async function authentication(clientId: string, secret: ClientSecret): Promise<client.ClientAuth> {
  if (secret === undefined) return client.None();
  if ('text' in secret) return client.ClientSecretPost(secret.text);
  const now = Math.floor(Date.now() / 1000);
  const key = await importPKCS8(secret.privateKey, 'ES256');
  const signed = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: secret.keyId })
    .setIssuer(secret.teamId)
    .setSubject(clientId)
    .setAudience('https://appleid.apple.com')
    .setIssuedAt(now)
    .setExpirationTime(now + APPLE_SECRET_S)
    .sign(key);
  return client.ClientSecretPost(signed);
}

const onThisMachine = (address: string): boolean => address.startsWith('http:');

async function discovered({ issuer, clientId, secret }: OidcProvider): Promise<client.Configuration> {
  return client.discovery(new URL(issuer), clientId, undefined, await authentication(clientId, secret), {
    timeout: PATIENCE,
    // The settings allow it for this machine only.
    execute: onThisMachine(issuer) ? [client.allowInsecureRequests] : [],
  });
}

async function declared({ issuer, endpoints, clientId, secret }: OAuthProvider): Promise<client.Configuration> {
  const config = new client.Configuration(
    { issuer, authorization_endpoint: endpoints.authorization, token_endpoint: endpoints.token },
    clientId,
    undefined,
    await authentication(clientId, secret),
  );
  config.timeout = PATIENCE;
  if (onThisMachine(endpoints.token)) client.allowInsecureRequests(config);
  return config;
}

/** Codes of what came back and does not fit: state, issuer, nonce, audience, times. */
const FOREIGN: ReadonlySet<string> = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
]);

/** What went wrong, as a sentence for the person; `cause` is for the log. */
function problem(name: string, cause: unknown): ProviderError {
  if (cause instanceof ProviderError) return cause;
  if (cause instanceof client.AuthorizationResponseError)
    return new ProviderError('refused', `${name} did not let you in here.`, { cause });
  if (cause instanceof client.ResponseBodyError && cause.status >= 400 && cause.status < 500 && cause.error === 'invalid_grant')
    return new ProviderError('refused', 'This attempt to sign in was used already, or took too long. Begin again.', { cause });
  if (cause instanceof client.ClientError && FOREIGN.has(cause.code ?? ''))
    return new ProviderError('refused', `What ${name} answered does not belong to this attempt. Begin again.`, { cause });
  return new ProviderError('down', `${name} does not answer as it should. Try again later, or sign in in another way.`, { cause });
}

async function json(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`status ${response.status}`);
  const body = await response.text();
  if (body.length > LONGEST_ANSWER) throw new Error('the answer is too long');
  return JSON.parse(body);
}

async function fromOidc(config: client.Configuration, url: URL, attempt: SocialAttempt): Promise<SocialPerson> {
  const tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (claims === undefined) throw new Error('there are no claims');
  let about: Readonly<Record<string, unknown>> = claims;
  // Many say the address only when they are asked again.
  if (claims['email'] === undefined && config.serverMetadata().userinfo_endpoint !== undefined)
    about = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const verified = about['email_verified'] === true || about['email_verified'] === 'true';
  const email = Email.safeParse(about['email']);
  return {
    subject: claims.sub,
    email: verified && email.success ? email.data : undefined,
    name: text(about['name']) ?? text(about['preferred_username']),
  };
}

async function fromOAuth(provider: OAuthProvider, config: client.Configuration, url: URL, attempt: SocialAttempt): Promise<SocialPerson> {
  const tokens = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier: attempt.verifier, expectedState: attempt.state });
  const ask = async (address: string): Promise<unknown> =>
    json(
      await client.fetchProtectedResource(
        config,
        tokens.access_token,
        new URL(address),
        'GET',
        undefined,
        new Headers({ accept: 'application/json' }),
      ),
    );
  const person = Person.parse(await ask(provider.endpoints.user));
  const subject = person[provider.subject];
  const { emails } = provider.endpoints;
  const listed = emails === undefined ? [] : Emails.parse(await ask(emails));
  return {
    subject: typeof subject === 'number' ? String(subject) : (text(subject) ?? ''),
    email: listed.find(({ primary, verified }) => primary && verified)?.email,
    name: text(person['name']) ?? text(person['login']),
  };
}

/** The providers of the settings. */
export function openProviders(providers: readonly Provider[], now: () => number): SocialProviders {
  const known = new Map(providers.map((provider) => [provider.id, provider]));
  const configurations = new Map<string, { readonly until: number; readonly made: Promise<client.Configuration> }>();
  const configurationOf = (provider: Provider): Promise<client.Configuration> => {
    const there = configurations.get(provider.id);
    // A secret that is signed anew is good for minutes.
    if (there !== undefined && there.until > now()) return there.made;
    const made = provider.kind === 'oidc' ? discovered(provider) : declared(provider);
    const signs = provider.secret !== undefined && !('text' in provider.secret);
    configurations.set(provider.id, { until: now() + (signs ? (APPLE_SECRET_S * 1000) / 2 : FRESH_MS), made });
    made.catch(() => configurations.delete(provider.id));
    return made;
  };
  const asking = async <T>(id: string, work: (provider: Provider, config: client.Configuration) => Promise<T>): Promise<T> => {
    const provider = known.get(id);
    if (provider === undefined) throw new ProviderError('refused', 'This server does not sign in by this provider.');
    try {
      return await work(provider, await configurationOf(provider));
    } catch (error) {
      throw problem(provider.name, error);
    }
  };
  return {
    list: providers.map(({ id, name }) => ({ id, name })),
    authorize: (id, { redirectUri, state, nonce, verifier }) =>
      asking(id, async (provider, config) => {
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          state,
          code_challenge: await client.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ...(provider.scope === '' ? {} : { scope: provider.scope }),
          ...(provider.kind === 'oidc' ? { nonce } : {}),
        });
        return url.href;
      }),
    redeem: (id, attempt, callback) =>
      asking(id, (provider, config) => {
        const url = new URL(attempt.redirectUri);
        url.search = callback;
        return provider.kind === 'oidc' ? fromOidc(config, url, attempt) : fromOAuth(provider, config, url, attempt);
      }),
  };
}
