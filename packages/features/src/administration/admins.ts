/** Who administers: those whom the operator has named in the settings, and those whom they have added (XEP-0133 §4.28). */
import { accountRemoved, ConfigError, type FeatureContext, json } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { readAdmins } from './rules.ts';
import type { Administrators } from './service.ts';

const KEY = 'added';

/** Throws ConfigError. */
export function adminsIn(text: string, host: string): ReadonlySet<string> {
  const found = readAdmins(text, host);
  if ('bad' in found)
    throw new ConfigError(`features.administration.admins must be addresses of accounts such as ann@${host}, not "${found.bad}".`);
  return found.admins;
}

export class AdminList implements Administrators {
  readonly #ctx: FeatureContext<{ admins: string }>;
  readonly #table;
  /** Read again only when the option has changed. */
  #text: string | undefined;
  #named: ReadonlySet<string> = new Set();
  #added: ReadonlySet<string> = new Set();

  private constructor(ctx: FeatureContext<{ admins: string }>) {
    this.#ctx = ctx;
    this.#table = ctx.table('administrators', json<readonly string[]>());
    // R10: a namesake inherits nothing. Names in the settings stay reserved for the operator.
    ctx.on(accountRemoved, 'clean', ({ account }) => {
      const bare = `${account.localpart}@${ctx.host}`;
      if (this.#added.has(bare)) this.#keep([...this.#added].filter((one) => one !== bare));
    });
  }

  static open(ctx: FeatureContext<{ admins: string }>): Awaitable<AdminList> {
    const list = new AdminList(ctx);
    return whenReady(list.#table.get(ctx.hostOwner, KEY), (added) => {
      list.#added = new Set(added);
      return list;
    });
  }

  /** Named in the settings; nobody else takes them off. */
  get named(): ReadonlySet<string> {
    if (this.#text === this.#ctx.config.admins) return this.#named;
    this.#text = this.#ctx.config.admins;
    this.#named = adminsIn(this.#text, this.#ctx.host);
    return this.#named;
  }

  has(bare: string): boolean {
    return this.named.has(bare) || this.#added.has(bare);
  }

  all(): string[] {
    return [...new Set([...this.named, ...this.#added])].sort();
  }

  /** The whole list; those of the settings must be on it. */
  set(list: readonly string[]): void {
    this.#keep(list.filter((bare) => !this.named.has(bare)));
  }

  #keep(added: readonly string[]): void {
    const before = this.#added;
    this.#table.set(this.#ctx.hostOwner, KEY, added);
    this.#added = new Set(added);
    this.#ctx.afterCommit(
      () => {},
      () => {
        this.#added = before;
      },
    );
  }
}
