/** What an operator can do, on a running or a stopped server's data. */
import { AccountError, ConfigError, type Session } from '@parley/core';
import { serverNotices } from '@parley/features/administration/service';
import { AppKeyError, type AppKeys, appKeys } from '@parley/features/app-keys/service';
import { identities } from '@parley/features/identity/service';
import { reports as reportList } from '@parley/features/reports/service';
import { type AdminActions, AdminError, type AdminKey, type AdminUser } from '@parley/http';
import { Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { CertificateError } from '@parley/transports';
import { type Engine, type Host, stateOf } from './engine.ts';
import { exportServer } from './transfer/export.ts';
import { importServer } from './transfer/import.ts';
import { TransferError } from './transfer/walk.ts';

function refused(error: unknown): unknown {
  if (!(error instanceof AccountError)) return error;
  return new AdminError(error.code === 'conflict' ? 'conflict' : error.code === 'not-found' ? 'not-found' : 'bad-request', error.message);
}

async function forPeople<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TransferError) throw new AdminError('bad-request', error.message);
    throw error;
  }
}

/** Refusals of app keys as sentences for the operator. */
async function ofKeys<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppKeyError) throw new AdminError(error.code === 'not-found' ? 'not-found' : 'bad-request', error.message);
    throw error;
  }
}

/** What only a running server has. */
export interface RunningAdmin {
  status(): Record<string, unknown>;
  /** Reads the settings again; answers the names of those that have changed. Throws errors for people. */
  reload(): Promise<string[]>;
}

/** `running`: undefined for the data of a stopped server. */
export function adminActions(engine: Engine, running: RunningAdmin | undefined): AdminActions {
  const { hosts, storage } = engine;
  const { domain } = hosts[0];
  const now = (): number => hosts[0].core.clock.now();

  /** `ann`, of the first domain, and `ann@domain` are both fine. */
  const locate = (name: string): { host: Host; local: string } => {
    const jid = Jid.tryParse(name.includes('@') ? name : `${name}@${domain}`);
    const host = hosts.find((one) => one.domain === jid?.domain);
    if (jid === undefined || jid.local === '' || host === undefined || jid.resource !== '')
      throw new AdminError('bad-request', `"${name}" is not a user of ${hosts.map((one) => one.domain).join(' or ')}.`);
    return { host, local: jid.local };
  };
  const find = async (name: string): Promise<{ host: Host; account: AccountRecord }> => {
    const { host, local } = locate(name);
    const account = await host.core.accounts.get(local);
    if (account === undefined) throw new AdminError('not-found', `There is no user ${local}@${host.domain}.`);
    return { host, account };
  };

  const reportLists = () => {
    const lists = hosts.flatMap(({ features }) => features.service(reportList) ?? []);
    if (lists.length === 0) throw new AdminError('bad-request', 'Reports are switched off (features.reports).');
    return lists;
  };

  const noticesOf = () => {
    // What the operator says to everybody is said on every domain.
    const notices = hosts.flatMap(({ features }) => features.service(serverNotices) ?? []);
    if (notices.length === 0) throw new AdminError('bad-request', 'Administration is switched off (features.administration).');
    return notices;
  };

  const keysAt = (wanted: string | undefined): { keys: AppKeys; domain: string } => {
    const host = hosts.find((one) => one.domain === (wanted ?? domain));
    if (host === undefined) throw new AdminError('bad-request', `${wanted} is no domain of this server.`);
    const keys = host.features.service(appKeys);
    if (keys === undefined) throw new AdminError('bad-request', 'App keys are switched off (features.app-keys).');
    return { keys, domain: host.domain };
  };
  const allKeys = async (): Promise<AdminKey[]> =>
    (
      await Promise.all(
        hosts.map(async (host) => ((await host.features.service(appKeys)?.list()) ?? []).map((key) => ({ ...key, domain: host.domain }))),
      )
    ).flat();
  /** The keys of the domain that has this one. */
  const keysWith = async (id: string): Promise<{ keys: AppKeys; domain: string }> => {
    const key = (await allKeys()).find((one) => one.id === id);
    if (key === undefined) throw new AdminError('not-found', `There is no key ${id}.`);
    return keysAt(key.domain);
  };

  return {
    async status() {
      let accounts = 0;
      let lacking = 0;
      for (const { core } of hosts) {
        accounts += await core.accounts.count();
        lacking += core.accounts.foreignKeys.lacking('SHA-512');
      }
      return {
        running: running !== undefined,
        domain: hosts.map((one) => one.domain).join(' '),
        accounts,
        accountsWithoutSha512Keys: lacking,
        ...stateOf(engine),
        ...running?.status(),
      };
    },
    async addUser(name, password) {
      const { host, local } = locate(name);
      try {
        const account = await host.core.accounts.create(local, password);
        return `${account.localpart}@${account.domain}`;
      } catch (error) {
        throw refused(error);
      }
    },
    async users(after, limit) {
      const users: AdminUser[] = [];
      const last = after === undefined ? undefined : locate(after);
      const from = last === undefined ? 0 : hosts.indexOf(last.host);
      for (const { core, domain } of hosts.slice(from)) {
        const behind = domain === last?.host.domain ? last.local : undefined;
        for (const account of users.length < limit ? await core.accounts.list({ after: behind, limit: limit - users.length }) : []) {
          const jid = `${account.localpart}@${domain}`;
          users.push({ jid, createdAt: account.createdAt, disabled: account.disabled, sessions: core.directory.of(jid).length });
        }
      }
      return users;
    },
    async removeUser(name) {
      const { host, account } = await find(name);
      await host.core.accounts.remove(account);
    },
    async setPassword(name, password) {
      const { host, account } = await find(name);
      try {
        await host.core.accounts.setPassword(account, password);
      } catch (error) {
        throw refused(error);
      }
    },
    async queues(limit) {
      const found = await storage.mailboxes.queues(limit);
      return Promise.all(
        found.map(async ({ mailbox, device, length, oldestAt }) => {
          const account = await storage.accounts.byId(mailbox);
          return {
            jid: account === undefined ? `#${mailbox}` : `${account.localpart}@${account.domain}`,
            device,
            queueLength: length,
            queueAgeMs: oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt),
          };
        }),
      );
    },
    async sessions() {
      return hosts
        .flatMap(({ core }) => [...core.directory.all()])
        .map((session: Session) => ({
          jid: session.address,
          boundAt: session.boundAt,
          connected: session.connected,
          available: session.available,
          address: session.stream?.connection.remoteAddress ?? '',
        }));
    },
    async limits() {
      const services = hosts.flatMap(({ domain: at, features }) => {
        const service = features.service(identities);
        return service === undefined ? [] : [{ at, service }];
      });
      return {
        limits: services.flatMap(({ at, service }) => service.limits().map((one) => ({ domain: at, ...one }))),
        ways: engine.smsWays(),
        smsAlarm: services.some(({ service }) => service.smsAlarm),
      };
    },
    async reload() {
      if (running === undefined) throw new AdminError('bad-request', 'The server is stopped; it reads its settings when it starts.');
      try {
        return await running.reload();
      } catch (error) {
        if (error instanceof ConfigError || error instanceof CertificateError) throw new AdminError('bad-request', error.message);
        throw error;
      }
    },
    async reports(state, limit) {
      const all = await Promise.all(reportLists().map((list) => list.list({ state, limit })));
      return all
        .flat()
        .sort((a, b) => b.at - a.at)
        .slice(0, limit);
    },
    async report(id) {
      for (const list of reportLists()) {
        const found = await list.get(id);
        if (found !== undefined) return found;
      }
      throw new AdminError('not-found', `There is no report ${id}.`);
    },
    async closeReport(id) {
      for (const list of reportLists()) if (await list.close(id)) return;
      throw new AdminError('not-found', `There is no report ${id}.`);
    },
    async notice(kind) {
      return noticesOf()[0]?.get(kind);
    },
    async setNotice(kind, text, again) {
      const notices = noticesOf();
      try {
        for (const one of notices) {
          if (text === undefined) one.delete(kind);
          else one.set(kind, text, again);
        }
      } catch (error) {
        if (error instanceof StanzaError) throw new AdminError('bad-request', error.text ?? error.condition);
        throw error;
      }
    },
    keys: allKeys,
    async addKey(name, wanted, publicKey) {
      const { keys, domain } = keysAt(wanted);
      const { key, secret } = await ofKeys(() => keys.add(name, publicKey));
      return { key: { ...key, domain }, secret };
    },
    async rotateKey(id, graceMs) {
      const { keys, domain } = await keysWith(id);
      const { key, secret } = await ofKeys(() => keys.rotate(id, graceMs));
      return { key: { ...key, domain }, secret };
    },
    async revokeKey(id) {
      const { keys } = await keysWith(id);
      await ofKeys(() => keys.revoke(id));
    },
    async exportTo(path) {
      const { counts, missing } = await forPeople(() => exportServer(engine, path));
      return { counts: { ...counts }, missing };
    },
    async importFrom(path, also) {
      const result = await forPeople(() => importServer(engine, path, also));
      return { ...result, counts: { ...result.counts } };
    },
    async kick(text) {
      const jid = Jid.tryParse(text);
      if (jid === undefined || jid.local === '')
        throw new AdminError('bad-request', `"${text}" is not the address of a user or of a device.`);
      const directories = hosts.map(({ core }) => core.directory);
      const chosen =
        jid.resource === ''
          ? directories.flatMap((directory) => directory.of(jid.bare))
          : directories.flatMap((directory) => directory.at(jid.full) ?? []);
      for (const session of chosen) session.end('policy-violation', 'The operator has ended this session.');
      if (chosen.length === 0) throw new AdminError('not-found', `${text} is not signed in.`);
      return chosen.length;
    },
  };
}
