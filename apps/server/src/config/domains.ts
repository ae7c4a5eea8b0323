/** `domains:` of the configuration file: more domains on the same server, each with settings of its own over those of the top level. */
import { ConfigError, nearest } from '@parley/core';
import { NO_SLOTS, serverFeatures } from '../features.ts';
import { allSettings, inherited, ofADomain } from './settings.ts';

/** One entry as it stands in the file: settings by full name, features as given. */
export interface DomainEntry {
  readonly domain: string;
  readonly settings: ReadonlyMap<string, unknown>;
  readonly features: Readonly<Record<string, unknown>>;
}

type Features = Readonly<Record<string, unknown>>;
const NAMES = [...allSettings().keys()];
const OWN_NAMES = NAMES.filter(ofADomain);

const isGroup = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads what stands under `domains` in the file `where`. Throws ConfigError. */
export function readDomains(where: string, tree: unknown): DomainEntry[] {
  if (!isGroup(tree))
    throw new ConfigError(
      `${where}: domains must be a group with one group of settings for each further domain, such as other.example: {}.`,
    );
  return Object.entries(tree).map(([domain, entry]) => {
    const settings = new Map<string, unknown>();
    let features: Features = {};
    const flatten = (group: unknown, path: string): void => {
      if (!isGroup(group))
        throw new ConfigError(`${where}: domains.${domain}${path === '' ? '' : `.${path}`} must be a group of settings.`);
      for (const [key, value] of Object.entries(group)) {
        const name = path === '' ? key : `${path}.${key}`;
        if (name === 'features') {
          if (!isGroup(value)) throw new ConfigError(`${where}: domains.${domain}.features must be a group of features.`);
          features = value;
        } else if (OWN_NAMES.includes(name)) settings.set(name, value);
        else if (NAMES.includes(name))
          throw new ConfigError(`${where}: ${name} is a setting of the whole server; it cannot be set for ${domain} alone.`);
        else if (NAMES.some((one) => one.startsWith(`${name}.`))) flatten(value ?? {}, name);
        else {
          const near = nearest(name, OWN_NAMES);
          throw new ConfigError(
            `${where}: the setting domains.${domain}.${name} is not known${near === undefined ? '' : `; did you mean ${near}?`}`,
          );
        }
      }
    };
    flatten(entry ?? {}, '');
    return { domain, settings, features };
  });
}

/** The settings of a further domain: its own over those of the top level. */
export function over(top: ReadonlyMap<string, unknown>, entry: DomainEntry): Map<string, unknown> {
  const settings = new Map([...top].filter(([name]) => inherited(name)));
  for (const [name, value] of entry.settings) settings.set(name, value);
  return settings.set('domain', entry.domain);
}

/** The features of a further domain. `true` and `false` switch one on or off; options stand over those of the top level. */
export function featuresOver(top: Features, own: Features): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(top)) {
    const options = serverFeatures(NO_SLOTS).find((one) => one.name === name)?.options ?? {};
    merged[name] = isGroup(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => options[key]?.ownDomain !== true)) : value;
  }
  for (const [name, value] of Object.entries(own)) {
    const before = merged[name];
    merged[name] = isGroup(value) ? { ...(isGroup(before) ? before : {}), ...value } : value === true && isGroup(before) ? before : value;
  }
  return merged;
}
