/** Where settings come from: flags, then the environment, then the file, then the defaults. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError, FeatureSet, nearest } from '@parley/core';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { NO_SLOTS, serverFeatures } from '../features.ts';
import { type Config, makeConfig } from './config.ts';
import { readDomains } from './domains.ts';
import { allSettings, environmentName } from './settings.ts';

export interface CommandLine {
  /** Path of the file, as given. */
  readonly file: string | undefined;
  /** Settings given as flags. */
  readonly flags: ReadonlyMap<string, string>;
  /** `--help` or `--version`. */
  readonly asked: 'help' | 'version' | undefined;
}

const NAMES = [...allSettings().keys()];
const BOOLEANS = new Set([...allSettings()].filter(([, option]) => option.type === 'boolean').map(([name]) => name));

function unknown(kind: string, name: string, shown: string, prefix = ''): ConfigError {
  const near = nearest(name, NAMES);
  return new ConfigError(`${kind} ${shown} is not known${near === undefined ? '' : `; did you mean ${prefix}${near}?`}`);
}

/** Reads `--key=value`, `--key value` and a bare `--key` for a boolean. Throws ConfigError. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = new Map<string, string>();
  let file: string | undefined;
  let asked: CommandLine['asked'];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('--')) throw new ConfigError(`"${arg}" is not a flag; settings are given as --name=value.`);
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    if (name === 'help' || name === 'version') {
      asked = name;
      continue;
    }
    if (name === 'domains' || name.startsWith('domains.'))
      throw new ConfigError('Further domains are not given as flags: list them under domains: in the file of --config.');
    if (name !== 'config' && !name.startsWith('features.') && !NAMES.includes(name)) throw unknown('The flag', name, `--${name}`, '--');
    const next = args[i + 1];
    let value: string;
    if (equals >= 0) value = arg.slice(equals + 1);
    else if (BOOLEANS.has(name) && next !== 'true' && next !== 'false') value = 'true';
    else if (next === undefined || next.startsWith('--')) throw new ConfigError(`--${name} needs a value: --${name}=…`);
    else {
      value = next;
      i++;
    }
    if (name === 'config') file = value;
    else flags.set(name, value);
  }
  return { file, flags, asked };
}

/** `features.mam.pageSize=50` into the tree that the features check. */
function setFeature(tree: Record<string, unknown>, name: string, value: string): void {
  const [, feature = '', option, ...more] = name.split('.');
  if (feature === '' || more.length > 0)
    throw new ConfigError(`--${name} is not the name of a feature or of its option (features.<feature>.<option>).`);
  if (option === undefined) {
    if (value !== 'true' && value !== 'false') throw new ConfigError(`--${name} must be true or false, not "${value}".`);
    tree[feature] = value === 'true';
    return;
  }
  const there = tree[feature];
  if (there === false) throw new ConfigError(`--${name}: the feature ${feature} is switched off.`);
  tree[feature] = { ...(typeof there === 'object' ? there : {}), [option]: value };
}

/** Flattens `listen: { http: … }` to `listen.http`; keys may be written with dots, too. */
function flatten(tree: unknown, where: string, path: string, into: Map<string, unknown>): void {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree))
    throw new ConfigError(`${where}: ${path === '' ? 'the file' : path} must be a group of settings.`);
  for (const [key, value] of Object.entries(tree)) {
    const name = path === '' ? key : `${path}.${key}`;
    if (NAMES.includes(name)) into.set(name, value);
    else if (name === 'features' || name === 'domains') into.set(name, value);
    else if (NAMES.some((one) => one.startsWith(`${name}.`))) flatten(value ?? {}, where, name, into);
    else throw unknown(`${where}: the setting`, name, name);
  }
}

async function readFileSettings(file: string): Promise<Map<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigError(
      `--config: cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : (error as Error).message}.`,
    );
  }
  const settings = new Map<string, unknown>();
  try {
    const tree: unknown = parseYaml(text, { prettyErrors: true });
    if (tree !== null && tree !== undefined) flatten(tree, file, '', settings);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new ConfigError(`${file} is not YAML: ${error.message}`);
    throw error;
  }
  return settings;
}

/** Settings from the environment. A variable whose name begins like one of our groups but names no setting is a mistake. */
function environmentSettings(environment: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const byVariable = new Map(NAMES.map((name) => [environmentName(name), name]));
  const groups = new Set(NAMES.filter((name) => name.includes('.')).map((name) => `${environmentName(name.split('.')[0] ?? '')}_`));
  const settings = new Map<string, string>();
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || !variable.startsWith('PARLEY_')) continue;
    const name = byVariable.get(variable);
    if (variable === 'PARLEY_DOMAINS')
      throw new ConfigError('Further domains are not given in the environment: list them under domains: in the file of --config.');
    if (name !== undefined) settings.set(name, value);
    else if ([...groups].some((group) => variable.startsWith(group))) {
      const near = nearest(variable, [...byVariable.keys()]);
      throw new ConfigError(`The environment variable ${variable} is not known${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
  }
  return settings;
}

/** Everything together, checked. `cwd` is where relative paths of flags and of the environment start; those of the file start at the file. */
export async function readConfig(
  line: CommandLine,
  environment: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Promise<Config> {
  const file = line.file === undefined ? undefined : resolve(cwd, line.file);
  const raw = file === undefined ? new Map<string, unknown>() : await readFileSettings(file);
  // Paths are made absolute here, because each source has its own starting folder.
  const anchor = (settings: Map<string, unknown>): void => {
    for (const key of file === undefined ? [] : ['dataDir', 'tls.cert', 'tls.key', 'email.ca', 'phone.smpp.ca', 'social.providers']) {
      const value = settings.get(key);
      if (typeof value === 'string' && value !== '') settings.set(key, resolve(dirname(file as string), value));
    }
  };
  anchor(raw);
  const listed = raw.get('domains');
  raw.delete('domains');
  const more = listed === undefined || listed === null ? [] : readDomains(file ?? '', listed);
  const entries = more.map((entry) => {
    const settings = new Map(entry.settings);
    anchor(settings);
    return { ...entry, settings };
  });
  const features: Record<string, unknown> = {};
  const fromFile = raw.get('features');
  if (fromFile !== undefined) {
    if (typeof fromFile !== 'object' || fromFile === null || Array.isArray(fromFile))
      throw new ConfigError(`${file}: features must be a group of features.`);
    Object.assign(features, fromFile);
    raw.delete('features');
  }
  for (const [name, value] of environmentSettings(environment)) raw.set(name, value);
  for (const [name, value] of line.flags) {
    if (name.startsWith('features.')) setFeature(features, name, value);
    else raw.set(name, value);
  }
  const config = makeConfig(raw, features, cwd, entries);
  checkFeatures(config);
  return config;
}

/** Checks the features of every domain, and that no domain is a name that a feature of another one answers for. Throws ConfigError. */
function checkFeatures(config: Config): void {
  const features = serverFeatures(NO_SLOTS);
  const taken = new Map<string, string>();
  for (const domain of config.domains) {
    const further = domain !== config.domains[0];
    try {
      for (const name of FeatureSet.check(features, featureConfig(domain), domain.domain)) {
        const by = taken.get(name);
        if (by !== undefined && by !== domain.domain)
          throw new ConfigError(`${name} is a service of ${by} already; give one of them another name.`);
        taken.set(name, domain.domain);
      }
    } catch (error) {
      throw further && error instanceof ConfigError ? new ConfigError(`domains.${domain.domain}: ${error.message}`) : error;
    }
  }
  for (const { domain } of config.domains) {
    const by = taken.get(domain);
    if (by !== undefined)
      throw new ConfigError(
        `domains: ${domain} cannot be a domain, because it is the address of a service of ${by}; give one of them another name.`,
      );
  }
}

/** What the features are given: their own options, and `registration.*` of the main settings. */
export function featureConfig(config: Pick<Config, 'features' | 'registration'>): Record<string, unknown> {
  const { registration } = config.features;
  if (typeof registration === 'object' && registration !== null)
    throw new ConfigError(
      'The options of registration are registration.open and registration.perAddressPerHour, not features.registration.*.',
    );
  return { ...config.features, registration: registration === false ? false : { ...config.registration } };
}
