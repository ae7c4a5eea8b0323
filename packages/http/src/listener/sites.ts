/** Which domain a request over HTTP is about. */
import type { AppKeys } from '@parley/features/app-keys/service';
import type { Identities } from '@parley/features/identity/service';
import type { Linking } from '@parley/features/linking/service';
import type { Passkeys } from '@parley/features/passkeys/service';
import type { Registrar } from '@parley/features/registration/service';
import type { SocialSignIn } from '@parley/features/social/service';

/** One domain, as it is served over HTTP. */
export interface HttpSite {
  readonly domain: string;
  /** Where browsers reach it, such as https://chat.example; asked at each use, because the port may be known late. */
  readonly publicUrl: () => string;
  /** Undefined while the feature is off. */
  readonly registrar: () => Registrar | undefined;
  readonly identities: () => Identities | undefined;
  readonly appKeys: () => AppKeys | undefined;
  readonly linking: () => Linking | undefined;
  readonly passkeys: () => Passkeys | undefined;
  readonly social: () => SocialSignIn | undefined;
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return '';
  }
}

/** The site that the Host header names: by its domain, or by where browsers reach it. The first one when it names none. */
export function siteOf(sites: readonly HttpSite[], host: string | undefined): HttpSite {
  const first = sites[0] as HttpSite;
  if (sites.length === 1 || host === undefined) return first;
  const name = host.toLowerCase();
  const bare = name.replace(/:\d{1,5}$/, '');
  return sites.find(({ domain }) => domain === bare) ?? sites.find(({ publicUrl }) => hostOf(publicUrl()) === name) ?? first;
}

/** Where files are fetched: people of one domain are sent files by those of another. */
export function mediaOrigins(sites: readonly HttpSite[]): string {
  return sites.length === 1 ? (sites[0] as HttpSite).publicUrl() : [...new Set(sites.map(({ publicUrl }) => publicUrl()))].join(' ');
}
