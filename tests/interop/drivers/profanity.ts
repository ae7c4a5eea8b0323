// Profanity in a terminal that tmux holds: keys go in, the screen is read. Each has a HOME and a tmux server of its own.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS, waitFor } from '../../support/process.ts';
import type { Account, Network } from './driver.ts';

/** Why Profanity cannot run here, or false when it can. */
export function profanityMissing(): string | false {
  const missing = ['profanity', 'tmux'].filter((name) => spawnSync('which', [name], { stdio: 'ignore' }).status !== 0);
  return missing.length === 0 ? false : `${missing.join(' and ')} missing: apt-get install ${missing.join(' ')}`;
}

export class Profanity {
  readonly #home: string;
  readonly #account: Account;

  constructor(account: Account, network: Network) {
    this.#account = account;
    this.#home = mkdtempSync(join(tmpdir(), 'parley-profanity-'));
    const config = join(this.#home, '.config/profanity');
    const data = join(this.#home, '.local/share/profanity');
    mkdirSync(config, { recursive: true });
    mkdirSync(data, { recursive: true });
    // Only what has to be there before the first sign-in; the tests type the rest.
    writeFileSync(
      join(config, 'profrc'),
      '[connection]\ncarbons=true\nreceipts.request=true\nreceipts.send=true\nmam=true\n[ui]\nsplash=false\nroster=false\noccupants=false\n',
    );
    const { username, domain, resource, password } = account;
    const address = `${username}@${domain}`;
    const lines = [`[${address}]`, 'enabled=true', `jid=${address}`, `resource=${resource}`, `password=${password}`, 'server=127.0.0.1'];
    // "trust" is the policy for a certificate that no authority signed: TLS is still a must.
    lines.push(`port=${network.xmpp}`, 'tls.policy=trust', 'presence.last=online', 'presence.login=online', 'priority.online=0');
    writeFileSync(join(data, 'accounts'), `${lines.join('\n')}\n`);
    const env = { HOME: this.#home, PATH: process.env['PATH'], LANG: 'C.UTF-8', TERM: 'xterm-256color' };
    execFileSync('tmux', ['-f', '/dev/null', '-S', this.#socket, 'new-session', '-d', '-x', '180', '-y', '60', 'profanity'], { env });
  }

  get #socket(): string {
    return join(this.#home, 'tmux');
  }

  /** What the terminal shows now. */
  screen(): string {
    return execFileSync('tmux', ['-S', this.#socket, 'capture-pane', '-p', '-J'], { encoding: 'utf8' });
  }

  /** The colour of `text` on the screen: a line that was sent is red until its receipt (XEP-0184) comes. Undefined when it is not there. */
  colourOf(text: string): 'red' | 'default' | 'other' | undefined {
    const coloured = execFileSync('tmux', ['-S', this.#socket, 'capture-pane', '-p', '-J', '-e'], { encoding: 'utf8' });
    const end = coloured.indexOf(text);
    if (end < 0) return undefined;
    const sequence = coloured.slice(0, end).lastIndexOf('\u001b[');
    const code = Number.parseInt(coloured.slice(sequence + 2), 10);
    return code === 31 ? 'red' : code === 39 ? 'default' : 'other';
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    // The input is the last row, and scrolls when it is long.
    const typed = (): boolean => this.screen().trimEnd().endsWith(line.slice(-60));
    execFileSync('tmux', ['-S', this.#socket, 'send-keys', '-l', line]);
    // Profanity takes a burst with Enter in it for pasted text: Enter comes when it has read the rest.
    await waitFor(`Profanity to read "${line}"`, typed);
    execFileSync('tmux', ['-S', this.#socket, 'send-keys', 'Enter']);
    await waitFor(`Profanity to take "${line}"`, () => !typed());
  }

  /** Presses a key by tmux's name for it (`PPage`). */
  press(key: string): void {
    execFileSync('tmux', ['-S', this.#socket, 'send-keys', key]);
  }

  /** Waits until the screen shows `text` (or matches). */
  async see(text: string | RegExp, timeoutMs = PATIENCE_MS): Promise<void> {
    try {
      await waitFor(
        `Profanity to show ${text}`,
        () => (typeof text === 'string' ? this.screen().includes(text) : text.test(this.screen())),
        timeoutMs,
      );
    } catch (cause) {
      throw new Error(`Profanity did not show ${text}. The screen:\n${this.screen().trimEnd()}`, { cause });
    }
  }

  async signIn(): Promise<void> {
    const address = `${this.#account.username}@${this.#account.domain}`;
    await this.see(/Profanity/i);
    await this.type(`/connect ${address}`);
    await this.see('logged in successfully');
  }

  dispose(): void {
    spawnSync('tmux', ['-S', this.#socket, 'kill-server'], { stdio: 'ignore' });
    // It may be writing its last.
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
