/** Which providers people may sign in by: the file of `social.providers`. */
import { z } from 'zod';

/** A provider that speaks OpenID Connect: what else there is to know, it says itself. */
export interface OidcProvider {
  readonly kind: 'oidc';
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: ClientSecret;
  readonly scope: string;
}
/** A provider that speaks OAuth 2.0 only, and has an address that says who somebody is. */
export interface OAuthProvider {
  readonly kind: 'oauth';
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly secret: ClientSecret;
  readonly scope: string;
  /** What it calls itself in its answers (RFC 9207), where it does. */
  readonly issuer: string;
  readonly endpoints: {
    readonly authorization: string;
    readonly token: string;
    readonly user: string;
    readonly emails: string | undefined;
  };
  /** The member of its answer that never changes. */
  readonly subject: string;
}
export type Provider = OidcProvider | OAuthProvider;

/** A text, or a key with which one is signed anew each time (Apple). */
export type ClientSecret =
  | { readonly text: string }
  | { readonly teamId: string; readonly keyId: string; readonly privateKey: string }
  | undefined;

const ID = /^[a-z][a-z0-9-]{0,31}$/;
const Text = z.string().min(1).max(4096);
const Address = z.url().max(2048);
const Entry = z.strictObject({
  name: z.string().min(1).max(60).optional(),
  clientId: Text,
  clientSecret: Text.optional(),
  scope: z.string().max(300).optional(),
  issuer: Address.optional(),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,100}$/)
    .optional(),
  teamId: Text.optional(),
  keyId: Text.optional(),
  privateKey: Text.optional(),
  authorizationEndpoint: Address.optional(),
  tokenEndpoint: Address.optional(),
  userEndpoint: Address.optional(),
  emailsEndpoint: Address.optional(),
  subject: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,40}$/)
    .optional(),
});
type Entry = z.infer<typeof Entry>;

const PRESETS: Readonly<Record<string, (given: Entry) => Partial<Entry> & { readonly name: string }>> = {
  google: () => ({ name: 'Google', issuer: 'https://accounts.google.com', scope: 'openid email profile' }),
  // Without a scope: with one Apple answers by a form that another site posts.
  apple: () => ({ name: 'Apple', issuer: 'https://appleid.apple.com', scope: 'openid' }),
  microsoft: ({ tenant = 'common' }) => ({
    name: 'Microsoft',
    issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
    scope: 'openid email profile',
  }),
  github: () => ({
    name: 'GitHub',
    issuer: 'https://github.com/login/oauth',
    authorizationEndpoint: 'https://github.com/login/oauth/authorize',
    tokenEndpoint: 'https://github.com/login/oauth/access_token',
    userEndpoint: 'https://api.github.com/user',
    emailsEndpoint: 'https://api.github.com/user/emails',
    subject: 'id',
    scope: 'read:user user:email',
  }),
};

/** Plain HTTP only to this machine. */
function checkAddress(where: string, address: string): void {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))) return;
  throw new Error(`${where} must begin with https://, not ${protocol}//.`);
}

function provider(id: string, given: Entry): Provider {
  const entry = { ...PRESETS[id]?.(given), ...given };
  const { name = id, clientId, clientSecret, teamId, keyId, privateKey, issuer } = entry;
  const apple = [teamId, keyId, privateKey].filter((part) => part !== undefined).length;
  if (apple !== 0 && (apple !== 3 || clientSecret !== undefined))
    throw new Error(`${id}: give either clientSecret, or teamId, keyId and privateKey together.`);
  const secret: ClientSecret =
    teamId !== undefined && keyId !== undefined && privateKey !== undefined
      ? { teamId, keyId, privateKey }
      : clientSecret === undefined
        ? undefined
        : { text: clientSecret };
  const common = { id, name, clientId, secret };
  if (issuer !== undefined) checkAddress(`${id}: issuer`, issuer);
  if (issuer !== undefined && entry.authorizationEndpoint === undefined)
    return { ...common, kind: 'oidc', issuer, scope: entry.scope ?? 'openid email profile' };
  const { authorizationEndpoint: authorization, tokenEndpoint: token, userEndpoint: user, emailsEndpoint: emails } = entry;
  if (authorization === undefined || token === undefined || user === undefined)
    throw new Error(`${id}: give its issuer, or authorizationEndpoint, tokenEndpoint and userEndpoint together.`);
  for (const address of [authorization, token, user, emails]) if (address !== undefined) checkAddress(`${id}: each endpoint`, address);
  return {
    ...common,
    kind: 'oauth',
    issuer: issuer ?? `oauth:${id}`,
    endpoints: { authorization, token, user, emails },
    subject: entry.subject ?? 'sub',
    scope: entry.scope ?? '',
  };
}

/** Reads what the file says, parsed already. Throws an Error with a sentence; secrets are not in it. */
export function readProviders(tree: unknown): Provider[] {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) throw new Error('it must be a group of providers, by name.');
  return Object.entries(tree).map(([id, entry]) => {
    if (!ID.test(id)) throw new Error(`"${id}" must be a short name of small letters, digits and hyphens.`);
    const result = Entry.safeParse(entry);
    if (!result.success) {
      const [issue] = result.error.issues;
      const names = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : (issue?.path.join('.') ?? '');
      throw new Error(
        `${id}${names === '' ? '' : `.${names}`} is ${issue?.code === 'unrecognized_keys' ? 'not known' : 'wrong or missing'}.`,
      );
    }
    return provider(id, result.data);
  });
}
