// Plays the recorded stream of a client against a server: the client's stanzas as they were, answers that must be like those it had.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import type { TestServer } from '../support/server.ts';
import { Heard, Person } from './people.ts';

const STANZAS = ['message', 'presence', 'iq'];
/** The server chooses these anew each time; what stands for what is learnt, because the client may come back to it. */
const CHOSEN: ReadonlyArray<readonly [element: string, attribute: string]> = [
  ['stanza-id', 'id'],
  ['result', 'id'],
  ['enabled', 'id'],
  ['query', 'ver'],
];
const CHOSEN_TEXTS = ['first', 'last'];
/** Told, but different each time, and nothing to come back to. */
const PASSING: ReadonlyArray<readonly [element: string, attribute: string]> = [
  ['delay', 'stamp'],
  ['occupant-id', 'id'],
  ['enabled', 'max'],
  ['resumed', 'h'],
];

interface Line {
  readonly kind: 'A' | 'C' | 'S' | 'X';
  readonly xml: string;
  readonly number: number;
}

/** Reads one element. */
function parse(xml: string): Heard {
  const parser = new SaxesParser({ xmlns: true });
  const open: Heard[] = [];
  let root: Heard | undefined;
  parser.on('opentag', (tag: SaxesTagNS) => {
    const attrs: Record<string, string> = {};
    for (const [name, attribute] of Object.entries(tag.attributes)) if (!name.startsWith('xmlns')) attrs[name] = attribute.value;
    const heard = new Heard(tag.local, tag.uri, attrs);
    open.at(-1)?.children.push(heard);
    root ??= heard;
    open.push(heard);
  });
  parser.on('text', (text) => {
    const top = open.at(-1);
    if (top !== undefined) top.text += text;
  });
  parser.on('closetag', () => void open.pop());
  parser.write(xml.replace(/^<(message|presence|iq)(?! xmlns=)/, '<$1 xmlns="jabber:client"')).close();
  return root as Heard;
}

export interface FlowOptions {
  /** Localpart of the account that the client was signed in with, and of the one that the other client had; both have the password `secret`. */
  readonly client: string;
  readonly other: string;
  readonly otherResource: string;
  readonly resource: string;
}

/** What the two were sent in the end, beyond what the recording asked for. */
export class Flow {
  readonly #server: TestServer;
  readonly #options: FlowOptions;
  readonly #learnt = new Map<string, string>();
  /** Ids that one of the two clients has chosen. */
  readonly #own = new Set<string>();
  #client!: Person;
  /** Ann. */
  other!: Person;
  /** Stanzas that the client was sent since it enabled stream management. */
  #counted = 0;

  constructor(server: TestServer, options: FlowOptions) {
    this.#server = server;
    this.#options = options;
  }

  async play(file: string): Promise<void> {
    const text = await readFile(new URL(`./flows/${file}`, import.meta.url), 'utf8');
    const lines: Line[] = [];
    text.split('\n').forEach((line, index) => {
      if (/^[ACSX] /.test(line)) lines.push({ kind: line[0] as Line['kind'], xml: line.slice(2), number: index + 1 });
    });
    this.other = await Person.signIn(this.#server, this.#options.other, { resource: this.#options.otherResource });
    await this.other.ask('set', `<enable xmlns='urn:parley:groups:0'/>`);
    for (const line of lines) {
      try {
        await this.#play(line);
      } catch (cause) {
        throw new Error(`${file}:${line.number} ${line.kind} ${line.xml}`, { cause });
      }
    }
    await this.#client.leave();
  }

  async #play({ kind, xml }: Line): Promise<void> {
    switch (kind) {
      case 'X':
        return this.#connection(xml);
      case 'A':
        this.#remember(xml);
        this.other.send(xml);
        return this.other.settled();
      case 'C':
        this.#remember(xml);
        if (xml.startsWith('<resume ')) this.#client = await Person.authenticate(this.#server, this.#options.client);
        this.#client.send(this.#now(xml));
        return;
      default:
        await this.#hear(parse(xml));
    }
  }

  async #connection(what: string): Promise<void> {
    if (what === 'leave') return this.#client.leave();
    if (what === 'bind') {
      const { client, resource } = this.#options;
      this.#client = await Person.signIn(this.#server, client, { resource, roster: false, presence: false });
      return;
    }
    // What is still on its way is on the page; beyond it only the answer to this request comes.
    await this.#client.settled();
    this.#counted += 1 + this.#client.inbox.filter(({ name }) => STANZAS.includes(name)).length;
    this.#client.cut();
    await this.#client.gone();
  }

  /** The client's stanza with the ids of today in it, and yesterday for whatever time it asks from. */
  #now(xml: string): string {
    let said = xml.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, new Date(Date.now() - 86_400_000).toISOString().replace(/\.\d+/, ''));
    for (const [then, now] of this.#learnt) said = said.replaceAll(then, now);
    return said.startsWith('<resume ') ? said.replace(/ h="\d+"/, ` h="${this.#counted}"`) : said;
  }

  #remember(xml: string): void {
    const id = /^<\w+ [^>]*?\bid="([^"]*)"/.exec(xml)?.[1];
    if (id !== undefined) this.#own.add(id);
  }

  async #hear(wanted: Heard): Promise<void> {
    const heard = await this.#client.take({ name: wanted.name, where: (one) => this.#like(wanted, one, true) });
    if (heard.name === 'enabled') this.#counted = 0;
    if (STANZAS.includes(heard.name)) this.#counted++;
    this.#learn(wanted, heard);
  }

  /** Everything that was recorded is there; there may be more. */
  #like(wanted: Heard, heard: Heard, top = false): boolean {
    if (wanted.name !== heard.name || wanted.ns !== heard.ns) return false;
    for (const [name, value] of Object.entries(wanted.attrs)) {
      const free = [...CHOSEN, ...PASSING].some(([element, attribute]) => element === wanted.name && attribute === name);
      if (free ? heard.attrs[name] === undefined : !this.#same(wanted, name, value, heard.attrs[name], top)) return false;
    }
    if (!CHOSEN_TEXTS.includes(wanted.name) && wanted.text !== heard.text) return false;
    const left = [...heard.children];
    return wanted.children.every((child) => {
      const at = left.findIndex((one) => this.#like(child, one));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
  }
  #same(wanted: Heard, name: string, value: string, now: string | undefined, top: boolean): boolean {
    // Requests and news of the server have ids of its own.
    const servers = name === 'id' && STANZAS.includes(wanted.name) && !this.#own.has(value);
    if (servers) return now !== undefined || !top;
    return now === value || now === this.#learnt.get(value);
  }

  #learn(wanted: Heard, heard: Heard): void {
    for (const [element, attribute] of CHOSEN)
      if (wanted.name === element && wanted.attrs[attribute] !== undefined) this.#means(wanted.attrs[attribute], heard.attrs[attribute]);
    if (wanted.name === 'iq' && (wanted.attrs['type'] === 'get' || wanted.attrs['type'] === 'set'))
      this.#means(wanted.attrs['id'], heard.attrs['id']);
    const left = [...heard.children];
    for (const child of wanted.children) {
      const at = left.findIndex((one) => this.#like(child, one));
      if (at >= 0) this.#learn(child, left.splice(at, 1)[0] as Heard);
    }
  }
  #means(then: string | undefined, now: string | undefined): void {
    if (then !== undefined && then !== '' && now !== undefined) this.#learnt.set(then, now);
  }

  /** That the client's messages have reached Ann: the bodies that she was sent. */
  async heardByOther(): Promise<string[]> {
    await this.other.settled();
    return this.other.inbox.flatMap((one) => (one.name === 'message' ? (one.child('body', 'jabber:client')?.text ?? []) : []));
  }
}

/** Fails unless these were heard, in this order, among others. */
export function inOrder(heard: readonly string[], wanted: readonly string[]): void {
  assert.deepEqual(
    heard.filter((one) => wanted.includes(one)),
    wanted,
  );
}
