import { NS, parseDateTime } from '@parley/protocol';
import { el } from '@parley/xml';
import type { KeptAccount } from '../account.ts';
import type { CodeChallenge, CodeKind, CodeProof, Codes, Identifier } from '../code-types.ts';
import { ChatError } from '../errors.ts';
import type { Linking } from '../link-types.ts';
import type { Passkeys } from '../passkey-types.ts';
import { parseUser } from '../people/contacts.ts';
import type { Platform } from '../platform.ts';
import type { Social, SocialFlow, SocialProof, SocialProvider } from '../social-types.ts';
import type { ChatStore } from '../store/store.ts';
import type { Credentials, OwnersWord, TokenProvider, UserSnapshot } from '../types.ts';
import type { Connection, Identity } from './connection.ts';
import { requestDeletion } from './deletion.ts';
import { type KeptToken, uuid } from './device.ts';
import { findServer } from './discover.ts';
import { linkingOf } from './linking.ts';
import { passkeysOf } from './passkeys.ts';
import { randomId } from './session.ts';

/** The one that this SDK uses: a page cannot see the channel that it is on. */
const MECHANISM = 'HT-SHA-256-NONE';
const API_TIMEOUT_MS = 30_000;
const MAX_IDENTIFIERS = 100;
const MAX_PROVIDERS = 20;
/** As many of them the server looks at. */
const MOST_KNOWN = 5;

const DEVICE = 'device';

/** The name of this installation in resources: what the application gave, else one that is made once and kept. */
export async function keptDeviceId(
  platform: Platform,
  { deviceId, store }: { readonly deviceId?: string | undefined; readonly store: ChatStore },
): Promise<string> {
  if (deviceId !== undefined) return deviceId;
  const kept = await store.value(DEVICE);
  if (typeof kept === 'string') return kept;
  const made = `parley-${randomId(platform).slice(0, 12)}`;
  await store.commit({ values: { [DEVICE]: made } });
  return made;
}

/** Who connects. Each tab is a device session of its own on the server. */
export function identityOf(platform: Platform, account: KeptAccount, device: string, password: string | undefined): Identity {
  const resource = `${device}.${randomId(platform).slice(0, 6)}`;
  return { domain: account.domain, resource, secret: { username: account.username, password, keys: account.keys ?? undefined } };
}

/** What the client lends: whose device this is. */
export interface EntryHost {
  readonly platform: Platform;
  readonly server: string | undefined;
  readonly domain: string | undefined;
  readonly connection: Connection;
  account: KeptAccount | undefined;
  readonly user: UserSnapshot | undefined;
  /** Local data is usable. */
  load(): Promise<void>;
  setUser(account: KeptAccount | undefined): void;
  /** Takes everything of the account off this device. */
  wipe(): Promise<void>;
  identity(account: KeptAccount, password: string | undefined): Promise<Identity>;
}

/** The ways in: name and password, or an address that is proved with a code. */
export class Entry implements Codes {
  readonly passkeys: Passkeys;
  readonly linking: Linking;
  readonly social: Social = {
    offered: () => this.#providers(),
    begin: (provider) => this.#beginSocial(provider),
    finish: (flow, address) => this.#finishSocial(flow, address),
  };
  readonly deleteAccount = async (word: OwnersWord): Promise<void> => {
    const session = this.#session();
    await requestDeletion((request) => session.iq(request), this.#host.account?.username ?? '', word);
    await this.#host.wipe();
  };
  readonly #host: EntryHost;

  constructor(host: EntryHost) {
    this.#host = host;
    this.linking = linkingOf({
      platform: host.platform,
      mechanism: MECHANISM,
      ask: (method, path, body) => this.#ask(method, path, body),
      iq: (request) => this.#session().iq(request),
      admitted: async (device, told) => {
        await host.load();
        return this.#admitted(device, told);
      },
    });
    this.passkeys = passkeysOf({
      platform: host.platform,
      ask: (method, path, body) => this.#ask(method, path, body),
      iq: (request) => this.#session().iq(request),
      enter: (proof, device, deviceName) => this.#enterBy(proof, device, deviceName),
    });
  }

  /** Signs in, after making the account when `register`. */
  async withPassword(credentials: Credentials, register: boolean): Promise<UserSnapshot> {
    const host = this.#host;
    await host.load();
    if (credentials.password === '') throw new ChatError('invalid-argument', 'The password is empty');
    const at = credentials.username.trim().lastIndexOf('@');
    const domain =
      at >= 0
        ? credentials.username.trim().slice(at + 1)
        : (host.domain ?? (await findServer(host.platform, host.server, host.account?.domain)).domain);
    return this.#enter(parseUser(credentials.username, domain), { password: credentials.password, register });
  }

  async #enter(id: string, how: { password?: string; register?: boolean; device?: string; token?: KeptToken }): Promise<UserSnapshot> {
    const host = this.#host;
    const before = host.account;
    const at = id.indexOf('@');
    const account: KeptAccount = { username: id.slice(0, at), domain: id.slice(at + 1), keys: null };
    const old = host.user;
    if (old !== undefined && old.id !== id) await host.wipe();
    if (how.device !== undefined && how.token !== undefined) {
      host.connection.stop();
      await host.connection.device.adopt(how.device, id, how.token);
      host.account = { ...account, byToken: true };
    } else host.account = account;
    const identity = await host.identity(host.account, how.password);
    host.setUser(host.account);
    try {
      await host.connection.signIn(identity, how.register === true);
    } catch (error) {
      host.account = old?.id === id ? before : undefined;
      if (host.account === undefined) {
        host.setUser(undefined);
        host.connection.forget();
      }
      throw error;
    }
    return host.user as UserSnapshot;
  }

  // ---- codes ---------------------------------------------------------------------------------------------------------

  async offered(): ReturnType<Codes['offered']> {
    try {
      const told = await this.#ask('GET', 'register', undefined);
      const kinds = Array.isArray(told['codes'])
        ? (['email', 'phone'] as const).filter((kind) => (told['codes'] as unknown[]).includes(kind))
        : [];
      return { kinds, signUp: told['signUpByCode'] === true, phoneCountry: text(told['phoneCountry']) };
    } catch {
      return { kinds: [], signUp: false, phoneCountry: '' };
    }
  }

  async send(kind: CodeKind, to: string, known: readonly string[] = []): Promise<CodeChallenge> {
    const device = uuid(this.#host.platform);
    const told = await this.#ask('POST', 'codes', {
      kind,
      to,
      device,
      ...(known.length === 0 ? {} : { known: known.slice(0, MOST_KNOWN) }),
    });
    return Object.freeze({
      kind,
      to: text(told['value']) === '' ? to : text(told['value']),
      device,
      challenge: text(told['challenge']),
      digits: typeof told['digits'] === 'number' ? told['digits'] : 6,
      expiresAt: time(told['expiresAt']),
      resendAt: time(told['resendAt']),
      shown: typeof told['code'] === 'string' ? told['code'] : undefined,
    });
  }

  async check({ challenge, device }: CodeChallenge, code: string): Promise<CodeProof> {
    const told = await this.#ask('POST', 'codes/check', { challenge, code });
    return Object.freeze({
      device,
      proof: text(told['proof']),
      kind: told['kind'] === 'phone' ? 'phone' : 'email',
      value: text(told['value']),
      known: text(told['known']),
      userId: typeof told['jid'] === 'string' ? told['jid'] : undefined,
      expiresAt: time(told['expiresAt']),
    });
  }

  async signUp({ proof, device }: CodeProof, username: string): Promise<UserSnapshot> {
    await this.#host.load();
    return this.#admitted(device, await this.#ask('POST', 'accounts', { proof, username: username.trim(), mechanism: MECHANISM }));
  }

  signIn({ proof, device }: CodeProof, deviceName?: string): Promise<UserSnapshot> {
    return this.#enterBy(proof, device, deviceName);
  }

  async #enterBy(proof: string, device: string, deviceName: string | undefined): Promise<UserSnapshot> {
    await this.#host.load();
    return this.#admitted(
      device,
      await this.#ask('POST', 'sessions', { proof, mechanism: MECHANISM, deviceName: deviceName?.slice(0, 100) }),
    );
  }

  #admitted(device: string, told: Readonly<Record<string, unknown>>): Promise<UserSnapshot> {
    const id = parseUser(text(told['jid']), '');
    return this.#enter(id, { device, token: keptToken(text(told['token']), time(told['expiresAt'])) });
  }

  // ---- other providers -------------------------------------------------------------------------------------------------

  async #providers(): Promise<readonly SocialProvider[]> {
    try {
      const { social } = await this.#ask('GET', 'register', undefined);
      const list = Array.isArray(social) ? (social as readonly { readonly id?: unknown; readonly name?: unknown }[]) : [];
      return list.slice(0, MAX_PROVIDERS).map(({ id, name }) => Object.freeze({ id: text(id), name: text(name) }));
    } catch {
      return [];
    }
  }

  async #beginSocial(provider: string): Promise<SocialFlow> {
    const device = uuid(this.#host.platform);
    const told = await this.#ask('POST', 'social', { provider, device });
    const url = text(told['url']);
    // The browser is about to go there, so it must be a page and no code.
    if (!/^https?:\/\//.test(url)) throw new ChatError('protocol-violation', 'The server named no page of the provider');
    return Object.freeze({
      provider,
      url,
      device,
      state: text(told['state']),
      flow: text(told['flow']),
      expiresAt: time(told['expiresAt']),
    });
  }

  async #finishSocial({ flow, device, state }: SocialFlow, address: string): Promise<SocialProof> {
    const query = address.slice(address.indexOf('?') + 1).split('#', 1)[0] ?? '';
    if (!query.split('&').includes(`state=${state}`)) throw new ChatError('not-allowed', 'This belongs to another attempt to sign in');
    const told = await this.#ask('POST', 'social/finish', { flow, callback: query });
    return Object.freeze({
      device,
      proof: text(told['proof']),
      kind: 'social',
      value: text(told['value']),
      provider: text(told['provider']),
      label: text(told['label']),
      sameEmail: told['sameEmail'] === true,
      userId: typeof told['jid'] === 'string' ? told['jid'] : undefined,
      expiresAt: time(told['expiresAt']),
    });
  }

  // ---- apps with users of their own ------------------------------------------------------------------------------------

  /** Signs in as whom the app's server says. */
  async byApp(provider: TokenProvider): Promise<UserSnapshot> {
    await this.#host.load();
    const device = uuid(this.#host.platform);
    return this.#admitted(device, await this.#appSession(provider, device));
  }

  /** Another token for the account that is signed in. Rejects with `session-expired` when the app's server gives none, or one for somebody else. */
  async renew(provider: TokenProvider, device: string): Promise<KeptToken> {
    let told: Readonly<Record<string, unknown>>;
    try {
      told = await this.#appSession(provider, device);
    } catch (error) {
      if (error instanceof ChatError && error.retryable) throw error;
      throw new ChatError('session-expired', 'The app has to sign in again', { cause: error });
    }
    if (parseUser(text(told['jid']), '') !== this.#host.user?.id)
      throw new ChatError('session-expired', 'Somebody else is signed in to the app now');
    return keptToken(text(told['token']), time(told['expiresAt']));
  }

  async #appSession(provider: TokenProvider, device: string): Promise<Readonly<Record<string, unknown>>> {
    const token = await provider({ deviceId: device }).catch((cause: unknown) => {
      throw cause instanceof ChatError ? cause : new ChatError('offline', 'The app could not get its token', { cause });
    });
    if (token === undefined) throw new ChatError('session-expired', 'Nobody is signed in to the app');
    return this.#ask('POST', 'sessions/token', { token, device, mechanism: MECHANISM });
  }

  async list(): Promise<readonly Identifier[]> {
    const answer = await this.#session().iq(el('iq', { type: 'get' }, el('identifiers', { xmlns: NS.identity })));
    const rows = answer.child('identifiers', NS.identity)?.childrenNamed('identifier', NS.identity) ?? [];
    return rows.slice(0, MAX_IDENTIFIERS).map((row) =>
      Object.freeze({
        kind: row.attr('kind') ?? '',
        value: row.attr('value') ?? '',
        label: row.attr('label') ?? '',
        provedAt: parseDateTime(row.attr('proved') ?? ''),
      }),
    );
  }

  async add({ proof }: CodeProof): Promise<void> {
    await this.#session().iq(el('iq', { type: 'set' }, el('add', { xmlns: NS.identity, proof })));
  }

  async remove({ kind, value }: Identifier): Promise<void> {
    await this.#session().iq(el('iq', { type: 'set' }, el('remove', { xmlns: NS.identity, kind, value })));
  }

  /** A token for another tab of this browser, from the server. */
  async grant(device: string): Promise<KeptToken | undefined> {
    const request = el('iq', { type: 'set' }, el('grant', { xmlns: NS.identity, device, mechanism: MECHANISM }));
    const token = (await this.#session().iq(request)).child('token', NS.identity);
    return token === undefined ? undefined : keptToken(text(token.attr('token')), time(token.attr('expiry')));
  }

  #session(): NonNullable<Connection['session']> {
    const { session } = this.#host.connection;
    if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
    return session;
  }

  /** One request of the HTTP API; rejects with what its refusal means. */
  async #ask(method: 'GET' | 'POST', path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    const { platform, server } = this.#host;
    // A WebSocket address stands for the site that it is on.
    const origin = (server ?? platform.defaultServer?.() ?? '').replace(/^ws(s?):/i, 'http$1:');
    if (!/^https?:\/\//i.test(origin)) throw new ChatError('not-supported', 'Codes need a server address that begins with https://');
    const response = await platform
      .http({
        method,
        url: `${new URL(origin).origin}/api/v1/${path}`,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
        timeoutMs: API_TIMEOUT_MS,
      })
      .catch((cause: unknown) => {
        throw new ChatError('offline', 'The server cannot be reached', { cause });
      });
    let told: unknown;
    try {
      told = JSON.parse(response.text);
    } catch {
      told = undefined;
    }
    const answer = typeof told === 'object' && told !== null ? (told as Record<string, unknown>) : {};
    if (response.status >= 200 && response.status < 300) return answer;
    throw refusal(answer, response.headers['retry-after']);
  }
}

const CODES: Readonly<Record<string, ChatError['code']>> = {
  off: 'not-supported',
  'country-refused': 'not-supported',
  'bad-identifier': 'invalid-address',
  'bad-name': 'invalid-address',
  'too-many': 'rate-limited',
  'wrong-code': 'wrong-code',
  expired: 'code-expired',
  'no-account': 'not-found',
  'bad-token': 'session-expired',
  'wrong-device': 'session-expired',
  forbidden: 'not-allowed',
  refused: 'not-allowed',
  declined: 'not-allowed',
  'has-account': 'account-exists',
  conflict: 'account-exists',
  closed: 'registration-closed',
};
const LONGEST_SENTENCE = 300;

function refusal(answer: Readonly<Record<string, unknown>>, retryAfter: string | undefined): ChatError {
  const code = CODES[text(answer['error'])] ?? 'server-error';
  const message = text(answer['message']).slice(0, LONGEST_SENTENCE);
  const seconds = Number(retryAfter ?? Number.NaN);
  return new ChatError(
    code,
    message === '' ? 'The server refused this' : message,
    Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {},
  );
}

function keptToken(token: string, expiry: number): KeptToken {
  if (token === '') throw new ChatError('protocol-violation', 'The server sent no token');
  return { mechanism: MECHANISM, token, expiry, count: 0, offer: {} };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function time(value: unknown): number {
  return parseDateTime(text(value)) ?? 0;
}
