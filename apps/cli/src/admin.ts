/** The way to the data: through the running server when there is one, else by opening what the stopped one left. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { type AdminActions, connectAdmin } from '@parley/http';
import { adminActions, type Config, componentSecret, createLog, dataFolder, openDataFolder, openEngine, serverRuns } from '@parley/server';
import { CommandError } from './errors.ts';
import type { Terminal } from './terminal.ts';

export interface Admin {
  /** A server answered. */
  readonly running: boolean;
  readonly actions: AdminActions;
  close(): Promise<void>;
}

const MISSING = 'If the server keeps its data elsewhere, say where with --config FILE or --dataDir=FOLDER.';

/** The user that the folder belongs to; undefined when it is not there. */
async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).uid;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new CommandError(`Cannot look at the data folder ${path}: ${code === 'EACCES' ? 'this user may not go there' : message}.`);
  }
}

/** `create`: make the data folder when there is none, for the first account before the first start. Throws errors for the operator. */
export async function openAdmin(config: Config, terminal: Terminal, create: boolean): Promise<Admin> {
  const folder = dataFolder(config.dataDir);
  const owner = await ownerOf(folder.path);
  const me = process.getuid?.();
  if (owner !== undefined && me !== undefined && me !== 0 && owner !== me) throw new CommandError(otherUser(folder.path, owner));
  if (owner !== undefined && (await serverRuns(folder)))
    return { running: true, actions: connectAdmin(folder.adminSocket, owner), close: async () => {} };

  const there = await access(folder.database, constants.F_OK).then(
    () => true,
    () => false,
  );
  if (!there && !create) throw new CommandError(`There is no Parley data in ${folder.path}. ${MISSING}`);
  // Root would leave files behind that the server's user cannot open.
  if (owner !== undefined && me !== undefined && owner !== me) throw new CommandError(otherUser(folder.path, owner));
  await openDataFolder(folder.path);
  if (owner === undefined) terminal.err(`Made the data folder ${folder.path}.\n`);
  const log = createLog({ level: 'warn', format: 'pretty', write: (text) => terminal.err(text) });
  const engine = await openEngine({
    config,
    folder,
    log,
    publicUrl: (domain) => config.domains.find((one) => one.domain === domain)?.publicUrl ?? '',
  });
  return { running: false, actions: adminActions(engine, undefined), close: () => engine.close() };
}

function otherUser(path: string, owner: number): string {
  return `The data in ${path} belong to another user; run this as that user: sudo -u '#${owner}' npx parley …`;
}

/** The secret of a component of this server; made when there is none. Throws errors for the operator. */
export async function componentSecretOf(config: Config, domain: string): Promise<string> {
  const domains = config.domains.flatMap(({ features }) => {
    const options = features['components'] as { domains?: unknown } | undefined;
    return String(options?.domains ?? '').split(/[\s,]+/);
  });
  if (!domains.includes(domain)) throw new CommandError(`"${domain}" is not one of features.components.domains.`);
  const owner = await ownerOf(config.dataDir);
  const me = process.getuid?.();
  if (owner !== undefined && me !== undefined && owner !== me) throw new CommandError(otherUser(config.dataDir, owner));
  return (await componentSecret(await openDataFolder(config.dataDir), domain, true)) as string;
}
