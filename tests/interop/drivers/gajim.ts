// Gajim on a screen that nobody sees (Xvfb): asked by D-Bus and by keys, as a person's shortcuts would, and read where it keeps what it shows.
import { execFile, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Program, waitFor } from '../../support/process.ts';
import type { Account, Network } from './driver.ts';

const run = promisify(execFile);
const BUS_NAME = 'org.gajim.Gajim';
/** Gajim refuses to run as root: then it runs as nobody. */
const NOBODY = 65534;
const AS_NOBODY = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
/** A member of a group said it (Gajim's kind 2), a contact (4), its own user (6). */
const KINDS = '(2, 4, 6)';

/** Why Gajim cannot run here, or false when it can. */
export function gajimMissing(): string | false {
  const programs = { gajim: 'gajim', Xvfb: 'xvfb', xdotool: 'xdotool', 'dbus-daemon': 'dbus', gdbus: 'libglib2.0-bin' };
  const missing = Object.entries(programs).filter(([name]) => spawnSync('which', [name], { stdio: 'ignore' }).status !== 0);
  return missing.length === 0 ? false : `Gajim under Xvfb: apt-get install ${missing.map(([, name]) => name).join(' ')}`;
}

/** What it keeps of one message. */
export interface Shown {
  /** The nickname in a group, '' between two people. */
  readonly nick: string;
  readonly text: string;
  /** What stood there before a correction. */
  readonly before: string | undefined;
}

export class Gajim {
  readonly #home: string;
  readonly #account: Account;
  readonly #programs: Program[] = [];
  #env: NodeJS.ProcessEnv = {};
  #gajim: Program | undefined;
  #earlier = '';

  constructor(account: Account, network: Network) {
    this.#account = account;
    this.#home = mkdtempSync(join(tmpdir(), 'parley-gajim-'));
    mkdirSync(join(this.#home, 'config/cert_store'), { recursive: true });
    mkdirSync(join(this.#home, 'run'), { mode: 0o700 });
    // Its own store of certificates: it checks the server's as it does any other.
    writeFileSync(join(this.#home, 'config/cert_store/server'), readFileSync(network.certificateFile));
    this.#prepare(network);
    this.#hand(this.#home);
  }

  /** Settings as its dialogs would have written them: one account, no keyring, no sounds, asked by D-Bus. */
  #prepare(network: Network): void {
    const { username, password, domain, resource } = this.#account;
    const database = new DatabaseSync(join(this.#home, 'config/settings.sqlite'));
    database.exec(
      'CREATE TABLE settings (name TEXT UNIQUE, settings TEXT); CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT); PRAGMA user_version=5;',
    );
    const app = {
      use_keyring: false,
      remote_control: true,
      check_for_update: false,
      sounds_on: false,
      show_notifications: false,
      show_trayicon: false,
      show_main_window_on_startup: 'always',
      use_speller: false,
      autoaway: false,
      autoxa: false,
    };
    const rows = { app, soundevents: {}, status_presets: {}, proxies: {}, plugins: {}, workspaces: { first: {} } };
    const row = database.prepare('INSERT INTO settings VALUES (?, ?)');
    for (const [name, value] of Object.entries(rows)) row.run(name, JSON.stringify(value));
    const settings = {
      name: username,
      hostname: domain,
      password,
      resource,
      active: true,
      autoconnect: true,
      use_custom_host: true,
      custom_host: '127.0.0.1',
      custom_port: network.xmpp,
      custom_type: 'START TLS',
    };
    database
      .prepare('INSERT INTO account_settings VALUES (?, ?)')
      .run('own', JSON.stringify({ account: settings, contact: {}, group_chat: {} }));
    database.close();
  }

  #hand(path: string): void {
    if (AS_NOBODY.uid === undefined) return;
    chownSync(path, NOBODY, NOBODY);
    for (const entry of readdirSync(path, { recursive: true }) as string[]) chownSync(join(path, entry), NOBODY, NOBODY);
  }

  /** Starts the screen, the bus and Gajim; resolves when it is signed in. */
  async start(): Promise<void> {
    if (this.#programs.length === 0) {
      const base = { PATH: process.env['PATH'], HOME: this.#home, XDG_RUNTIME_DIR: join(this.#home, 'run'), LANG: 'C.UTF-8' };
      const screen = new Program('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
        env: base,
        ...AS_NOBODY,
      });
      const bus = new Program('dbus-daemon', ['--session', '--nofork', '--print-address=1'], { env: base, ...AS_NOBODY });
      this.#programs.push(bus, screen);
      const display = await waitFor('the screen', () => /^(\d+)\s*$/m.exec(screen.output)?.[1]);
      const address = await waitFor('the bus', () => /^(unix:\S+)/m.exec(bus.output)?.[1]);
      this.#env = { ...base, DISPLAY: `:${display}`, DBUS_SESSION_BUS_ADDRESS: address, NO_AT_BRIDGE: '1', GSETTINGS_BACKEND: 'memory' };
    }
    this.#earlier += this.#gajim?.output ?? '';
    this.#gajim = new Program('gajim', ['-c', join(this.#home, 'config'), '-v'], { env: this.#env, cwd: this.#home, ...AS_NOBODY });
    await this.#patiently('to sign in', async () => (await this.#remote('get_status', 'own')).includes("'online'"));
  }

  /** Ends Gajim in the orderly way; the screen and what it keeps stay. */
  async quit(): Promise<void> {
    await this.#act('', 'quit').catch(() => {});
    await this.#gajim?.end('SIGTERM');
  }

  async dispose(): Promise<void> {
    await this.#gajim?.end('SIGKILL');
    for (const program of this.#programs) await program.end('SIGKILL');
    // Services of the bus may be writing their last.
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** Accepts the request of `address` to see its presence. */
  async acceptContact(address: string): Promise<void> {
    await this.#patiently(`to hear the request of ${address}`, () => this.received().includes('type="subscribe"'));
    await this.#act('window/1', 'subscription-accept-own', `<['${address}', '']>`);
    await this.#patiently('to accept it', () => this.sent().includes('type="subscribed"'));
    // It offers to add the contact, in a window of its own.
    await this.#patiently('to offer to add the contact', () => this.#hasWindow('Add Contact'));
    await this.#patiently('to close that window', async () => {
      await this.#press('Escape');
      await sleep(200);
      return !(await this.#hasWindow('Add Contact'));
    });
  }

  async send(address: string, text: string): Promise<void> {
    await this.#remote('send_chat_message', address, text, 'own');
  }

  async sendToGroup(address: string, text: string): Promise<void> {
    await this.#patiently('to be in the group', async () =>
      (await this.#remote('send_groupchat_message', address, text, 'own')).includes('true'),
    );
  }

  /**
   * Opens the dialog for a new chat with the address in it, goes on to what the group is like, and joins. Its list is filled while one
   * looks: who presses too early has chosen another line, and begins again.
   */
  async join(address: string): Promise<void> {
    await this.#patiently(`to join ${address}`, async () => {
      if (this.sent().includes(`to="${address}/`)) return true;
      if (!(await this.#hasWindow('Start / Join Chat'))) await this.#act('', 'start-chat', `<['${address}', '']>`);
      await sleep(400);
      await this.#press('Return');
      return false;
    });
    await this.#patiently('to be in the group', () => this.received().includes('<status code="110"/>'));
  }

  /** Corrects its last message to `address`: the text comes back into the line, and is typed anew. */
  async correct(address: string, text: string): Promise<void> {
    await this.#act('', 'open-chat', `<['own', '${address}']>`);
    await this.#act('window/1', 'correct-message');
    await this.#press('ctrl+a');
    await run('xdotool', ['type', '--delay', '15', text], { env: this.#env, ...AS_NOBODY });
    const before = this.sent().split('<replace').length;
    await this.#press('Return');
    await this.#patiently('to send the correction', () => this.sent().split('<replace').length > before);
  }

  /** Opens a chat, so that what is in it counts as read. */
  async open(address: string): Promise<void> {
    await this.#act('window/1', 'add-chat', `<{'account': <'own'>, 'jid': <'${address}'>, 'type': <'chat'>, 'select': <true>}>`);
  }

  /** What it keeps of the messages with `address` (a person or a group), oldest first. */
  shown(address: string): Shown[] {
    const path = join(this.#home, 'config/logs.db');
    const database = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    try {
      const rows = database
        .prepare(
          `SELECT contact_name, message, additional_data FROM logs NATURAL JOIN jids WHERE jid = ? AND kind IN ${KINDS} ORDER BY time, log_line_id`,
        )
        .all(address) as Array<{ contact_name: string | null; message: string | null; additional_data: string | null }>;
      return rows.map((row) => ({
        nick: row.contact_name ?? '',
        text: row.message ?? '',
        before: (JSON.parse(row.additional_data ?? '{}') as { corrected?: { original_text?: string } }).corrected?.original_text,
      }));
    } finally {
      database.close();
    }
  }

  /** Waits until it keeps these texts with `address`, exactly. */
  async shows(address: string, texts: readonly string[]): Promise<void> {
    const wanted = JSON.stringify(texts);
    await this.#patiently(`to show ${wanted}`, () => JSON.stringify(this.shown(address).map((one) => one.text)) === wanted).catch(
      (cause: unknown) => {
        throw new Error(`Gajim shows ${JSON.stringify(this.shown(address))}, and should show ${wanted}`, { cause });
      },
    );
  }

  /** Every stanza of the log, in order: what it sent and what it received. */
  stream(): { direction: 'sent' | 'received'; xml: string }[] {
    const found: { direction: 'sent' | 'received'; xml: string }[] = [];
    const block = /::::: DATA (SENT|RECEIVED) ::::\n\n([\s\S]*?)\n\n(?=\d\d\/\d\d\/\d\d |$)/g;
    for (const match of `${this.#earlier}${this.#gajim?.output ?? ''}`.matchAll(block))
      found.push({ direction: match[1] === 'SENT' ? 'sent' : 'received', xml: match[2] ?? '' });
    return found;
  }
  sent(): string {
    return this.#said('sent');
  }
  received(): string {
    return this.#said('received');
  }
  #said(direction: 'sent' | 'received'): string {
    return this.stream()
      .filter((one) => one.direction === direction)
      .map((one) => one.xml)
      .join('\n');
  }

  async #hasWindow(title: string): Promise<boolean> {
    const found = await run('xdotool', ['search', '--onlyvisible', '--name', title], { env: this.#env, ...AS_NOBODY }).catch(
      () => undefined,
    );
    return found !== undefined && found.stdout.trim() !== '';
  }

  async #press(key: string): Promise<void> {
    await run('xdotool', ['key', key], { env: this.#env, ...AS_NOBODY });
  }

  /** Its remote control (org.gajim.dbus.RemoteInterface). */
  async #remote(method: string, ...args: readonly string[]): Promise<string> {
    return this.#call('/org/gajim/dbus/RemoteObject', `org.gajim.dbus.RemoteInterface.${method}`, ...args);
  }
  /** An action of its menus: of the application, or of the window. */
  async #act(where: '' | 'window/1', action: string, parameter = ''): Promise<void> {
    const path = where === '' ? '/org/gajim/Gajim' : `/org/gajim/Gajim/${where}`;
    await this.#call(path, 'org.gtk.Actions.Activate', action, `[${parameter}]`, '{}');
  }
  async #call(path: string, method: string, ...args: readonly string[]): Promise<string> {
    const all = ['call', '--session', '--dest', BUS_NAME, '--object-path', path, '--method', method, ...args];
    return (await run('gdbus', all, { env: this.#env, ...AS_NOBODY })).stdout;
  }

  async #patiently(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    try {
      await waitFor(`Gajim ${what}`, check);
    } catch (cause) {
      const words = this.stream()
        .slice(-12)
        .map(({ direction, xml }) => `${direction} ${xml}`);
      const output = words.length > 0 ? words.join('\n') : (this.#gajim?.output ?? '');
      throw new Error(`Gajim did not come ${what}. Its last words:\n${output.slice(-4000)}`, { cause });
    }
  }
}
