/**
 * A scripted device: signs in, keeps an outbox of what was not acknowledged, resumes or signs in anew after a cut, and
 * writes down what it is shown. It behaves as a careful client does, so that what goes wrong is the server's fault.
 */
import { NS } from '@parley/protocol';
import { DEFAULT_LIMITS, escapeText, type Stanza, StreamReader, utf8Encode } from '@parley/xml';
import type { History } from './history.ts';

export interface Wire {
  send(bytes: Uint8Array): void;
  cut(): void;
}

type Phase = 'off' | 'header' | 'auth' | 'restart' | 'bind' | 'resuming' | 'enabling' | 'on';

interface Waiting {
  readonly originId: string;
  readonly xml: string;
}

export class ScriptedDevice {
  readonly account: string;
  readonly resource: string;
  readonly #domain: string;
  readonly #password: string;
  readonly #history: History;
  readonly #takesGroups: boolean;
  readonly #push: (() => string | undefined) | undefined;
  /** The id of the request to register for push that is not answered. */
  #registering = '';
  /** The registration that the server has said it has. */
  registered = '';
  #wanted = '';
  /** The server has said that this session takes them. */
  #groupsTaken = false;
  #wire: Wire | undefined;
  #reader: StreamReader | undefined;
  phase: Phase = 'off';
  #resumeId = '';
  #outCount = 0;
  #acked = 0;
  #inCount = 0;
  /** Sent on the managed session and not acknowledged, oldest first; survives everything. */
  #outbox: Waiting[] = [];
  #resumedNow = false;
  #iq = 0;
  readonly #seen = new Set<string>();
  /** How often a session was taken up again, and how often that was refused. */
  resumptions = 0;
  refusals = 0;
  failure: string | undefined;

  constructor(options: {
    account: string;
    resource: string;
    domain: string;
    password: string;
    history: History;
    /** Takes the groups of the account without joining (docs/protocol/groups.md). */
    takesGroups?: boolean;
    /** The registration for push to send at each sign-in (docs/protocol/push.md); undefined: none. */
    push?: () => string | undefined;
  }) {
    this.#takesGroups = options.takesGroups ?? false;
    this.#push = options.push;
    this.account = options.account;
    this.resource = options.resource;
    this.#domain = options.domain;
    this.#password = options.password;
    this.#history = options.history;
  }

  get name(): string {
    return `${this.account}/${this.resource}`;
  }
  get online(): boolean {
    return this.phase === 'on';
  }
  get waiting(): number {
    return this.#outbox.length;
  }

  /** Begins a stream; the simulation has just connected the wire. */
  connected(wire: Wire): void {
    this.#wire = wire;
    this.phase = 'header';
    this.#openStream();
  }

  #openStream(): void {
    this.#reader?.destroy();
    this.#reader = new StreamReader(
      {
        open: () => {},
        stanza: (stanza) => this.#stanza(stanza),
        close: () => this.#wire?.cut(),
        error: (error) => {
          this.failure = `the server sent bad XML: ${error.message}`;
        },
      },
      DEFAULT_LIMITS,
    );
    this.#write(
      `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' to='${this.#domain}' version='1.0'>`,
    );
  }

  #write(xml: string): void {
    this.#wire?.send(utf8Encode(xml));
  }

  receive(bytes: Uint8Array): void {
    this.#reader?.feed(bytes);
  }

  closed(): void {
    this.#wire = undefined;
    this.phase = 'off';
    this.#reader?.destroy();
    this.#reader = undefined;
  }

  #stanza(stanza: Stanza): void {
    if (stanza.ns === NS.streams && stanza.name === 'features') return this.#features();
    if (stanza.ns === NS.streams && stanza.name === 'error') {
      this.#resumeId = stanza.has('conflict', NS.streamErrors) ? '' : this.#resumeId;
      return;
    }
    if (stanza.ns === NS.sasl) {
      if (stanza.name !== 'success') {
        this.failure = `sign-in failed: ${stanza.element().toString()}`;
        return;
      }
      this.phase = 'restart';
      this.#openStream();
      return;
    }
    if (stanza.ns === NS.sm) return this.#management(stanza);
    if (this.phase === 'bind') {
      if (stanza.type !== 'result') {
        this.failure = `bind failed: ${stanza.element().toString()}`;
        return;
      }
      this.phase = 'enabling';
      this.#write(`<enable xmlns='${NS.sm}' resume='true'/>`);
      return;
    }
    if (stanza.ns === NS.client) {
      this.#inCount = (this.#inCount + 1) % 2 ** 32;
      this.#received(stanza);
    }
  }

  #features(): void {
    if (this.phase === 'header') {
      this.phase = 'auth';
      const plain = btoa(`\0${this.account.split('@')[0]}\0${this.#password}`);
      this.#write(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${plain}</auth>`);
      return;
    }
    if (this.#resumeId !== '') {
      this.phase = 'resuming';
      this.#write(`<resume xmlns='${NS.sm}' previd='${this.#resumeId}' h='${this.#inCount}'/>`);
      return;
    }
    this.#bind();
  }

  #bind(): void {
    this.phase = 'bind';
    this.#write(`<iq type='set' id='b${this.#iq++}'><bind xmlns='${NS.bind}'><resource>${this.resource}</resource></bind></iq>`);
  }

  #management(stanza: Stanza): void {
    switch (stanza.name) {
      case 'enabled':
        this.#resumeId = stanza.attrs.id ?? '';
        this.#outCount = 0;
        this.#acked = 0;
        this.#inCount = 0;
        this.#resumedNow = false;
        this.phase = 'on';
        this.#kinds = [];
        this.#groupsTaken = false;
        this.#takeGroups();
        this.#registerForPush();
        this.#write('<presence/>');
        this.#outCount++;
        this.#sendWaiting(0);
        return;
      case 'resumed': {
        this.#resumedNow = true;
        this.resumptions++;
        this.phase = 'on';
        this.#taken(Number(stanza.attrs.h));
        // What the server did not count is sent again.
        this.#outCount = this.#acked;
        this.#kinds = [];
        // The request may have been lost with the connection.
        if (!this.#groupsTaken) this.#takeGroups();
        this.#registerForPush();
        this.#write('<presence/>');
        this.#outCount++;
        this.#sendWaiting(0);
        return;
      }
      case 'failed':
        this.refusals++;
        this.#resumeId = '';
        this.#bind();
        return;
      case 'r':
        this.#write(`<a xmlns='${NS.sm}' h='${this.#inCount}'/>`);
        return;
      case 'a':
        this.#taken(Number(stanza.attrs.h));
    }
  }

  /** The kinds of what was sent on this session, in order: a message of the outbox, or something else. */
  #kinds: boolean[] = [];

  #taken(h: number): void {
    let count = (h - this.#acked + 2 ** 32) % 2 ** 32;
    if (count > this.#outCount - this.#acked) {
      this.failure = `the server acknowledged ${h}, but ${this.#outCount} were sent`;
      return;
    }
    this.#acked = h;
    for (; count > 0; count--) {
      if (this.#kinds.shift() !== true) continue;
      const first = this.#outbox.shift();
      if (first !== undefined) this.#history.acknowledge(first.originId);
    }
  }

  #sendWaiting(from: number): void {
    if (from === 0) this.#kinds.push(false);
    for (let i = from; i < this.#outbox.length; i++) {
      this.#write((this.#outbox[i] as Waiting).xml);
      this.#outCount++;
      this.#kinds.push(true);
    }
    if (this.#outbox.length > 0) this.#write(`<r xmlns='${NS.sm}'/>`);
  }

  /** Before the initial presence, so that what waits comes in one order. */
  #takeGroups(): void {
    if (this.#takesGroups) this.request(`<iq type='set' id='g${this.#iq++}'><enable xmlns='${NS.groups}'/></iq>`);
  }

  #registerForPush(): void {
    const wanted = this.#push?.();
    if (wanted === undefined || wanted === this.registered) return;
    this.#wanted = wanted;
    this.#registering = `p${this.#iq++}`;
    this.request(`<iq type='set' id='${this.#registering}'>${wanted}</iq>`);
  }

  /** Sends something that is no message and is not sent again; its answer does not matter. */
  request(xml: string): void {
    this.#write(xml);
    this.#outCount++;
    this.#kinds.push(false);
  }

  /** Puts a message into the outbox and sends it when there is a session. */
  sendMessage(to: string, originId: string, type: 'chat' | 'groupchat' = 'chat'): void {
    this.#history.send(originId, this.name, to);
    const xml = `<message type='${type}' to='${to}' id='${originId}'><body>${escapeText(originId)}</body><origin-id xmlns='${NS.sid}' id='${originId}'/></message>`;
    this.#outbox.push({ originId, xml });
    if (this.phase === 'on') {
      this.#write(xml);
      this.#outCount++;
      this.#kinds.push(true);
      this.#write(`<r xmlns='${NS.sm}'/>`);
    }
  }

  /** Says that everything up to the last message of a conversation was seen (XEP-0333). */
  sendDisplayed(to: string, id: string, type: 'chat' | 'groupchat' = 'chat'): void {
    const marker = `<displayed xmlns='${NS.markers}' id='${id}'/>`;
    this.request(`<message type='${type}' to='${to}' id='d${this.#iq++}'>${marker}<store xmlns='urn:xmpp:hints'/></message>`);
  }

  #received(stanza: Stanza): void {
    if (stanza.name === 'iq' && stanza.type === 'get') {
      this.#write(`<iq type='result' id='${stanza.id}' to='${stanza.from ?? this.#domain}'/>`);
      this.#outCount++;
      this.#kinds.push(false);
      return;
    }
    if (stanza.name === 'iq' && stanza.has('enabled', NS.groups)) this.#groupsTaken = true;
    if (stanza.name === 'iq' && stanza.type === 'result' && stanza.id === this.#registering) this.registered = this.#wanted;
    if (stanza.name !== 'message') return;
    if (stanza.type === 'error') {
      if (stanza.id !== undefined) this.#history.refuse(stanza.id);
      return;
    }
    const originId = stanza.child('origin-id', NS.sid)?.attr('id');
    const stanzaId = stanza.child('stanza-id', NS.sid)?.attr('id');
    if (originId === undefined || stanzaId === undefined) return;
    const late = stanza.has('delay', NS.delay) || (this.#resumedNow && this.#seen.has(stanzaId));
    this.#seen.add(stanzaId);
    this.#history.show(this.name, { originId, stanzaId, late });
  }
}
