/** The settings of a server, checked. */
import { isAbsolute, resolve } from 'node:path';
import { ConfigError, type ConfigOf, type CoreConfig, type HistoryKeep, parseDuration, parseOptions } from '@parley/core';
import { mailServer } from '@parley/http';
import { Jid } from '@parley/protocol';
import { isLoopback, type TransportLimits } from '@parley/transports';
import { type DomainEntry, featuresOver, over } from './domains.ts';
import { type PhoneConfig, phoneConfig } from './phone.ts';
import { ofADomain, SETTINGS } from './settings.ts';

type Group<G extends keyof typeof SETTINGS> = ConfigOf<(typeof SETTINGS)[G]['settings']>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What one domain has for itself. */
export interface DomainConfig {
  readonly domain: string;
  readonly tls: { readonly cert: string; readonly key: string };
  readonly registration: Group<'registration'>;
  /** Where browsers reach it; '' when that is not set. */
  readonly publicUrl: string;
  readonly media: Group<'media'>;
  readonly core: CoreConfig;
  /** As given; checked by the features themselves. */
  readonly features: Readonly<Record<string, unknown>>;
  /** Its settings by their full name, with defaults filled in. */
  readonly values: ReadonlyMap<string, boolean | number | string>;
}

/** The settings of the server, and those of its first domain. */
export interface Config {
  readonly domain: string;
  /** Every domain; the first one first. */
  readonly domains: readonly [DomainConfig, ...DomainConfig[]];
  /** Absolute. */
  readonly dataDir: string;
  readonly listen: { readonly xmpp?: Address; readonly xmpps?: Address; readonly http?: Address; readonly component?: Address };
  readonly tls: { readonly mode: 'selfsigned' | 'files' | 'off'; readonly cert: string; readonly key: string };
  readonly registration: Group<'registration'>;
  /** Undefined: no mail is sent. `ca` is an absolute path or ''. */
  readonly social: Group<'social'>;
  readonly email: (Group<'email'> & { readonly from: string }) | undefined;
  /** Undefined: no short messages are sent. */
  readonly phone: PhoneConfig | undefined;
  readonly http: { readonly publicUrl: string; readonly trustProxy: boolean; readonly allowedOrigins: readonly string[] };
  readonly media: Group<'media'>;
  readonly log: Group<'log'>;
  readonly core: CoreConfig;
  /** Messages can be found by their text. */
  readonly search: boolean;
  readonly transport: TransportLimits;
  /** Every setting above by its full name, with defaults filled in; for telling what a reload changes. */
  readonly values: ReadonlyMap<string, boolean | number | string>;
  /** As given; checked by the features themselves. */
  readonly features: Readonly<Record<string, unknown>>;
}

/** `127.0.0.1:5222`, `[::1]:5222`, `:5222` (all addresses) → host and port; undefined for `off`. */
export function parseAddress(key: string, text: string): Address | undefined {
  if (text === 'off') return undefined;
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new ConfigError(`${key} must be address:port (127.0.0.1:5222, [::1]:5222, 0.0.0.0:5222) or off, not "${text}".`);
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '::' : host, port };
}

/** `until-delivered`, `forever` or a duration. */
export function parseKeep(text: string): HistoryKeep {
  if (text === 'until-delivered' || text === 'forever') return text;
  const ms = parseDuration(text);
  if (ms === undefined || ms < 60_000)
    throw new ConfigError(`history.keep must be until-delivered, forever or a duration of a minute or more such as 30d, not "${text}".`);
  return { ms };
}

function path(base: string, text: string): string {
  return text === '' || isAbsolute(text) ? text : resolve(base, text);
}

/**
 * Checks raw settings (by full name; `features` apart) and fills in the defaults. Relative paths start at `folder`. `more`: the entries
 * of `domains`. Throws ConfigError.
 */
export function makeConfig(
  raw: ReadonlyMap<string, unknown>,
  features: Readonly<Record<string, unknown>>,
  folder: string,
  more: readonly DomainEntry[] = [],
): Config {
  const first = oneDomain(raw, features, folder);
  const domains: [DomainConfig, ...DomainConfig[]] = [first.domains[0]];
  for (const entry of more) {
    const named = <T>(run: () => T): T => {
      try {
        return run();
      } catch (error) {
        throw error instanceof ConfigError ? new ConfigError(`domains.${entry.domain}: ${error.message}`) : error;
      }
    };
    const own = named(() => oneDomain(over(raw, entry), featuresOver(features, entry.features), folder).domains[0]);
    if (domains.some(({ domain }) => domain === own.domain))
      throw new ConfigError(`domains: ${own.domain} is there twice; a domain is served once.`);
    domains.push(own);
  }
  return { ...first, domains };
}

function oneDomain(raw: ReadonlyMap<string, unknown>, features: Readonly<Record<string, unknown>>, folder: string): Config {
  const values = new Map<string, boolean | number | string>();
  const group = <G extends keyof typeof SETTINGS>(name: G): Group<G> => {
    const given: Record<string, unknown> = {};
    const { settings } = SETTINGS[name];
    for (const [key, option] of Object.entries(settings)) {
      const full = name === '' ? key : `${name}.${key}`;
      const value = raw.get(full);
      // YAML reads `8080` and `30` as numbers where a text is meant.
      if (value !== undefined) given[key] = option.type === 'string' && typeof value === 'number' ? String(value) : value;
    }
    try {
      const parsed = parseOptions(name, settings, given) as Record<string, boolean | number | string>;
      for (const [key, value] of Object.entries(parsed)) values.set(name === '' ? key : `${name}.${key}`, value);
      return parsed as Group<G>;
    } catch (error) {
      if (name === '' && error instanceof ConfigError) throw new ConfigError(error.message.replace(/^\./, ''));
      throw error;
    }
  };
  const top = group('');
  const addresses = group('listen');
  const tls = group('tls');
  const auth = group('auth');
  const { location } = group('sessions');
  if (location !== '' && !/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+)(:\d{1,5})?$/.test(location))
    throw new ConfigError(`sessions.location must be host:port, such as chat1.example:5222, not "${location}".`);
  const registration = group('registration');
  const email = group('email');
  if (email.server !== '' && mailServer(email.server) === undefined)
    throw new ConfigError(`email.server must be smtps://host:465 or smtp://host:587, not "${email.server}".`);
  if (email.server === '' && (email.user !== '' || email.password !== '' || email.from !== '' || email.ca !== ''))
    throw new ConfigError('email.user, email.password, email.from and email.ca are used only with email.server, which is empty.');
  const social = group('social');
  const phone = group('phone');
  const twilio = group('phone.twilio');
  const smpp = group('phone.smpp');
  const webhook = group('phone.webhook');
  const history = group('history');
  const http = group('http');
  const limits = group('limits');

  const jid = Jid.tryParse(top.domain);
  if (jid === undefined || jid.domain !== jid.toString())
    throw new ConfigError(`domain must be a host name such as chat.example, not "${top.domain}".`);
  const listen = {
    xmpp: parseAddress('listen.xmpp', addresses.xmpp),
    xmpps: parseAddress('listen.xmpps', addresses.xmpps),
    http: parseAddress('listen.http', addresses.http),
    component: parseAddress('listen.component', addresses.component),
  };
  if (tls.mode === 'files' && (tls.cert === '' || tls.key === '')) throw new ConfigError('tls.mode=files needs both tls.cert and tls.key.');
  if (tls.mode !== 'files' && (tls.cert !== '' || tls.key !== ''))
    throw new ConfigError(`tls.cert and tls.key are used only with tls.mode=files, and tls.mode is ${tls.mode}.`);
  if (tls.mode === 'off' && listen.xmpps !== undefined && raw.has('listen.xmpps'))
    throw new ConfigError('listen.xmpps needs TLS, and tls.mode is off.');
  const publicUrl = http.publicUrl.replace(/\/+$/, '');
  if (publicUrl !== '' && !/^https?:\/\/[^/?#\s]+$/.test(publicUrl))
    throw new ConfigError(`http.publicUrl must be a web address without a path, such as https://chat.example, not "${http.publicUrl}".`);
  const allLoopback = Object.values(listen).every((address) => address === undefined || isLoopback(address.host));
  const onlyHere = allLoopback && !http.trustProxy && (publicUrl === '' || isLoopback(new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')));
  const open = raw.has('registration.open') ? registration.open : allLoopback;
  values.set('registration.open', open);
  const media = group('media');
  const log = group('log');
  const core: CoreConfig = {
    domain: jid.domain,
    allowPlaintext: auth.allowPlaintext,
    historyKeep: parseKeep(history.keep),
    undeliveredMs: history.undelivered,
    scramIterations: auth.scramIterations,
    offerAllHashes: auth.offerAllHashes,
    resumeLocation: location === '' ? undefined : location,
    limits: {
      preAuthStanzaBytes: limits.stanzaSizeBeforeSignIn,
      stanzaBytes: limits.stanzaSize,
      stanzaDepth: limits.stanzaDepth,
      stanzaElements: limits.stanzaElements,
      signInMs: limits.signInTime,
      signInTries: limits.signInTries,
      sessionsPerAccount: limits.sessionsPerAccount,
      devicesPerAccount: limits.devicesPerAccount,
      unackedStanzas: limits.unackedStanzas,
      unackedBytes: limits.unackedSize,
      queueBytes: limits.queueSize,
      resumeMs: limits.resumeTime,
      heldStanzas: limits.heldStanzas,
      mailboxEntries: limits.mailboxEntries,
    },
  };
  const files = { cert: path(folder, tls.cert), key: path(folder, tls.key) };
  const own = new Map([...values].filter(([name]) => ofADomain(name)));
  const domain: DomainConfig = {
    domain: jid.domain,
    tls: files,
    registration: { ...registration, open },
    publicUrl,
    media,
    core,
    features,
    values: own,
  };

  return {
    domain: jid.domain,
    domains: [domain],
    dataDir: path(folder, top.dataDir),
    listen: { ...listen, xmpps: tls.mode === 'off' ? undefined : listen.xmpps },
    tls: { mode: tls.mode as Config['tls']['mode'], ...files },
    registration: { ...registration, open },
    email:
      email.server === ''
        ? undefined
        : { ...email, from: email.from === '' ? `parley@${jid.domain}` : email.from, ca: path(folder, email.ca) },
    social: { providers: path(folder, social.providers) },
    phone: phoneConfig({ phone, twilio, smpp: { ...smpp, ca: path(folder, smpp.ca) }, webhook, onlyHere }),
    http: { publicUrl, trustProxy: http.trustProxy, allowedOrigins: http.allowedOrigins.split(/\s+/).filter((one) => one !== '') },
    media,
    search: history.search && history.keep !== 'until-delivered',
    log,
    core,
    transport: {
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
      bytesPerSecond: limits.bytesPerSecond,
      tlsHandshakeMs: limits.tlsHandshakeTime,
      closeMs: 2000,
    },
    values,
    features,
  };
}
