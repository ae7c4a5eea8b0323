import { StanzaError } from '@parley/protocol';
import type { Awaitable, KeyValueStore } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { Core } from '../core.ts';
import type { LogFields } from '../ports/index.ts';
import type { Codec, Feature, FeatureContext, Service, Table } from './feature.ts';
import { ConfigError, nearest, type Options, parseOptions } from './options.ts';

type Values = Record<string, boolean | number | string>;

class TypedTable<T> implements Table<T> {
  readonly #store: KeyValueStore;
  readonly #codec: Codec<T>;
  constructor(store: KeyValueStore, codec: Codec<T>) {
    this.#store = store;
    this.#codec = codec;
  }
  get(owner: number, key: string): Awaitable<T | undefined> {
    const text = this.#store.get(owner, key);
    if (text instanceof Promise) return text.then((one) => (one === undefined ? undefined : this.#codec.decode(one)));
    return text === undefined ? undefined : this.#codec.decode(text);
  }
  list(owner: number, prefix?: string): Awaitable<Array<{ key: string; value: T }>> {
    const rows = this.#store.list(owner, prefix);
    const decode = (all: Array<{ key: string; value: string }>): Array<{ key: string; value: T }> =>
      all.map(({ key, value }) => ({ key, value: this.#codec.decode(value) }));
    return rows instanceof Promise ? rows.then(decode) : decode(rows);
  }
  owners(key: string): Awaitable<number[]> {
    return this.#store.owners(key);
  }
  set(owner: number, key: string, value: T): void {
    this.#store.set(owner, key, this.#codec.encode(value));
  }
  delete(owner: number, key: string): void {
    this.#store.delete(owner, key);
  }
  deleteOwner(owner: number): void {
    this.#store.deleteOwner(owner);
  }
}

/** The features of each domain of the server. */
const setsOf = (core: Core): Map<string, FeatureSet> => core.together.once('feature sets', () => new Map());

/** Loads features into a core: config checked, services wired, all that they register undone on unload. */
export class FeatureSet {
  readonly #core: Core;
  readonly #services = new Map<string, unknown>();
  readonly #undo: Array<{ feature: string; run: () => void | Promise<void> }> = [];
  readonly #advertised: { readonly host: Map<string, number>; readonly account: Map<string, number> } = {
    host: new Map(),
    account: new Map(),
  };
  readonly loaded: Feature<Options>[] = [];
  /** What each loaded feature reads as `ctx.config`, and what it does when that has changed. */
  readonly #live = new Map<string, { readonly config: Values; readonly reloaded: (() => void)[] }>();

  constructor(core: Core) {
    this.#core = core;
    setsOf(core).set(core.config.domain, this);
  }

  /**
   * Checks the configuration of all features of a domain (`host`) without loading any, and answers the domains beside it that they answer
   * for. Throws ConfigError.
   */
  static check(features: ReadonlyArray<Feature<Options>>, config: Readonly<Record<string, unknown>>, host: string): string[] {
    for (const name of Object.keys(config)) {
      if (features.some((feature) => feature.name === name)) continue;
      const near = nearest(
        name,
        features.map((feature) => feature.name),
      );
      throw new ConfigError(`features.${name} is not a feature${near === undefined ? '' : `; did you mean features.${near}?`}`);
    }
    const domains: string[] = [];
    for (const feature of features) {
      if (config[feature.name] === false) continue;
      const options = FeatureSet.#options(feature, config[feature.name]);
      feature.check?.(host, options);
      domains.push(...(feature.domains?.(host, options) ?? []));
    }
    return domains;
  }

  /** Every option of every feature by its full name (`features.mam.pageMax`), and `features.mam` for whether it is on. Throws ConfigError. */
  static values(
    features: ReadonlyArray<Feature<Options>>,
    config: Readonly<Record<string, unknown>>,
  ): Map<string, boolean | number | string> {
    const all = new Map<string, boolean | number | string>();
    for (const feature of features) {
      const on = config[feature.name] !== false;
      all.set(`features.${feature.name}`, on);
      if (!on) continue;
      for (const [key, value] of Object.entries(FeatureSet.#options(feature, config[feature.name])))
        all.set(`features.${feature.name}.${key}`, value);
    }
    return all;
  }

  static #options(feature: Feature<Options>, raw: unknown): ReturnType<typeof parseOptions> {
    return parseOptions(`features.${feature.name}`, feature.options, raw === true ? {} : raw);
  }

  /** Loads them, those that lend services before those that need them. `false` in the configuration leaves one out. */
  async load(features: ReadonlyArray<Feature<Options>>, config: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const wanted = features.filter((feature) => config[feature.name] !== false);
    for (const feature of inOrder(wanted)) {
      const options = FeatureSet.#options(feature, config[feature.name]);
      feature.check?.(this.#core.config.domain, options);
      for (const need of feature.needs ?? [])
        if (!this.#services.has(need.name))
          throw new ConfigError(`The feature ${feature.name} needs ${need.name}, which no feature that is on provides.`);
      this.#live.set(feature.name, { config: options as Values, reloaded: [] });
      await feature.setup(this.#context(feature, options));
      this.loaded.push(feature);
    }
  }

  /** Gives the loaded features new values of their options. Throws ConfigError, and has changed nothing then; which options are hot is for the caller to know. */
  reload(config: Readonly<Record<string, unknown>>): void {
    const next = this.loaded.map((feature) => ({ feature, values: FeatureSet.#options(feature, config[feature.name]) as Values }));
    for (const { feature, values } of next) feature.check?.(this.#core.config.domain, values as never);
    for (const { feature, values } of next) Object.assign(this.#live.get(feature.name)?.config ?? {}, values);
    for (const { feature } of next)
      for (const run of this.#live.get(feature.name)?.reloaded ?? []) {
        try {
          run();
        } catch (error) {
          this.#core.log.error(`${feature.name}_reload_failed`, { error });
        }
      }
    // What was offered depends on options, too.
    this.#core.hooks.version++;
  }

  /** Undoes everything, last first. */
  async unload(): Promise<void> {
    for (const { feature, run } of this.#undo.reverse()) {
      try {
        await run();
      } catch (error) {
        this.#core.log.error(`${feature}_unload_failed`, { error });
      }
    }
    this.#undo.length = 0;
    this.loaded.length = 0;
    this.#live.clear();
    this.#services.clear();
  }

  service<T>(service: Service<T>): T | undefined {
    return this.#services.get(service.name) as T | undefined;
  }

  #context(feature: Feature<Options>, config: object): FeatureContext<never> {
    const core = this.#core;
    const { name } = feature;
    const defer = (run: () => void | Promise<void>): void => void this.#undo.push({ feature: name, run });
    const advertise = (namespace: string, at: 'host' | 'account' = 'host'): void => {
      const list = this.#advertised[at];
      list.set(namespace, (list.get(namespace) ?? 0) + 1);
      defer(() => {
        const left = (list.get(namespace) ?? 1) - 1;
        if (left === 0) list.delete(namespace);
        else list.set(namespace, left);
      });
    };
    for (const namespace of feature.advertises ?? []) advertise(namespace, 'host');
    for (const namespace of feature.advertisesOnAccounts ?? []) advertise(namespace, 'account');
    const log = (level: 'debug' | 'info' | 'warn' | 'error') => (event: string, fields?: LogFields) =>
      core.log[level](event, { feature: name, ...fields });
    const find = <T>(service: Service<T>): T | undefined => this.#services.get(service.name) as T | undefined;
    const context: FeatureContext<object> = {
      host: core.config.domain,
      hostOwner: core.hostOwner,
      once: (key, make) => core.together.once(`${name} ${key}`, make),
      config,
      onReload: (run) => void this.#live.get(name)?.reloaded.push(run),
      limits: core.limits,
      clock: core.clock,
      random: core.random,
      crypto: core.crypto,
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      accounts: core.accounts,
      mailboxes: core.mailboxes,
      secret: (purpose) => core.secret(name, purpose),
      on: (hook, stage, handle) => defer(core.hooks.on(hook, stage, name, handle)),
      iq: (type, at, payload, handle) => defer(core.iqs.on(type, at, payload, handle)),
      guestIq: (type, payload, handle) => defer(core.iqs.onGuest(type, payload, handle)),
      table: (store, codec) => new TypedTable(core.storage.keyValue(store), codec),
      provide: (service, impl) => {
        if (this.#services.has(service.name)) throw new TypeError(`two features provide ${service.name}`);
        this.#services.set(service.name, impl);
        defer(() => void this.#services.delete(service.name));
      },
      use: <T>(service: Service<T>): T => {
        const impl = find(service);
        if (impl === undefined) throw new ConfigError(`The feature ${name} needs ${service.name}, which no feature that is on provides.`);
        return impl;
      },
      find,
      accountAt: (jid) => core.together.account(jid),
      accountById: (id) => core.together.accountById(core, id),
      serves: (domain) => core.together.cores.has(domain),
      findAt: (domain, service) => setsOf(core).get(domain)?.service(service),
      sessionsOf: (bare) => core.together.sessionsOf(core, bare),
      sessionAt: (full) => core.together.sessionAt(core, full),
      sessions: () => core.directory.all(),
      forgetDevice: (account, device) => core.forgetDevice(account, device),
      afterCommit: (done, failed) =>
        core.storage.afterCommit(done, failed ?? ((error) => core.log.warn(`${name}_commit_refused`, { code: error.code }))),
      ask: (session, payload, options) => core.asks.ask(session, payload, options),
      sendMessage: (message: Element) => {
        core.router.sendFromServer(message).catch((error: unknown) => {
          // A full mailbox (D10) is the recipient's to empty.
          if (error instanceof StanzaError) core.log.warn(`${name}_message_refused`, { condition: error.condition });
          else core.log.error(`${name}_message_failed`, { error });
        });
      },
      service: (domain, handlers, options = {}) => {
        const { service, undo } = core.router.services.add(domain, handlers, options);
        defer(undo);
        return service;
      },
      askService: (to, payload, options) => core.serviceAsks.ask(to, payload, options),
      hasService: (domain) => core.router.services.has(domain),
      services: () => core.router.services.listed(),
      advertise,
      advertised: (at) => [...this.#advertised[at].keys()].sort(),
      defer,
    };
    return context as FeatureContext<never>;
  }
}

/** Providers before those that need them; otherwise the order given. */
function inOrder(features: ReadonlyArray<Feature<Options>>): Feature<Options>[] {
  const done: Feature<Options>[] = [];
  const visit = (feature: Feature<Options>, path: readonly string[]): void => {
    if (done.includes(feature)) return;
    if (path.includes(feature.name)) throw new ConfigError(`Features need each other in a circle: ${[...path, feature.name].join(' → ')}`);
    for (const need of feature.needs ?? []) {
      const provider = features.find((one) => one.provides?.some((service) => service.name === need.name));
      if (provider !== undefined) visit(provider, [...path, feature.name]);
    }
    done.push(feature);
  };
  for (const feature of features) visit(feature, []);
  return done;
}
