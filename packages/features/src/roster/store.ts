/** Keeps rosters: one row for each contact, the whole roster of an account in memory while it is used. */
import type { Table } from '@parley/core';
import type { Contact, Roster } from './service.ts';

/** A row without what is as usual. `removed`: a tombstone, for clients that ask what changed. */
export interface Row {
  readonly name?: string;
  readonly groups?: readonly string[];
  readonly subscription?: Contact['subscription'];
  readonly ask?: true;
  readonly approved?: true;
  readonly hidden?: true;
  readonly request?: string;
  readonly version: number;
  readonly removed?: true;
}

/** Not an address, so never a contact: its row says up to which version removals are forgotten. */
const FLOOR = ' ';
/** Removals that are remembered for clients that were away. */
export const TOMBSTONES = 64;

const NO_GROUPS: readonly string[] = [];

function contactOf(jid: string, row: Row): Contact {
  return {
    jid,
    name: row.name ?? '',
    groups: row.groups ?? NO_GROUPS,
    subscription: row.subscription ?? 'none',
    ask: row.ask === true,
    approved: row.approved === true,
    listed: row.hidden !== true,
    request: row.request,
    version: row.version,
  };
}

function rowOf(contact: Contact): Row {
  return {
    ...(contact.name === '' ? undefined : { name: contact.name }),
    ...(contact.groups.length === 0 ? undefined : { groups: contact.groups }),
    ...(contact.subscription === 'none' ? undefined : { subscription: contact.subscription }),
    ...(contact.ask ? { ask: true } : undefined),
    ...(contact.approved ? { approved: true } : undefined),
    ...(contact.listed ? undefined : { hidden: true }),
    ...(contact.request === undefined ? undefined : { request: contact.request }),
    version: contact.version,
  };
}

/** True when the roster, as its owner sees it, is not the same (so that the version moves and a push is due). */
export function showsDifference(before: Contact | undefined, after: Contact): boolean {
  if (before === undefined || before.listed !== after.listed) return after.listed || before?.listed === true;
  return (
    after.listed &&
    (before.name !== after.name ||
      before.subscription !== after.subscription ||
      before.ask !== after.ask ||
      before.approved !== after.approved ||
      before.groups.length !== after.groups.length ||
      before.groups.some((group, i) => group !== after.groups[i]))
  );
}

const BLANK: Omit<Contact, 'jid'> = {
  name: '',
  groups: NO_GROUPS,
  subscription: 'none',
  ask: false,
  approved: false,
  listed: false,
  request: undefined,
  version: 0,
};
const NOBODY: readonly Contact[] = [];

/** The roster of one account. An empty one is a few words of memory: most sessions of a big server have short rosters. */
export class StoredRoster implements Roster {
  readonly #table: Table<Row>;
  readonly #owner: number;
  #contacts: Map<string, Contact> | undefined = undefined;
  #gone: Map<string, number> | undefined = undefined;
  version = 0;
  floor = 0;
  listed = 0;
  requests = 0;

  constructor(table: Table<Row>, owner: number, rows: ReadonlyArray<{ key: string; value: Row }>) {
    this.#table = table;
    this.#owner = owner;
    for (const { key, value } of rows) {
      if (value.version > this.version) this.version = value.version;
      if (key === FLOOR) this.floor = value.version;
      else if (value.removed === true) (this.#gone ??= new Map()).set(key, value.version);
      else this.#keep(contactOf(key, value));
    }
  }

  get(jid: string): Contact | undefined {
    return this.#contacts?.get(jid);
  }

  contacts(): Iterable<Contact> {
    return this.#contacts?.values() ?? NOBODY;
  }

  change(jid: string, change: Partial<Omit<Contact, 'jid' | 'version'>>): Contact {
    const before = this.get(jid);
    const changed: Contact = { ...BLANK, ...before, ...change, jid };
    const shows = showsDifference(before, changed);
    const after = shows ? { ...changed, version: this.version + 1 } : changed;
    // A row that says nothing is not kept.
    const says = after.listed || after.request !== undefined || after.approved;
    // The store may refuse at once; then nothing has changed here either.
    if (says) this.#table.set(this.#owner, jid, rowOf(after));
    else this.#table.delete(this.#owner, jid);
    if (shows) this.version++;
    this.#drop(before);
    this.#gone?.delete(jid);
    if (says) this.#keep(after);
    return after;
  }

  /** Answers the contact with the version of its removal; undefined when it was not there. */
  remove(jid: string): Contact | undefined {
    const before = this.get(jid);
    if (before === undefined) return undefined;
    if (!before.listed) {
      this.#table.delete(this.#owner, jid);
      this.#drop(before);
      return before;
    }
    this.#table.set(this.#owner, jid, { version: this.version + 1, removed: true });
    this.#drop(before);
    this.version++;
    this.#gone ??= new Map();
    this.#gone.delete(jid);
    this.#gone.set(jid, this.version);
    if (this.#gone.size > TOMBSTONES) this.#forgetOldestRemoval(this.#gone);
    return { ...before, version: this.version };
  }

  /** Changes after a version, in order. */
  since(version: number): { readonly contact: Contact; readonly removed: boolean }[] {
    const out: { contact: Contact; removed: boolean }[] = [];
    for (const contact of this.contacts()) if (contact.listed && contact.version > version) out.push({ contact, removed: false });
    for (const [jid, at] of this.#gone ?? []) if (at > version) out.push({ contact: { ...BLANK, jid, version: at }, removed: true });
    return out.sort((a, b) => a.contact.version - b.contact.version);
  }

  #keep(contact: Contact): void {
    (this.#contacts ??= new Map()).set(contact.jid, contact);
    if (contact.listed) this.listed++;
    if (contact.request !== undefined) this.requests++;
  }

  #drop(contact: Contact | undefined): void {
    if (contact === undefined) return;
    this.#contacts?.delete(contact.jid);
    if (contact.listed) this.listed--;
    if (contact.request !== undefined) this.requests--;
  }

  #forgetOldestRemoval(gone: Map<string, number>): void {
    let oldest: string | undefined;
    let at = Number.POSITIVE_INFINITY;
    for (const [jid, version] of gone) if (version < at) [oldest, at] = [jid, version];
    if (oldest === undefined) return;
    gone.delete(oldest);
    this.#table.delete(this.#owner, oldest);
    this.floor = at;
    this.#table.set(this.#owner, FLOOR, { version: at });
  }
}
