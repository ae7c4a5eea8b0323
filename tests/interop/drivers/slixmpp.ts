// slixmpp (Debian's python3-slixmpp) over STARTTLS, driven by slixmpp_client.py.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PATIENCE_MS, waitFor } from '../../support/process.ts';
import type { Account, Change, Driver, Heard, Network } from './driver.ts';

const PYTHON = '/usr/bin/python3';

function lacks(module: string, aptPackage: string): string | undefined {
  const found = spawnSync(PYTHON, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
  return found ? undefined : `${module} is missing: apt-get install ${aptPackage}`;
}

/** Why slixmpp cannot run here, or false when it can. */
export function slixmppMissing(): string | false {
  return lacks('slixmpp', 'python3-slixmpp') ?? false;
}

/** Why slixmpp cannot upload here: its HTTP client is a package that it only recommends. */
export function slixmppUploadMissing(): string | undefined {
  return lacks('aiohttp', 'python3-aiohttp');
}

export class Slixmpp implements Driver {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #number = 0;
  #heard: Heard[] = [];
  #receipts: string[] = [];
  #carbons: string[] = [];
  #requests = new Set<string>();
  #inRooms: Heard[] = [];
  #changes: Change[] = [];
  #sessions: boolean[] = [];
  #seen = 0;
  #errors = '';

  constructor(account: Account, network: Network) {
    this.#child = spawn(PYTHON, [join(import.meta.dirname, 'slixmpp_client.py')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // For the upload over HTTPS: Python trusts what this file holds.
      env: { ...process.env, SSL_CERT_FILE: network.certificateFile, PYTHONWARNINGS: 'ignore' },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    this.#child.stdin?.on('error', () => {});
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#line(line));
    this.#child.once('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error(`slixmpp ended: ${this.#errors}`));
    });
    this.#child.stdin?.write(`${JSON.stringify({ ...account, port: network.xmpp, certificateFile: network.certificateFile })}\n`);
  }

  async signIn(): Promise<void> {
    const result = (await this.#do('sign_in')) as { mechanism: string };
    if (!result.mechanism.startsWith('SCRAM-')) throw new Error(`slixmpp chose ${result.mechanism}, not SCRAM`);
    this.#seen = this.#sessions.length;
  }
  async signOut(): Promise<void> {
    await this.#do('sign_out');
  }
  async dispose(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(timer);
  }
  async addContact(address: string): Promise<void> {
    await this.#do('add', { who: address });
  }
  async acceptContact(address: string): Promise<void> {
    this.#requests.delete(address);
    await this.#do('accept', { who: address });
  }
  requests(): readonly string[] {
    return [...this.#requests];
  }
  async roster(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries((await this.#do('roster')) as Record<string, string>));
  }
  async send(to: string, text: string): Promise<string> {
    return String(await this.#do('send', { to, text }));
  }
  async sendLink(to: string, url: string): Promise<string> {
    return String(await this.#do('send', { to, text: url, link: url }));
  }
  heard(): readonly Heard[] {
    return this.#heard;
  }
  receipts(): readonly string[] {
    return this.#receipts;
  }
  carbons(): readonly string[] {
    return this.#carbons;
  }
  async history(): Promise<readonly string[]> {
    return (await this.#do('history')) as string[];
  }
  async upload(name: string, content: Uint8Array, mediaType = 'application/octet-stream'): Promise<string> {
    return String(await this.#do('upload', { name, mediaType, content: Buffer.from(content).toString('hex') }));
  }
  async join(room: string, nick: string): Promise<void> {
    await this.#do('join', { room, nick });
  }
  async say(room: string, text: string): Promise<string> {
    return String(await this.#do('say', { to: room, kind: 'groupchat', text }));
  }
  heardInRooms(): readonly Heard[] {
    return this.#inRooms;
  }
  async correct(to: string, id: string, text: string, inRoom = false): Promise<void> {
    await this.#do('say', { to, kind: inRoom ? 'groupchat' : 'chat', text, replace: id });
  }
  async retract(to: string, id: string, inRoom = false): Promise<void> {
    await this.#do('retract', { to, kind: inRoom ? 'groupchat' : 'chat', id });
  }
  changes(): readonly Change[] {
    return this.#changes;
  }
  async showPicture(png: Uint8Array): Promise<void> {
    await this.#do('show_picture', { content: Buffer.from(png).toString('hex') });
  }
  async bookmark(room: string, nick: string): Promise<void> {
    await this.#do('bookmark', { room, nick });
  }
  async bookmarks(): Promise<readonly string[]> {
    return (await this.#do('bookmarks')) as string[];
  }
  async reconnected(): Promise<boolean> {
    await waitFor(`slixmpp to reconnect ${this.#errors}`, () => this.#sessions.length > this.#seen);
    this.#seen = this.#sessions.length;
    return this.#sessions.at(-1) === true;
  }

  #do(what: string, details: Record<string, unknown> = {}): Promise<unknown> {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`slixmpp did not answer "${what}": ${this.#errors}`)), PATIENCE_MS);
      const done =
        <T>(next: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          this.#waiting.delete(number);
          next(value);
        };
      this.#waiting.set(number, { resolve: done(resolve), reject: done(reject) });
      this.#child.stdin?.write(`${JSON.stringify({ number, do: what, ...details })}\n`);
    });
  }

  #line(line: string): void {
    const said = JSON.parse(line) as Record<string, unknown>;
    if (typeof said['number'] === 'number') {
      const waiting = this.#waiting.get(said['number']);
      if (typeof said['error'] === 'string') waiting?.reject(new Error(`slixmpp: ${said['error']} ${this.#errors}`));
      else waiting?.resolve(said['result']);
      return;
    }
    if (said['event'] === 'message')
      this.#heard.push({
        from: String(said['who']),
        text: String(said['text']),
        link: said['link'] ? String(said['link']) : undefined,
        serverId: String(said['id']),
        late: said['late'] === true,
      });
    else if (said['event'] === 'room') this.#inRooms.push({ from: String(said['who']), text: String(said['text']) });
    else if (said['event'] === 'change')
      this.#changes.push({
        from: String(said['who']),
        id: String(said['id']),
        text: typeof said['text'] === 'string' ? said['text'] : undefined,
      });
    else if (said['event'] === 'carbon') this.#carbons.push(String(said['text']));
    else if (said['event'] === 'receipt') this.#receipts.push(String(said['id']));
    else if (said['event'] === 'subscribe') this.#requests.add(String(said['who']));
    else if (said['event'] === 'session') this.#sessions.push(said['resumed'] === true);
  }
}
