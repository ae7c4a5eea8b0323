// People for the stories in this folder: each is one device of an account on a real TCP connection, read by a parser that is not ours.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { PATIENCE_MS } from '../support/process.ts';
import type { TestServer } from '../support/server.ts';

/** A received element. */
export class Heard {
  readonly name: string;
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: Heard[] = [];
  text = '';
  constructor(name: string, ns: string, attrs: Record<string, string>) {
    this.name = name;
    this.ns = ns;
    this.attrs = attrs;
  }
  child(name: string, ns?: string): Heard | undefined {
    return this.children.find((child) => child.name === name && (ns === undefined || child.ns === ns));
  }
  all(name: string): Heard[] {
    return this.children.filter((child) => child.name === name);
  }
  /** The condition of the stanza error inside. */
  get error(): string | undefined {
    return this.child('error')?.children.find((child) => child.ns === 'urn:ietf:params:xml:ns:xmpp-stanzas' && child.name !== 'text')?.name;
  }
  toString(): string {
    const attrs = Object.entries(this.attrs).map(([key, value]) => ` ${key}="${value}"`);
    return `<${this.name}${attrs.join('')}>${this.text}${this.children.join('')}</${this.name}>`;
  }
}

/** What is waited for: name and those attributes that matter (`undefined`: must not be there). */
export interface Wanted {
  readonly name: string;
  readonly attrs?: Readonly<Record<string, string | undefined>>;
  readonly where?: (heard: Heard) => boolean;
}
export const presence = (attrs: Wanted['attrs'] = {}): Wanted => ({ name: 'presence', attrs });
export const message = (attrs: Wanted['attrs'] = {}): Wanted => ({ name: 'message', attrs });
/** A roster push about this contact. */
export const push = (jid: string): Wanted => ({
  name: 'iq',
  attrs: { type: 'set' },
  where: (iq) => iq.child('query', 'jabber:iq:roster')?.child('item')?.attrs['jid'] === jid,
});

const matches = (heard: Heard, wanted: Wanted): boolean =>
  heard.name === wanted.name &&
  Object.entries(wanted.attrs ?? {}).every(([key, value]) => heard.attrs[key] === value) &&
  (wanted.where?.(heard) ?? true);

let counter = 0;

/** One connection; before sign-in a guest. */
export class Person {
  /** Full JID once bound. */
  jid = '';
  readonly server: TestServer;
  /** Stanzas that nobody has taken yet, oldest first. */
  readonly inbox: Heard[] = [];
  closed = false;
  readonly #socket: Socket;
  #open: Heard[] = [];
  #wake: () => void = () => {};

  private constructor(server: TestServer, socket: Socket) {
    this.server = server;
    this.#socket = socket;
    this.#parse();
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** Connects and opens a stream; the features are in the inbox. */
  static async guest(server: TestServer): Promise<Person> {
    const person = await Person.dial(server);
    person.#header();
    return person;
  }

  /** Connects, and says nothing. */
  static async dial(server: TestServer): Promise<Person> {
    const socket = connect({ port: server.ports.xmpp, host: server.host });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Person(server, socket);
  }

  /** Signs in and stops before binding a resource. */
  static async authenticate(server: TestServer, user: string, password = 'secret'): Promise<Person> {
    const person = await Person.guest(server);
    await person.take({ name: 'features' });
    const token = Buffer.from(`\0${user}\0${password}`).toString('base64');
    person.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    const outcome = await person.take({ name: 'success' }, { name: 'failure' });
    assert.equal(outcome.name, 'success', `${user} cannot sign in: ${outcome}`);
    person.reopen();
    await person.take({ name: 'features' });
    return person;
  }

  /** Signs in and binds, and (unless told otherwise) asks for the roster and becomes available. */
  static async signIn(
    server: TestServer,
    user: string,
    options: { resource?: string; password?: string; roster?: boolean; presence?: string | false } = {},
  ): Promise<Person> {
    const person = await Person.authenticate(server, user, options.password);
    const resource = options.resource === undefined ? '' : `<resource>${options.resource}</resource>`;
    const bound = await person.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind>`);
    person.jid = bound.child('bind')?.child('jid')?.text ?? '';
    if (options.roster !== false) await person.roster();
    if (options.presence !== false) {
      person.send(options.presence ?? '<presence/>');
      await person.take(presence({ from: person.jid }));
      await person.settled();
    }
    return person;
  }

  get bare(): string {
    return this.jid.split('/')[0] ?? '';
  }

  send(xml: string): void {
    this.#socket.write(xml);
  }

  /** Sends a request and waits for its answer, whatever it is. */
  async ask(type: 'get' | 'set', payload: string, to?: string): Promise<Heard> {
    const id = `ask-${++counter}`;
    this.send(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`);
    return this.take({ name: 'iq', attrs: { id }, where: (iq) => iq.attrs['type'] === 'result' || iq.attrs['type'] === 'error' });
  }

  /** The whole roster (and pushes from now on). */
  async roster(): Promise<Heard[]> {
    const answer = await this.ask('get', `<query xmlns='jabber:iq:roster'/>`);
    return answer.child('query')?.all('item') ?? [];
  }

  /** Waits for the first stanza that fits one of these and takes it out of the inbox; what came before it stays. */
  async take(...wanted: readonly [Wanted, ...Wanted[]]): Promise<Heard> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.inbox.findIndex((heard) => wanted.some((one) => matches(heard, one)));
      if (at >= 0) return this.inbox.splice(at, 1)[0] as Heard;
      if (this.closed || Date.now() > end)
        assert.fail(
          `${this.jid || 'guest'} ${this.closed ? 'was disconnected while waiting' : 'waited in vain'} for ${JSON.stringify(wanted)}; there is: ${this.inbox.join('\n')}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, end - Date.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Makes the session resumable (XEP-0198); answers its id. */
  async makeResumable(): Promise<string> {
    this.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`);
    return (await this.take({ name: 'enabled' })).attrs['id'] ?? '';
  }

  /** The server has handled all that was sent here before, and all its immediate effects have arrived. */
  async settled(): Promise<void> {
    await this.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, this.server.domain);
  }

  /** Asserts that nothing that fits has come. Settle those who act before. */
  async hearsNo(wanted: Wanted): Promise<void> {
    await this.settled();
    const heard = this.inbox.filter((one) => matches(one, wanted));
    assert.equal(heard.length, 0, `${this.jid} should not have received ${heard.join('\n')}`);
  }

  /** Throws away what has come so far. */
  async forget(): Promise<void> {
    await this.settled();
    this.inbox.length = 0;
  }

  async gone(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!this.closed) {
      if (Date.now() > end) assert.fail(`${this.jid} is still connected`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Closes the stream as it should be. */
  async leave(): Promise<void> {
    this.send('</stream:stream>');
    await this.gone();
  }

  /** Stops reading, as a device on a dead line does. */
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** A new stream on the same connection, as after sign-in. */
  reopen(): void {
    this.#parse();
    this.#header();
  }

  #header(): void {
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${this.server.domain}' version='1.0'>`,
    );
  }

  #parse(): void {
    const parser = new SaxesParser({ xmlns: true });
    this.#open = [];
    parser.on('opentag', (tag: SaxesTagNS) => {
      const attrs: Record<string, string> = {};
      for (const [name, attribute] of Object.entries(tag.attributes)) if (!name.startsWith('xmlns')) attrs[name] = attribute.value;
      const heard = new Heard(tag.local, tag.uri, attrs);
      if (this.#open.length > 1) this.#open.at(-1)?.children.push(heard);
      this.#open.push(heard);
    });
    parser.on('text', (text) => {
      const top = this.#open.at(-1);
      if (top !== undefined) top.text += text;
    });
    parser.on('closetag', () => {
      const heard = this.#open.pop();
      if (heard === undefined || this.#open.length !== 1) return;
      this.inbox.push(heard);
      this.#wake();
    });
    this.#socket.removeAllListeners('data');
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (chunk: string) => parser.write(chunk));
  }
}

/** Both see each other's presence from here on; inboxes are empty. */
export async function befriend(one: Person, other: Person): Promise<void> {
  one.send(`<presence type='subscribe' to='${other.bare}'/>`);
  await other.take(presence({ type: 'subscribe', from: one.bare }));
  other.send(`<presence type='subscribed' to='${one.bare}'/><presence type='subscribe' to='${one.bare}'/>`);
  await one.take(presence({ type: 'subscribe', from: other.bare }));
  one.send(`<presence type='subscribed' to='${other.bare}'/>`);
  await other.take(presence({ type: undefined, from: one.jid }));
  await one.forget();
  await other.forget();
}
