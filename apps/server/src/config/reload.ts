/** What new settings would change in a running server, and whether it can take them. */
import { ConfigError, FeatureSet } from '@parley/core';
import { NO_SLOTS, serverFeatures } from '../features.ts';
import type { Config } from './config.ts';
import { featureConfig } from './read.ts';
import { allSettings } from './settings.ts';

type Value = boolean | number | string;

/** Full names of everything that can be set, features and their options included, and whether a running server takes new values. */
export function reloadable(): Map<string, 'hot' | 'cold'> {
  const all = new Map<string, 'hot' | 'cold'>([...allSettings()].map(([name, { reload }]) => [name, reload]));
  for (const { name, options } of serverFeatures(NO_SLOTS)) {
    // Switching one on or off needs those that use it to begin anew.
    all.set(`features.${name}`, 'cold');
    for (const [key, { reload }] of Object.entries(options)) all.set(`features.${name}.${key}`, reload);
  }
  return all;
}

/** Every value that counts, by full name. */
function effective(config: Config): Map<string, Value> {
  const values = new Map<string, Value>(config.values);
  // The options of registration stand among the main settings.
  for (const domain of config.domains) {
    const prefix = domain === config.domains[0] ? '' : prefixOf(domain.domain);
    if (prefix !== '') for (const [name, value] of domain.values) values.set(prefix + name, value);
    for (const [name, value] of FeatureSet.values(serverFeatures(NO_SLOTS), featureConfig(domain)))
      if (!name.startsWith('features.registration.')) values.set(prefix + name, value);
  }
  return values;
}

const prefixOf = (domain: string): string => `domains.${domain}.`;

/**
 * Names of the hot settings that differ. Throws ConfigError when a cold one differs, naming all of those: a reload takes
 * everything or nothing.
 */
export function changes(before: Config, after: Config): string[] {
  const kinds = reloadable();
  for (const { domain } of after.domains.slice(1)) for (const [name, kind] of [...reloadable()]) kinds.set(prefixOf(domain) + name, kind);
  const names = (config: Config): string[] => config.domains.map(({ domain }) => domain);
  const come = names(after).filter((domain) => !names(before).includes(domain));
  const gone = names(before).filter((domain) => !names(after).includes(domain));
  const old = effective(before);
  const now = effective(after);
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
  const switched = changed.filter((name) => old.get(name) === undefined || now.get(name) === undefined);
  // The options of a feature that goes or comes are not worth a word beside it.
  const cold = changed.filter((name) => kinds.get(name) !== 'hot' && !switched.includes(name));
  if (before.domain === after.domain) cold.push(...[...come, ...gone].map((domain) => `domains.${domain}`));
  if (cold.length > 0) throw new ConfigError(`Nothing was changed: this needs a restart: ${cold.sort().join(', ')}.`);
  return changed.sort();
}
