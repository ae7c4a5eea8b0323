/** Reads what another server, or this one, has exported (XEP-0227). The whole file is checked before anything is written. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AccountError, type Credentials } from '@parley/core';
import { type RoomTransfer, roomTransfer } from '@parley/features/muc/service';
import { base64Decode, Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, utf8Decode } from '@parley/xml';
import type { Engine, Host } from '../engine.ts';
import { isWrapper, noCounts, PIE, PIE_SCRAM, TRANSFER, type TransferCounts, XINCLUDE } from './format.ts';
import { insideOf } from './import-file.ts';
import { RoomImport, roomsFor } from './import-room.ts';
import { UserImport } from './import-user.ts';
import { NodesImport } from './nodes.ts';
import { type More, openMore } from './others/more.ts';
import { type Step, TransferError, walk } from './walk.ts';

export interface ImportResult {
  readonly counts: TransferCounts;
  /** Accounts and rooms that were there already, and stay as they were. */
  readonly there: string[];
  /** Accounts that nobody can sign in to before they are given a password. */
  readonly withoutKeys: string[];
  /** What could not be taken, and why; the first few. */
  readonly left: string[];
  /** How much could not be taken. */
  leftCount: number;
}

const TOLD = 50;
/** Files that one may include, one in another. */
const NESTED = 3;
const MARK = 'transfer_unfinished';
const KEY_BYTES = { 'SHA-1': 20, 'SHA-256': 32, 'SHA-512': 64 } as const;
const MAX_ITERATIONS = 10_000_000;

/** Steps of a file with those of the files that it includes (§3): only below the folder of the first, only where a host or user may stand. */
async function* stepsOf(path: string, root: string, nested = 0): AsyncGenerator<Step> {
  for await (const step of walk(path, isWrapper)) {
    if (step.kind !== 'payload' || step.element.ns !== XINCLUDE || step.element.name !== 'include') {
      yield step;
      continue;
    }
    // Inside of a user it is the user's data.
    if (step.depth > 2) continue;
    const href = step.element.attr('href') ?? '';
    const target = insideOf(root, dirname(path), href);
    if (target === undefined || nested >= NESTED) throw new TransferError(`${path}: it includes "${href}", which is not a file beside it.`);
    yield* stepsOf(target, root, nested + 1);
  }
}

/** SCRAM keys of a user's element; undefined for one that is not usable. */
function keysOf(
  element: Element,
): { hash: keyof typeof KEY_BYTES; keys: NonNullable<Credentials['scram'][keyof typeof KEY_BYTES]> } | undefined {
  const hash = /^SCRAM-(SHA-1|SHA-256|SHA-512)$/.exec(element.attr('mechanism') ?? '')?.[1] as keyof typeof KEY_BYTES | undefined;
  const bytes = (name: string): Uint8Array | undefined => base64Decode((element.childText(name) ?? '').trim());
  const iterations = Number(element.childText('iter-count')?.trim());
  let [salt, serverKey, storedKey] = [bytes('salt'), bytes('server-key'), bytes('stored-key')];
  // ejabberd encodes what is encoded already; the length of the keys tells.
  const twice = (once: Uint8Array | undefined): Uint8Array | undefined => (once === undefined ? undefined : base64Decode(utf8Decode(once)));
  if (hash !== undefined && serverKey?.length !== KEY_BYTES[hash] && storedKey?.length !== KEY_BYTES[hash])
    [salt, serverKey, storedKey] = [twice(salt), twice(serverKey), twice(storedKey)];
  if (hash === undefined || salt === undefined || serverKey === undefined || storedKey === undefined) return undefined;
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MAX_ITERATIONS || salt.length === 0 || salt.length > 1024)
    return undefined;
  if (serverKey.length !== KEY_BYTES[hash] || storedKey.length !== KEY_BYTES[hash]) return undefined;
  return { hash, keys: { salt, iterations, serverKey, storedKey } };
}

/** The file, or those in the folder: Prosody writes one for each account. */
async function filesOf(path: string): Promise<string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => name.endsWith('.xml')).sort();
  if (names.length === 0) throw new TransferError(`There is no file that ends with .xml in ${path}.`);
  return names.map((name) => join(path, name));
}

/**
 * `path` is a file or a folder of files; `also` a dump of ejabberd or the data folder of Prosody, for what their exports leave out. Throws TransferError, and has
 * written nothing then.
 */
export async function importServer(engine: Engine, path: string, also?: string): Promise<ImportResult> {
  const files = await filesOf(path);
  const domains = engine.hosts.map(({ domain }) => domain);
  const found = new Set<string>();
  for (const file of files) for (const domain of await check(file, dirname(file), domains)) found.add(domain);
  const result: ImportResult = { counts: noCounts(), there: [], withoutKeys: [], left: [], leftCount: 0 };
  const more = new Map<string, More>();
  try {
    if (also !== undefined) for (const domain of found) more.set(domain, await openMore(also, domain));
    for (const file of files) await importFile(engine, file, result, more);
    // After all accounts, so that members of rooms are known by theirs.
    for (const [domain, one] of more) await importRooms(engine, domain, one, result);
  } finally {
    for (const one of more.values()) await one.close();
  }
  return result;
}

function hostOf(engine: Engine, jid: string | undefined): Host | undefined {
  const domain = Jid.tryParse(jid ?? '')?.domain;
  return engine.hosts.find((one) => one.domain === domain);
}

/** Notes what was not taken. */
function tellIn(result: ImportResult): (what: string) => void {
  return (what) => {
    result.leftCount++;
    if (result.left.length < TOLD) result.left.push(what);
  };
}

const durableIn = (engine: Engine): Promise<void> => new Promise((resolve, reject) => engine.storage.afterCommit(resolve, reject));

interface RoomPlace {
  readonly service: RoomTransfer;
  readonly host: Host;
  readonly result: ImportResult;
  readonly left: (what: string) => void;
}

/** Messages come before the room that they are of: what a run that broke off has left of it goes. Undefined when it is not to be taken. */
async function beginRoom(engine: Engine, element: Element, { service, host, result, left }: RoomPlace): Promise<RoomImport | undefined> {
  const marks = engine.storage.keyValue(MARK);
  const local = Jid.tryParse(`${element.attr('name') ?? ''}@${service.domain}`)?.local ?? '';
  const jid = `${local}@${service.domain}`;
  if (local === '') return void left(`"${element.attr('name') ?? ''}" cannot be the name of a room`);
  if (await service.isTaken(local)) return void result.there.push(jid);
  const before = await marks.get(0, jid);
  if (before !== undefined) engine.storage.mailboxes.trim(Number(before), Number.MAX_SAFE_INTEGER);
  const room = new RoomImport(host, service, local, element, left);
  marks.set(0, jid, String(room.mailbox));
  return room;
}

async function endRoom(engine: Engine, room: RoomImport, result: ImportResult, left: (what: string) => void): Promise<void> {
  try {
    await room.finish(result.counts);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    left(`${room.jid}: ${error.text ?? error.condition}`);
    room.discard();
  }
  engine.storage.keyValue(MARK).delete(0, room.jid);
  await durableIn(engine);
}

/** The rooms that another server has and does not export. */
async function importRooms(engine: Engine, domain: string, more: More, result: ImportResult): Promise<void> {
  const host = hostOf(engine, domain);
  const service = host?.features.service(roomTransfer);
  if (host === undefined || service === undefined) return;
  const left = tellIn(result);
  for await (const { local, parts } of more.rooms(service.domain, left)) {
    const room = await beginRoom(engine, el('room', { xmlns: TRANSFER, name: local }), { service, host, result, left });
    if (room === undefined) continue;
    for (const part of parts) await room.take(part, false);
    await endRoom(engine, room, result, left);
  }
}

async function importFile(engine: Engine, path: string, result: ImportResult, more: ReadonlyMap<string, More>): Promise<void> {
  const root = dirname(path);
  const marks = engine.storage.keyValue(MARK);
  const left = tellIn(result);
  const durable = (): Promise<void> => durableIn(engine);
  /** Whose accounts and rooms follow; undefined for a domain that is not served here. */
  let host: Host | undefined;
  let name: string | undefined;
  let password: string | undefined;
  let scram: { -readonly [H in keyof Credentials['scram']]: Credentials['scram'][H] } = {};
  let user: UserImport | undefined;
  let skip = false;
  let rooms: RoomTransfer | undefined;
  let room: RoomImport | undefined;
  let nodes: NodesImport | undefined;

  /** The account is made when its keys are known, before the first of its data. */
  const begin = async (): Promise<void> => {
    if (user !== undefined || skip || name === undefined || host === undefined) return;
    const { accounts, clock } = host.core;
    const jid = `${name}@${host.domain}`;
    const local = Jid.parse(jid).local;
    const before = await accounts.get(local);
    if (before !== undefined) {
      // A run that broke off left it half done: it is made anew.
      if ((await marks.get(before.id, 'since')) === undefined) {
        result.there.push(jid);
        skip = true;
        return;
      }
      await accounts.remove(before);
    }
    let account: AccountRecord;
    try {
      account =
        password !== undefined && Object.keys(scram).length === 0
          ? await accounts.create(local, password)
          : await accounts.createWithKeys(local, { scram });
    } catch (error) {
      if (!(error instanceof AccountError)) throw error;
      left(`${jid}: ${error.message}`);
      skip = true;
      return;
    }
    marks.set(account.id, 'since', String(clock.now()));
    if (password === undefined && Object.keys(scram).length === 0) result.withoutKeys.push(jid);
    result.counts.accounts++;
    user = new UserImport(host, account, root, result.counts, (what) => left(`${jid}: ${what}`));
  };

  for await (const step of stepsOf(path, root)) {
    const { kind } = step;
    if (kind === 'enter') {
      const { element } = step;
      if (element.ns === PIE && element.name === 'host') host = hostOf(engine, element.attr('jid'));
      else if (element.ns === PIE && element.name === 'user' && host !== undefined) {
        name = element.attr('name') ?? '';
        password = element.attr('password') || undefined;
        scram = {};
        user = undefined;
        skip = false;
      } else if (element.ns === TRANSFER && element.name === 'rooms') {
        rooms = host !== undefined ? roomsFor(host, element.attr('jid') ?? '', left) : undefined;
      } else if (element.ns === TRANSFER && element.name === 'room') {
        if (rooms !== undefined && host !== undefined) room = await beginRoom(engine, element, { service: rooms, host, result, left });
      } else if (element.ns === TRANSFER && element.name === 'nodes') {
        if (host !== undefined) nodes = await NodesImport.begin(host, element.attr('jid') ?? '', marks, result, left);
      } else if (nodes !== undefined) nodes.enter(element);
      else if (name !== undefined) {
        await begin();
        user?.enter(element);
      }
      continue;
    }
    if (room !== undefined) {
      if (kind === 'payload') await room.take(step.element, step.within === 'archive');
      else if (step.name === 'room') {
        await endRoom(engine, room, result, left);
        room = undefined;
      }
      continue;
    }
    if (nodes !== undefined) {
      if (kind === 'payload') await nodes.take(step.element, step.within);
      else if (step.name === 'nodes') {
        nodes.finish();
        nodes = undefined;
        await durable();
      }
      continue;
    }
    if (name === undefined) continue;
    if (kind === 'payload') {
      const { element } = step;
      if (element.ns === PIE_SCRAM && element.name === 'scram-credentials' && user === undefined) {
        const found = keysOf(element);
        if (found !== undefined) scram[found.hash] = found.keys;
        continue;
      }
      await begin();
      await user?.take(element);
      continue;
    }
    if (step.name !== 'user') {
      user?.leave(step.name);
      continue;
    }
    await begin();
    const others = more.get((host as Host | undefined)?.domain ?? '');
    if (others !== undefined) await (user as UserImport | undefined)?.more(others);
    await (user as UserImport | undefined)?.finish();
    if (user !== undefined) marks.delete((user as UserImport).account.id, 'since');
    await durable();
    name = undefined;
    user = undefined;
  }
}

/** Reads the whole file and writes nothing: what is wrong with it is said before. Answers which of the domains it is about. */
async function check(path: string, root: string, domains: readonly string[]): Promise<string[]> {
  const hosts: string[] = [];
  let first = true;
  for await (const step of stepsOf(path, root)) {
    if (step.kind !== 'enter') continue;
    const { element } = step;
    if (first && (element.ns !== PIE || element.name !== 'server-data'))
      throw new TransferError(`${path} is no export of a server (XEP-0227): it begins with <${element.name}>.`);
    first = false;
    if (element.ns !== PIE) continue;
    if (element.name === 'host') hosts.push(element.attr('jid') ?? '');
    const domain = Jid.tryParse(hosts.at(-1) ?? '')?.domain ?? '';
    if (element.name !== 'user' || !domains.includes(domain)) continue;
    const jid = Jid.tryParse(`${element.attr('name') ?? ''}@${domain}`);
    if (jid === undefined || jid.local === '' || jid.resource !== '' || jid.domain !== domain)
      throw new TransferError(`${path}: "${element.attr('name') ?? ''}" cannot be the name of an account.`);
  }
  if (!hosts.some((host) => domains.includes(Jid.tryParse(host)?.domain ?? '')))
    throw new TransferError(
      `${path} has nothing for ${domains.join(', ')}${hosts.length === 0 ? '' : ` but for ${hosts.slice(0, 5).join(', ')}`}; give this command the settings of the server that it is for.`,
    );
  return domains.filter((domain) => hosts.some((host) => Jid.tryParse(host)?.domain === domain));
}
