/** Everything but the sockets: storage, core, features, media. The commands use it for the data of a stopped server, too. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { accountRemoved, ConfigError, Core, type CoreState, FeatureSet, type Log, searchableText, Together } from '@parley/core';
import type { CodeSender, OpenWebPush } from '@parley/features';
import type { SenderWay } from '@parley/features/identity/service';
import type { Files } from '@parley/features/upload';
import {
  asciiHost,
  codeMail,
  type Mailer,
  Media,
  type MediaGrants,
  openMailer,
  openProviders,
  openWebPush,
  type Provider,
  readProviders,
  smsRelay,
} from '@parley/http';
import { type Storage, StorageError } from '@parley/storage';
import { openFileBlobs } from '@parley/storage/files';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { parse } from 'yaml';
import type { Config, DomainConfig } from './config/config.ts';
import { featureConfig } from './config/read.ts';
import { type DataFolder, folderKey } from './data-folder.ts';
import { serverFeatures } from './features.ts';
import { nodeClock } from './ports/clock.ts';
import { nodeCrypto, nodeRandom } from './ports/crypto.ts';
import { openSmsProviders } from './sms.ts';

/** One domain: its accounts, sessions, rooms, with features of its own. */
export interface Host {
  readonly domain: string;
  readonly core: Core;
  readonly features: FeatureSet;
  /** Those of all domains. */
  readonly storage: Storage;
  readonly media: Media;
}

export interface Engine {
  /** Every domain; the first one first. */
  readonly hosts: readonly [Host, ...Host[]];
  readonly storage: Storage;
  readonly media: Media;
  /** How the providers of short messages do. */
  smsWays(): readonly SenderWay[];
  /** Takes new values of hot settings. */
  reconfigure(next: Config): void;
  /** Unloads the features, makes everything durable, closes the files. */
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly log: Log;
  /** Where browsers reach a domain, without a slash at the end; for the addresses of files. */
  readonly publicUrl: (domain: string) => string;
}

/** Opens the data and loads the features. Throws StorageError or ConfigError; nothing stays open then. */
export async function openEngine({ config: first, folder, log, publicUrl }: EngineOptions): Promise<Engine> {
  let config = first;
  const stableKey = await folderKey(folder, 'stable.key');
  const uploadKey = await folderKey(folder, 'upload.key');
  const vapidKey = await folderKey(folder, 'vapid.key');
  const storage = openSqliteStorage({
    path: folder.database,
    schedule: nodeClock.soon,
    after: nodeClock.after,
    layOutLog: true,
    ...(config.search ? { textOf: searchableText } : undefined),
  });
  try {
    const blobs = await openFileBlobs({ folder: folder.media });
    const media = await Media.open({
      storage,
      blobs,
      clock: nodeClock,
      log,
      key: uploadKey,
      ...grantsOf(() => config.domains[0], publicUrl),
      get quotaBytes() {
        return config.domains[0].media.quota;
      },
      get keepMs() {
        const { historyKeep, undeliveredMs } = config.core;
        return historyKeep === 'forever' ? undefined : historyKeep === 'until-delivered' ? undeliveredMs : historyKeep.ms;
      },
    });
    const together = new Together(storage, log);
    const openPush: OpenWebPush = (options) => openWebPush({ ...options, key: vapidKey, now: nodeClock.now });
    const files: Files = {
      ownerOf: async (key) => (await media.find(key))?.accountId,
      remove: (key) => media.remove(key),
      onRemoved: (handle) => media.onRemoved(handle),
    };
    const mailer = await openMail(config);
    const smsProviders = await openSmsProviders(config.phone, log, nodeClock.now);
    const relay =
      smsProviders.length === 0
        ? undefined
        : smsRelay({ providers: smsProviders, now: nodeClock.now, log, hostOf: (domain) => asciiHost(publicUrl(domain)) });
    const senders: CodeSender[] = [];
    // Codes are asked for over HTTP.
    if (config.listen.http !== undefined) {
      if (mailer !== undefined) senders.push({ kind: 'email', send: (message) => mailer.send(codeMail(message)) });
      if (relay !== undefined) senders.push(relay);
    }
    const providers = openProviders(config.listen.http === undefined ? [] : await readSocial(config), nodeClock.now);
    const open = async (first: DomainConfig, index: number): Promise<Host> => {
      const hostOwner = await storage.hostOwner(first.domain);
      const parts = { config: first.core, storage, clock: nodeClock, random: nodeRandom, crypto: nodeCrypto, log, hostOwner, together };
      const core = new Core({ ...parts, stableKey: hostOwner === 0 ? stableKey : ownKey(stableKey, first.domain) });
      core.hooks.on(accountRemoved, 'clean', 'media', ({ account }) => media.removeAccount(account.id));
      const now = (): DomainConfig => config.domains.find(({ domain }) => domain === first.domain) ?? first;
      // Without HTTP there is nobody who would take the files.
      const slots = config.listen.http === undefined ? undefined : index === 0 ? media.slots : media.slotsFor(grantsOf(now, publicUrl));
      const features = new FeatureSet(core);
      await features.load(serverFeatures(slots, files, openPush, senders, providers, publicUrl), featureConfig(first));
      return { domain: first.domain, core, features, storage, media };
    };
    const hosts: [Host, ...Host[]] = [await open(config.domains[0], 0)];
    for (const [index, further] of config.domains.entries()) {
      if (index === 0) continue;
      try {
        hosts.push(await open(further, index));
      } catch (error) {
        throw error instanceof ConfigError ? new ConfigError(`domains.${further.domain}: ${error.message}`) : error;
      }
    }
    return {
      hosts,
      storage,
      media,
      smsWays: () => relay?.ways?.() ?? [],
      reconfigure(next) {
        config = next;
        for (const { core, features } of hosts) {
          const own = next.domains.find(({ domain }) => domain === core.config.domain);
          if (own === undefined) continue;
          core.reconfigure(own.core);
          features.reload(featureConfig(own));
        }
      },
      async close() {
        await media.close();
        for (const { features } of [...hosts].reverse()) await features.unload();
        mailer?.close();
        relay?.close();
        try {
          await storage.close();
        } catch (error) {
          // What was acknowledged is durable already; a full disk costs at most the latest cursors.
          if (!(error instanceof StorageError)) throw error;
          log.warn('last_commit_refused', { code: error.code, reason: error.message });
        }
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** The way to the operator's mail server; undefined when none is set. */
async function openMail({ email }: Config): Promise<Mailer | undefined> {
  if (email === undefined) return undefined;
  let ca: string | undefined;
  if (email.ca !== '')
    ca = await readFile(email.ca, 'utf8').catch((error: Error) => {
      throw new ConfigError(`email.ca: cannot read ${email.ca}: ${error.message}.`, { cause: error });
    });
  return openMailer({ ...email, ca });
}

/** The providers that people may sign in by. Throws a ConfigError, which shows nothing of the file: it has secrets. */
async function readSocial({ social }: Config): Promise<Provider[]> {
  if (social.providers === '') return [];
  try {
    return readProviders(parse(await readFile(social.providers, 'utf8'), { prettyErrors: false }));
  } catch (cause) {
    throw new ConfigError(`social.providers: ${social.providers} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** What is derived from the key of the server must not hold on another domain, too. The first domain that a server has had uses the key itself. */
function ownKey(stableKey: Uint8Array, domain: string): Uint8Array {
  return createHmac('sha256', stableKey).update(`domain\0${domain}`).digest();
}

/** Always by the settings in force. */
function grantsOf(now: () => DomainConfig, publicUrl: (domain: string) => string): MediaGrants {
  return {
    baseUrl: () => publicUrl(now().domain),
    maxFileBytes: now().media.maxFileSize,
    get quotaBytes() {
      return now().media.quota;
    },
  };
}

/** The numbers of all domains together. */
export function stateOf({ hosts }: Engine): CoreState {
  const [first, ...rest] = hosts.map(({ core }) => core.state());
  const sum: { -readonly [K in keyof CoreState]: CoreState[K] } = { ...(first as CoreState) };
  // Commits are counted for the whole server already.
  for (const state of rest) for (const key of Object.keys(sum) as (keyof CoreState)[]) if (key !== 'pendingCommits') sum[key] += state[key];
  return sum;
}
