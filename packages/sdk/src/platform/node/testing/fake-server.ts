import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { NS } from '@parley/protocol';
import { type Element, el, parseElement } from '@parley/xml';
import type { LinkHandler, Platform } from '../../../platform.ts';

const DIGEST = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512' } as const;

export interface ArchiveEntry {
  readonly id: string;
  readonly stamp: string;
  readonly message: string;
}

/** A server in memory that does as it is told, and a platform whose clock only moves when the test says so. */
export class FakeServer {
  readonly me = 'ann@example.org';
  readonly address = 'ann@example.org/device';
  /** Messages and presences that came, oldest first. */
  readonly received: Element[] = [];
  /** Iqs that came. */
  readonly iqs: Element[] = [];
  readonly archive: ArchiveEntry[] = [];
  /** Archives of rooms, by address. */
  readonly rooms = new Map<string, ArchiveEntry[]>();
  /** Answer `<r/>` by itself. */
  acking = true;
  /** What a resume gets. */
  resumable = true;
  mechanisms: string[] = ['PLAIN'];
  secure = true;
  password = 'secret';
  salt = 'salt';
  iterations = 4096;
  readonly authMechanisms: string[] = [];
  connections = 0;
  refuse = false;
  /** Queries to the archive are answered with this queryid instead of the right one. */
  forgedQueryId: string | undefined;
  /** Archive results claim to come from here. */
  forgedFrom: string | undefined;
  /** Answers iqs before the server does: an element or its XML is the result's content, null an empty result. */
  answer: ((iq: Element, payload: Element) => Element | string | null | undefined) | undefined;
  /** What disco#info of the account says. */
  features: string[] = [];
  /** Domain of group chats, if there is one. */
  conference: string | undefined;
  /** The archive can search (by part of the text). */
  searching = false;
  /** Roster items in XML. */
  roster = '';
  /** Stanzas counted in the current XEP-0198 session, and the h to tell. */
  counted = 0;
  clockMs = Date.UTC(2026, 0, 1);
  #link: { handler: LinkHandler; open: boolean } | undefined;
  #authenticated = false;
  #scram = '';
  #timers: { at: number; callback: () => void }[] = [];

  readonly platform: Platform = {
    name: 'fake',
    connect: async (_endpoint, handler) => {
      this.connections++;
      if (this.refuse) throw new Error('refused');
      const link = { handler, open: true };
      this.#link = link;
      this.#authenticated = false;
      return {
        kind: 'websocket',
        secure: this.secure,
        send: (text) => {
          if (link.open) this.#take(parseElement(text, {}, ''));
        },
        close: () => {
          link.open = false;
        },
      };
    },
    crypto: {
      hash: (alg, data) => createHash(DIGEST[alg]).update(data).digest(),
      hmac: (alg, key, data) => createHmac(DIGEST[alg], key).update(data).digest(),
      pbkdf2: (alg, password, salt, iterations, length) => promisify(pbkdf2)(password, salt, iterations, length, DIGEST[alg]),
      randomBytes: (length) => randomBytes(length),
      timingSafeEqual: (a, b) => Buffer.compare(a, b) === 0,
    },
    http: async () => ({ status: 404, headers: {}, text: '' }),
    now: () => this.clockMs,
    setTimer: (callback, delayMs) => {
      const timer = { at: this.clockMs + delayMs, callback };
      this.#timers.push(timer);
      return timer;
    },
    clearTimer: (timer) => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    },
  };

  /** Lets time pass and runs what was due, in order. */
  async pass(ms: number): Promise<void> {
    const until = this.clockMs + ms;
    for (;;) {
      const [due] = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.clockMs = Math.max(this.clockMs, due.at);
      due.callback();
      await settle();
    }
    this.clockMs = until;
    await settle();
  }

  /** The server says this, as one frame. */
  async say(xml: string): Promise<void> {
    if (this.#link?.open) this.#link.handler.data(xml);
    await settle();
  }

  /** The network breaks. */
  async drop(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link?.open) {
      link.open = false;
      link.handler.closed(new Error('broken'));
    }
    await settle();
  }

  messages(): Element[] {
    return this.received.filter((stanza) => stanza.name === 'message');
  }

  #say(element: Element): void {
    const link = this.#link;
    const text = element.toString('');
    queueMicrotask(() => {
      if (link?.open) link.handler.data(text);
    });
  }

  #take(element: Element): void {
    if (element.ns === NS.framing) {
      if (element.name === 'open') this.#open();
      return;
    }
    if (element.ns === NS.sasl) {
      this.#authenticate(element).catch(() => this.#say(el('failure', { xmlns: NS.sasl }, el('not-authorized'))));
      return;
    }
    if (element.ns === NS.sm) this.#manage(element);
    else if (element.name === 'iq') this.#iq(element);
    else {
      this.counted++;
      this.received.push(element);
    }
  }

  /** PLAIN takes every password; SCRAM-SHA-1 only `password`, with the salt and iterations of now (RFC 5802 §5). */
  async #authenticate(element: Element): Promise<void> {
    this.authMechanisms.push(element.attr('mechanism') ?? '');
    const message = Buffer.from(element.text(), 'base64').toString();
    if (element.name === 'auth' && element.attr('mechanism') === 'SCRAM-SHA-1') {
      const bare = message.slice(message.indexOf('n='));
      const first = `r=${bare.slice(bare.indexOf('r=') + 2)}server,s=${Buffer.from(this.salt).toString('base64')},i=${this.iterations}`;
      this.#scram = `${bare},${first}`;
      this.#say(el('challenge', { xmlns: NS.sasl }, Buffer.from(first).toString('base64')));
      return;
    }
    let proof = '';
    if (element.name === 'response') {
      const { crypto } = this.platform;
      const salted = await crypto.pbkdf2('SHA-1', Buffer.from(this.password), Buffer.from(this.salt), this.iterations, 20);
      const clientKey = await crypto.hmac('SHA-1', salted, Buffer.from('Client Key'));
      const storedKey = await crypto.hash('SHA-1', clientKey);
      const serverKey = await crypto.hmac('SHA-1', salted, Buffer.from('Server Key'));
      const [withoutProof = '', sent = ''] = message.split(',p=');
      const signed = Buffer.from(`${this.#scram},${withoutProof}`);
      const signature = await crypto.hmac('SHA-1', storedKey, signed);
      const expected = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
      if (sent !== expected) throw new Error('wrong proof');
      proof = Buffer.from(`v=${Buffer.from(await crypto.hmac('SHA-1', serverKey, signed)).toString('base64')}`).toString('base64');
    }
    this.#authenticated = true;
    this.#say(el('success', { xmlns: NS.sasl }, proof));
  }

  #open(): void {
    this.#say(el('open', { xmlns: NS.framing, from: 'example.org', version: '1.0' }));
    this.#say(
      this.#authenticated
        ? el('features', { xmlns: NS.streams }, el('bind', { xmlns: NS.bind }), el('sm', { xmlns: NS.sm }))
        : el(
            'features',
            { xmlns: NS.streams },
            el('mechanisms', { xmlns: NS.sasl }, ...this.mechanisms.map((name) => el('mechanism', null, name))),
          ),
    );
  }

  #manage(element: Element): void {
    if (element.name === 'enable') {
      this.counted = 0;
      this.#say(el('enabled', { xmlns: NS.sm, id: 'session-1', resume: 'true' }));
    } else if (element.name === 'resume') {
      this.#say(
        this.resumable
          ? el('resumed', { xmlns: NS.sm, previd: element.attr('previd'), h: this.counted })
          : el('failed', { xmlns: NS.sm }, el('item-not-found', { xmlns: NS.stanzas })),
      );
    } else if (element.name === 'r' && this.acking) {
      this.#say(el('a', { xmlns: NS.sm, h: this.counted }));
    }
  }

  #iq(iq: Element): void {
    const id = iq.attr('id');
    const payload = iq.elements()[0];
    if (payload?.ns === NS.bind) {
      this.#say(el('iq', { type: 'result', id }, el('bind', { xmlns: NS.bind }, el('jid', null, this.address))));
      return;
    }
    this.counted++;
    this.iqs.push(iq);
    if (iq.attr('type') === 'result' || iq.attr('type') === 'error') return;
    const given = payload === undefined ? undefined : this.answer?.(iq, payload);
    const answer = given !== undefined || payload === undefined ? given : this.#disco(iq, payload);
    if (answer !== undefined) {
      const content = typeof answer === 'string' ? parseElement(answer) : answer;
      this.#say(el('iq', { type: 'result', id, from: iq.attr('to') }, content ?? undefined));
    } else if (payload?.ns === NS.roster && iq.attr('type') === 'get') {
      this.#say(el('iq', { type: 'result', id }, parseElement(`<query xmlns="${NS.roster}" ver="1">${this.roster}</query>`)));
    } else if (payload?.ns === NS.mam) this.#page(iq, payload);
    else if (payload?.ns === NS.carbons || payload?.ns === NS.roster || payload?.ns === NS.blocking)
      this.#say(el('iq', { type: 'result', id }));
    else {
      const error = el('error', { type: 'cancel' }, el('service-unavailable', { xmlns: NS.stanzas }));
      this.#say(el('iq', { type: 'error', id, from: iq.attr('to') }, error));
    }
  }

  #disco(iq: Element, payload: Element): Element | undefined {
    const to = iq.attr('to');
    if (payload.ns === NS.discoInfo && to === this.me) {
      return el('query', { xmlns: NS.discoInfo }, ...this.features.map((name) => el('feature', { var: name })));
    }
    if (this.conference === undefined) return undefined;
    if (payload.ns === NS.discoItems) return el('query', { xmlns: NS.discoItems }, el('item', { jid: this.conference }));
    if (payload.ns !== NS.discoInfo || to !== this.conference) return undefined;
    return el('query', { xmlns: NS.discoInfo }, el('feature', { var: 'http://jabber.org/protocol/muc' }));
  }

  #page(iq: Element, query: Element): void {
    const set = query.child('set', NS.rsm);
    const max = Number(set?.childText('max', NS.rsm) ?? 50);
    const after = set?.childText('after', NS.rsm);
    const before = set?.childText('before', NS.rsm);
    const peer = query
      .child('x', NS.dataForms)
      ?.elements()
      .find((field) => field.attr('var') === 'with')
      ?.childText('value', NS.dataForms);
    const words = query
      .child('x', NS.dataForms)
      ?.elements()
      .find((field) => field.attr('var')?.endsWith('fulltext') === true)
      ?.childText('value', NS.dataForms);
    const room = iq.attr('to');
    let entries = room === undefined ? this.archive : (this.rooms.get(room) ?? []);
    entries = entries.filter((entry) => peer === undefined || entry.message.includes(peer));
    if (this.searching && words !== undefined) entries = entries.filter((entry) => entry.message.includes(words));
    if (after !== undefined) entries = entries.slice(entries.findIndex((entry) => entry.id === after) + 1);
    if (before !== undefined && before !== '')
      entries = entries.slice(
        0,
        Math.max(
          0,
          entries.findIndex((entry) => entry.id === before),
        ),
      );
    const page = before === undefined ? entries.slice(0, max) : entries.slice(-max);
    for (const entry of page)
      this.#say(parseElement(this.result(entry, this.forgedQueryId ?? query.attr('queryid') ?? '', this.forgedFrom ?? room)));
    this.#say(
      el(
        'iq',
        { type: 'result', id: iq.attr('id'), from: iq.attr('to') },
        el(
          'fin',
          { xmlns: NS.mam, complete: page.length === entries.length ? 'true' : undefined },
          el('set', { xmlns: NS.rsm }, page[0] && el('first', null, page[0].id), page[0] && el('last', null, page.at(-1)!.id)),
        ),
      ),
    );
  }

  result(entry: ArchiveEntry, queryId: string, from = this.me): string {
    return (
      `<message xmlns="jabber:client" from="${from}" to="${this.address}"><result xmlns="${NS.mam}" queryid="${queryId}" id="${entry.id}">` +
      `<forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" stamp="${entry.stamp}"/>${entry.message}</forwarded></result></message>`
    );
  }
}

/** Lets promises and microtasks run until nothing is left to do without time or network. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
