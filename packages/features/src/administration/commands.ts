/** What each command of XEP-0133 §4 asks for and does. */
import { AccountError, type Accounts, type Clock, type Log, type Session } from '@parley/core';
import { type DataField, type DataForm, formatDateTime, formValue, formValues, Jid, NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import type { Command, CommandOutcome } from '../commands/service.ts';
import type { LastActivities } from '../last-activity/service.ts';
import type { Rosters } from '../roster/service.ts';
import type { AdminList } from './admins.ts';
import { NOTICE_LENGTH, noticeText } from './notices.ts';
import { accountsIn, localpartOf, maxItems } from './rules.ts';
import type { NoticeKind, ServerNotices } from './service.ts';

export interface AdministrationParts {
  readonly host: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly accounts: Accounts;
  readonly rosters: Rosters;
  readonly lastActivities: () => LastActivities | undefined;
  sessionsOf(bare: string): readonly Session[];
  sessions(): readonly Session[];
  sendMessage(message: Element): void;
  newId(): string;
  readonly admins: AdminList;
  readonly notices: ServerNotices;
  /** The client has said that nobody looks at it (XEP-0352). */
  isInactive(session: Session): boolean;
}

type Administration = Omit<Command, 'mayRun'>;

/** Addresses in one answer. */
const MOST_LISTED = 500;
const PAGE = 1000;
const MOST_ADMINS = 200;

const FORM_TYPE: DataField = { var: 'FORM_TYPE', type: 'hidden', values: [NS.admin] };
const form = (title: string, fields: DataField[]): DataForm => ({ type: 'form', title, fields: [FORM_TYPE, ...fields] });
const result = (fields: DataField[]): CommandOutcome => ({ form: { type: 'result', fields: [FORM_TYPE, ...fields] } });
const info = (text: string): CommandOutcome => ({ note: { type: 'info', text } });
const failed = (text: string): CommandOutcome => ({ note: { type: 'error', text } });

const ACCOUNT: DataField = { var: 'accountjid', type: 'jid-single', label: 'The address of the account', required: true, values: [] };
const ACCOUNTS: DataField = { var: 'accountjids', type: 'jid-multi', label: 'The addresses of the accounts', required: true, values: [] };
const password = (name: string, label: string): DataField => ({ var: name, type: 'text-private', label, required: true, values: [] });
const MAX_ITEMS: DataField = {
  var: 'max_items',
  type: 'list-single',
  label: 'Maximum number of items',
  values: ['100'],
  options: ['25', '50', '100', '200', String(MOST_LISTED)].map((value) => ({ label: value, value })),
};

export function administrationCommands(parts: AdministrationParts): Administration[] {
  const { host, accounts, log } = parts;
  const bareOf = (account: AccountRecord): string => `${account.localpart}@${host}`;
  const find = async (address: string): Promise<AccountRecord | undefined> => {
    const local = localpartOf(address, host);
    return local === undefined ? undefined : accounts.get(local);
  };
  /** Every account, page by page. */
  async function* everyAccount(): AsyncGenerator<AccountRecord> {
    let after: string | undefined;
    for (;;) {
      const page = await accounts.list({ ...(after === undefined ? undefined : { after }), limit: PAGE });
      yield* page;
      if (page.length < PAGE) return;
      after = page.at(-1)?.localpart;
    }
  }
  /** The accounts that a form names, all of them or a sentence. */
  const named = async (filled: DataForm): Promise<AccountRecord[] | string> => {
    const addresses = accountsIn(filled);
    if (addresses === undefined) return 'Name one account or more, at most a hundred.';
    const found: AccountRecord[] = [];
    for (const address of addresses) {
      const account = await find(address);
      if (account === undefined) return `There is no account ${address} here; nothing was changed.`;
      found.push(account);
    }
    return found;
  };
  const toEach = (
    node: string,
    name: string,
    done: string,
    act: (account: AccountRecord, from: Session) => Promise<void> | void,
    mayBeOwn = true,
  ): Administration => ({
    node,
    name,
    form: () => form(name, [ACCOUNTS]),
    async run(from, filled) {
      const found = await named(filled);
      if (typeof found === 'string') return failed(found);
      if (!mayBeOwn && found.some((account) => account.id === from.account.id))
        return failed('This is your own account; nothing was changed.');
      for (const account of found) {
        log.info('administered', { command: node, by: from.account.id, account: account.id });
        await act(account, from);
      }
      return info(done);
    },
  });
  const setPassword = async (work: () => Promise<unknown>): Promise<string | undefined> => {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (error instanceof AccountError) return error.message;
      throw error;
    }
  };
  const online = (): string[] => [...new Set(parts.sessions().map((session) => session.bare))].sort();
  /** Somebody sits before one of the devices, as far as they tell. */
  const active = (): Set<string> => {
    const sits = (one: Session): boolean => {
      const show = one.presence?.childText('show', NS.client);
      return one.connected && one.available && !parts.isInactive(one) && show !== 'away' && show !== 'xa';
    };
    return new Set(parts.sessions().flatMap((session) => (sits(session) ? session.bare : [])));
  };
  const idle = (): string[] => {
    const busy = active();
    return online().filter((bare) => !busy.has(bare));
  };
  const list = (node: string, name: string, field: string, addresses: () => AsyncIterable<string> | Iterable<string>): Administration => ({
    node,
    name,
    form: () => form(name, [MAX_ITEMS]),
    async run(_from, filled) {
      const values: string[] = [];
      const most = maxItems(filled, MOST_LISTED);
      for await (const address of addresses()) {
        if (values.length >= most) break;
        values.push(address);
      }
      return result([{ var: field, type: 'jid-multi', label: name, values }]);
    },
  });
  const number = (node: string, name: string, field: string, count: () => Promise<number> | number): Administration => ({
    node,
    name,
    run: async () => result([{ var: field, label: name, values: [String(await count())] }]),
  });
  async function* addresses(wanted: (account: AccountRecord) => boolean): AsyncGenerator<string> {
    for await (const account of everyAccount()) if (wanted(account)) yield bareOf(account);
  }
  const notice = (node: string, name: string, field: string, kind: NoticeKind, again: boolean): Administration => ({
    node,
    name,
    form: () =>
      form(name, [
        { var: field, type: 'text-multi', label: name, required: true, values: (parts.notices.get(kind)?.text ?? '').split('\n') },
      ]),
    run(from, filled) {
      if (node === 'edit-motd' && parts.notices.get(kind) === undefined) return failed('There is no message of the day to edit.');
      parts.notices.set(kind, (formValues(filled, field) ?? []).join('\n').slice(0, NOTICE_LENGTH + 1), again);
      log.info('administered', { command: node, by: from.account.id });
      return info('It was set.');
    },
  });
  const withdrawal = (node: string, name: string, kind: NoticeKind): Administration => ({
    node,
    name,
    run(from) {
      if (parts.notices.get(kind) === undefined) return failed('There is none.');
      parts.notices.delete(kind);
      log.info('administered', { command: node, by: from.account.id });
      return info('It was deleted.');
    },
  });
  const one = async (filled: DataForm, field = 'accountjid'): Promise<AccountRecord | undefined> =>
    find(formValue(filled, field) ?? formValues(filled, 'accountjids')?.[0] ?? '');

  return [
    {
      node: 'add-user',
      name: 'Add User',
      form: () => form('Add User', [ACCOUNT, password('password', 'Password'), password('password-verify', 'The same password again')]),
      async run(from, filled) {
        const local = localpartOf(formValue(filled, 'accountjid') ?? '', host);
        if (local === undefined) return failed(`The address must be one of ${host}.`);
        const secret = formValue(filled, 'password') ?? '';
        if (secret !== (formValue(filled, 'password-verify') ?? secret)) return failed('The two passwords differ.');
        const refused = await setPassword(() => accounts.create(local, secret));
        if (refused !== undefined) return failed(refused);
        log.info('administered', { command: 'add-user', by: from.account.id });
        return info(`${local}@${host} was added.`);
      },
    },
    toEach('delete-user', 'Delete User', 'Deleted.', (account) => accounts.remove(account), false),
    toEach('disable-user', 'Disable User', 'Disabled.', (account) => accounts.setDisabled(account, true), false),
    toEach('reenable-user', 'Re-Enable User', 'Enabled.', (account) => accounts.setDisabled(account, false)),
    {
      node: 'end-user-session',
      name: 'End User Session',
      form: () => form('End User Session', [ACCOUNTS]),
      async run(from, filled) {
        const addresses = accountsIn(filled);
        if (addresses === undefined) return failed('Name one address or more, at most a hundred.');
        let ended = 0;
        for (const address of addresses) {
          const jid = Jid.tryParse(address);
          if (jid === undefined || jid.local === '' || jid.domain !== host) return failed(`${address} is not an address of ${host}.`);
          for (const session of parts.sessionsOf(jid.bare)) {
            if (jid.resource !== '' && session.address !== jid.full) continue;
            log.info('administered', { command: 'end-user-session', by: from.account.id, account: session.account.id });
            session.end('policy-violation', 'An administrator has ended this session.');
            ended++;
          }
        }
        return info(ended === 1 ? 'One session was ended.' : `${ended} sessions were ended.`);
      },
    },
    {
      node: 'change-user-password',
      name: 'Change User Password',
      form: () => form('Change User Password', [ACCOUNT, password('password', 'The new password')]),
      async run(from, filled) {
        const account = await one(filled);
        if (account === undefined) return failed('There is no such account here.');
        const refused = await setPassword(() => accounts.setPassword(account, formValue(filled, 'password') ?? '', from));
        if (refused !== undefined) return failed(refused);
        log.info('administered', { command: 'change-user-password', by: from.account.id, account: account.id });
        return info('The password was changed.');
      },
    },
    {
      node: 'get-user-lastlogin',
      name: 'Get User Last Login Time',
      form: () => form('Get User Last Login Time', [ACCOUNTS]),
      async run(_from, filled) {
        const account = await one(filled, 'accountjids');
        if (account === undefined) return failed('There is no such account here.');
        const live = parts.sessionsOf(bareOf(account)).map((session) => session.boundAt);
        const last = live.length > 0 ? Math.max(...live) : (await parts.lastActivities()?.of(account))?.at;
        const at: DataField[] = last === undefined ? [] : [{ var: 'lastlogin', values: [formatDateTime(last)] }];
        return result([{ var: 'accountjids', values: [bareOf(account)] }, ...at]);
      },
    },
    {
      node: 'user-stats',
      name: 'Get User Statistics',
      form: () => form('Get User Statistics', [ACCOUNT]),
      async run(_from, filled) {
        const account = await one(filled);
        if (account === undefined) return failed('There is no such account here.');
        const sessions = parts.sessionsOf(bareOf(account));
        const roster = await parts.rosters.of(account);
        const from = [...new Set(sessions.flatMap((session) => session.stream?.connection.remoteAddress ?? []))];
        return result([
          { var: 'accountjid', values: [bareOf(account)] },
          { var: 'ipaddresses', values: from },
          { var: 'rostersize', values: [String(roster.listed)] },
          { var: 'onlineresources', values: sessions.map((session) => session.jid.resource) },
        ]);
      },
    },
    number('get-registered-users-num', 'Number of Registered Users', 'registeredusersnum', () => accounts.count()),
    number('get-disabled-users-num', 'Number of Disabled Users', 'disabledusersnum', async () => {
      let count = 0;
      for await (const account of everyAccount()) if (account.disabled) count++;
      return count;
    }),
    number('get-online-users-num', 'Number of Online Users', 'onlineusersnum', () => online().length),
    number('get-active-users-num', 'Number of Active Users', 'activeusersnum', () => active().size),
    number('get-idle-users-num', 'Number of Idle Users', 'idleusersnum', () => idle().length),
    list('get-registered-users-list', 'Registered Users', 'registereduserjids', () => addresses(() => true)),
    list('get-disabled-users-list', 'Disabled Users', 'disableduserjids', () => addresses((account) => account.disabled)),
    list('get-online-users-list', 'Online Users', 'onlineuserjids', online),
    list('get-active-users', 'Active Users', 'activeuserjids', () => [...active()].sort()),
    // The field is called so in the specification (§4.22).
    list('get-idle-users', 'Idle Users', 'activeuserjids', idle),
    {
      node: 'get-user-roster',
      name: 'Get User Roster',
      form: () => form('Get User Roster', [ACCOUNTS]),
      async run(from, filled) {
        const account = await one(filled, 'accountjids');
        if (account === undefined) return failed('There is no such account here.');
        // Whom somebody knows is their own business: it is noted who looked.
        log.info('administered', { command: 'get-user-roster', by: from.account.id, account: account.id });
        const roster = await parts.rosters.of(account);
        const items: Element[] = [];
        for (const { jid, name, subscription, ask, listed, groups } of roster.contacts()) {
          if (!listed) continue;
          const about = { jid, name: name === '' ? undefined : name, subscription, ask: ask ? 'subscribe' : undefined };
          items.push(el('item', about, ...groups.map((group) => el('group', null, group))));
        }
        const answer = result([{ var: 'accountjids', values: [bareOf(account)] }]);
        return { ...answer, inForm: el('query', { xmlns: NS.roster }, ...items) };
      },
    },
    notice('set-motd', 'Set Message of the Day', 'motd', 'motd', true),
    notice('edit-motd', 'Edit Message of the Day', 'motd', 'motd', false),
    withdrawal('delete-motd', 'Delete Message of the Day', 'motd'),
    notice('set-welcome', 'Set Welcome Message', 'welcome', 'welcome', false),
    withdrawal('delete-welcome', 'Delete Welcome Message', 'welcome'),
    {
      node: 'edit-admin',
      name: 'Edit Admin List',
      form: () =>
        form('Edit Admin List', [{ var: 'adminjids', type: 'jid-multi', label: 'The administrators', values: parts.admins.all() }]),
      async run(from, filled) {
        const wanted = (formValues(filled, 'adminjids') ?? []).map((one) => one.trim()).filter((one) => one !== '');
        if (wanted.length > MOST_ADMINS) return failed(`There are at most ${MOST_ADMINS} administrators.`);
        const list = new Set<string>();
        for (const address of wanted) {
          const account = await find(address);
          const bare = Jid.tryParse(address)?.bare ?? '';
          // Those of the settings need not have an account yet; nobody else can make it.
          if (account === undefined && !parts.admins.named.has(bare))
            return failed(`There is no account ${address} here; nothing was changed.`);
          list.add(bare);
        }
        const missing = [...parts.admins.named].find((bare) => !list.has(bare));
        if (missing !== undefined)
          return failed(`${missing} is named in the settings of the server, and is taken off there; nothing was changed.`);
        if (!list.has(from.bare)) return failed('Nobody takes themselves off the list; nothing was changed.');
        parts.admins.set([...list]);
        log.info('administered', { command: 'edit-admin', by: from.account.id, administrators: list.size });
        return info('The list was changed.');
      },
    },
    {
      node: 'announce',
      name: 'Send Announcement to Online Users',
      form: () =>
        form('Making an Announcement', [
          { var: 'subject', type: 'text-single', label: 'Subject', values: ['Announcement'] },
          { var: 'announcement', type: 'text-multi', label: 'Announcement', required: true, values: [] },
        ]),
      run(from, filled) {
        const text = noticeText((formValues(filled, 'announcement') ?? []).join('\n'));
        const subject = (formValue(filled, 'subject') ?? '').slice(0, 200);
        const to = online();
        log.info('administered', { command: 'announce', by: from.account.id, recipients: to.length });
        // One id for all, so that a device that gets it twice shows it once.
        const id = `announcement-${parts.newId()}`;
        for (const bare of to)
          parts.sendMessage(
            el(
              'message',
              { from: host, to: bare, type: 'headline', id },
              subject === '' ? undefined : el('subject', null, subject),
              el('body', null, text),
            ),
          );
        return info(`Sent to ${to.length === 1 ? 'one user' : `${to.length} users`}.`);
      },
    },
  ];
}
