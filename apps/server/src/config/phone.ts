/** The settings of providers of short messages, checked. */
import { ConfigError } from '@parley/core';
import { providerUrl, smppServer, webhookKey } from '@parley/http';

export const PROVIDERS = ['twilio', 'smpp', 'webhook', 'console'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

type Values = Readonly<Record<string, boolean | number | string>>;

/** Who carries short messages; only those that are used are there. */
export interface PhoneConfig {
  /** In the order in which they are asked. */
  readonly providers: readonly ProviderName[];
  readonly twilio: { readonly url: string; readonly account: string; readonly token: string; readonly from: string };
  readonly smpp: {
    readonly server: string;
    readonly user: string;
    readonly password: string;
    readonly systemType: string;
    readonly from: string;
    readonly alphabet: string;
    readonly enquireLink: number;
    /** Absolute, or ''. */
    readonly ca: string;
  };
  readonly webhook: { readonly url: string; readonly secret: string };
}

export interface PhoneSettings extends Omit<PhoneConfig, 'providers'> {
  readonly phone: { readonly providers: string; readonly consoleAnywhere: boolean };
  /** Only programs of this machine reach the server: its listeners are on loopback addresses, and no proxy stands before it. */
  readonly onlyHere: boolean;
}

function list(text: string): readonly ProviderName[] {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  for (const [i, name] of names.entries()) {
    if (!PROVIDERS.some((one) => one === name))
      throw new ConfigError(`phone.providers must be some of ${PROVIDERS.join(', ')}, separated by spaces; "${name}" is none of them.`);
    if (names.indexOf(name) !== i) throw new ConfigError(`phone.providers names ${name} twice.`);
  }
  return names as ProviderName[];
}

/** Every setting of the group that has no default must be there, or none of the others. */
function complete(group: string, values: Values, needed: readonly string[], used: boolean): void {
  const missing = needed.filter((name) => values[name] === '');
  if (used && missing.length > 0)
    throw new ConfigError(`phone.providers names ${group}, which needs ${missing.map((name) => `phone.${group}.${name}`).join(', ')}.`);
  const given = needed.find((name) => values[name] !== '');
  if (!used && given !== undefined) throw new ConfigError(`phone.${group}.${given} is used only with ${group} in phone.providers.`);
}

function checkSmpp({ server, user, password, systemType, from }: PhoneConfig['smpp']): void {
  if (smppServer(server) === undefined)
    throw new ConfigError(`phone.smpp.server must be smpps://host:3550 or smpp://host:2775, not "${server}".`);
  // The fields have fixed lengths (SMPP 3.4 §4.1.1). The password is not repeated here.
  const fits = (text: string, most: number): boolean => text.length <= most && /^[\x20-\x7e]*$/.test(text);
  if (!fits(user, 15)) throw new ConfigError('phone.smpp.user may have at most 15 characters of ASCII.');
  if (!fits(password, 8)) throw new ConfigError('phone.smpp.password may have at most 8 characters of ASCII.');
  if (!fits(systemType, 12)) throw new ConfigError('phone.smpp.systemType may have at most 12 characters of ASCII.');
  if (!/^(\+?\d{3,20}|[\x20-\x7e]{1,11})$/.test(from))
    throw new ConfigError(`phone.smpp.from must be a number, or a name of at most 11 characters, not "${from}".`);
}

/** Undefined: no short messages are sent. Throws ConfigError, which quotes no secret. */
export function phoneConfig({ phone, twilio, smpp, webhook, onlyHere }: PhoneSettings): PhoneConfig | undefined {
  const providers = list(phone.providers);
  const used = (name: ProviderName): boolean => providers.includes(name);
  complete('twilio', twilio, ['account', 'token', 'from'], used('twilio'));
  complete('smpp', { ...smpp }, ['server', 'user', 'password', 'from'], used('smpp'));
  complete('webhook', webhook, ['url', 'secret'], used('webhook'));
  if (used('twilio') && (providerUrl(twilio.url) === undefined || new URL(twilio.url).search !== ''))
    throw new ConfigError(`phone.twilio.url must be an address such as https://api.twilio.com, not "${twilio.url}".`);
  if (used('smpp')) checkSmpp(smpp);
  if (used('webhook')) {
    if (providerUrl(webhook.url) === undefined)
      throw new ConfigError('phone.webhook.url must begin with https://, or with http:// on this machine, and name no user.');
    if (webhookKey(webhook.secret) === undefined)
      throw new ConfigError('phone.webhook.secret must be whsec_ and 24 to 64 bytes in base64, such as of: openssl rand -base64 32.');
  }
  if (used('console') && !onlyHere && !phone.consoleAnywhere)
    throw new ConfigError(
      'phone.providers names console, which shows every code to whoever asks for one, and others than this machine may reach the server (listen.*, http.publicUrl, http.trustProxy). Take it out, or set phone.consoleAnywhere=true when nobody else can get there.',
    );
  return providers.length === 0 ? undefined : { providers, twilio, smpp, webhook };
}
