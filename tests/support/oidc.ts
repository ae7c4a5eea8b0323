// A real OpenID provider (oidc-provider) on a port of 127.0.0.1, with people who can sign in there, and a browser's way through it without one.
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Configuration, Provider } from 'oidc-provider';

export interface OidcPerson {
  readonly sub: string;
  readonly name?: string;
  readonly email?: string;
  readonly email_verified?: boolean;
}

export interface OidcServer {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly people: Map<string, OidcPerson>;
  close(): Promise<void>;
}

/** Starts it. `redirectUris`: what browsers may come back to; asked at the first request. */
export async function startOidc(redirectUris: () => readonly string[]): Promise<OidcServer> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const people = new Map<string, OidcPerson>();
  const client = { client_id: 'parley', client_secret: randomBytes(24).toString('hex') };
  const settings = (): Configuration => ({
    clients: [{ ...client, redirect_uris: [...redirectUris()], token_endpoint_auth_method: 'client_secret_post' }],
    findAccount: (_context, id) => {
      const { sub = id, ...claims } = people.get(id) ?? {};
      return { accountId: sub, claims: async () => ({ sub, ...claims }) };
    },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    scopes: ['openid', 'email', 'profile'],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  let handle: ReturnType<Provider['callback']> | undefined;
  server.on('request', (request, response) => {
    handle ??= new Provider(issuer, settings()).callback();
    void handle(request, response);
  });
  return {
    issuer,
    clientId: client.client_id,
    clientSecret: client.client_secret,
    people,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/**
 * Goes to `url` as a browser does, signs in as `login` and agrees, or refuses to; answers the address that the browser is sent back to.
 */
export async function walk(url: string, login: string, agree = true): Promise<URL> {
  const cookies = new Map<string, string>();
  let at = new URL(url);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < 20; step++) {
    const response = await fetch(at, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { body: form }),
    });
    form = undefined;
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) {
      await response.body?.cancel();
      const next = new URL(location, at);
      if (next.origin !== at.origin) return next;
      at = next;
      continue;
    }
    const page = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined) throw new Error(`the provider answered ${response.status}: ${page.slice(0, 500)}`);
    const here = at;
    at = new URL(action, here);
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? '';
    if (!agree) {
      at = new URL(/href="([^"]*abort)"/.exec(page)?.[1] ?? '', here);
      continue;
    }
    form = new URLSearchParams(prompt === 'login' ? { prompt, login, password: 'anything' } : { prompt });
  }
  throw new Error('the provider sends the browser in circles');
}
