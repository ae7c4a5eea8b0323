import type { Jid } from '@parley/protocol';
import type { AccountRecord, Awaitable, Storage } from '@parley/storage';
import type { Core } from './core.ts';
import { Commits } from './mailbox/commits.ts';
import type { Log } from './ports/index.ts';
import type { Services } from './routing/services.ts';
import type { Session } from './session/session.ts';

const NOBODY: readonly Session[] = [];

/** What the domains of a server have together, because the storage under them is one. */
export class Together {
  readonly commits: Commits;
  /** By domain, the first one first. */
  readonly cores = new Map<string, Core>();
  readonly #kept = new Map<string, unknown>();

  constructor(storage: Storage, log: Log) {
    this.commits = new Commits(storage, log);
  }

  /** The core of another domain than this one. */
  another(than: Core, domain: string): Core | undefined {
    // With one domain there is no other, and that costs nothing.
    if (this.cores.size < 2) return undefined;
    const core = this.cores.get(domain);
    return core === than ? undefined : core;
  }

  /** The table of the domain that answers for this one, or for which a service of this name answers; undefined when that is no domain of this server. */
  servicesFor(domain: string): Services | undefined {
    if (this.cores.size < 2) return undefined;
    const host = this.cores.get(domain);
    if (host !== undefined) return host.router.services;
    for (const { router } of this.cores.values()) if (router.services.has(domain)) return router.services;
    return undefined;
  }

  /** The account of any domain of this server. */
  account(jid: Jid): Awaitable<AccountRecord | undefined> {
    return this.cores.get(jid.domain)?.accounts.get(jid.local);
  }

  /** The account with this number, of any domain that is served. */
  async accountById(own: Core, id: number): Promise<AccountRecord | undefined> {
    const found = await own.storage.accounts.byId(id);
    return found !== undefined && this.cores.has(found.domain) ? found : undefined;
  }

  /** Sessions of an account (bare JID) of any domain; `own` is asked first. */
  sessionsOf(own: Core, bare: string): readonly Session[] {
    const found = own.directory.of(bare);
    if (found.length > 0 || this.cores.size < 2) return found;
    return this.another(own, bare.slice(bare.indexOf('@') + 1))?.directory.of(bare) ?? NOBODY;
  }

  sessionAt(own: Core, full: string): Session | undefined {
    const found = own.directory.at(full);
    if (found !== undefined || this.cores.size < 2) return found;
    const [bare = ''] = full.split('/', 1);
    return this.another(own, bare.slice(bare.indexOf('@') + 1))?.directory.at(full);
  }

  /** The one thing of this name; made by who asks first. */
  once<T>(name: string, make: () => T): T {
    if (!this.#kept.has(name)) this.#kept.set(name, make());
    return this.#kept.get(name) as T;
  }
}
