// @xmpp/client over direct TLS: a library that leaves the stanzas to the application, so they are written out here.
import { createHash } from 'node:crypto';
import { client, type XmlElement, type XmppClient, xml } from '@xmpp/client';
import { PATIENCE_MS, waitFor } from '../../support/process.ts';
import { type Account, bare, type Change, type Driver, type Heard, type Network } from './driver.ts';
import { putInto } from './upload.ts';

const RECEIPTS = 'urn:xmpp:receipts';
const CARBONS = 'urn:xmpp:carbons:2';
const FORWARD = 'urn:xmpp:forward:0';
const MAM = 'urn:xmpp:mam:2';
const OOB = 'jabber:x:oob';
const CORRECT = 'urn:xmpp:message-correct:0';
const RETRACT = 'urn:xmpp:message-retract:1';
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const BOOKMARKS = 'urn:xmpp:bookmarks:1';
const UPLOAD = 'urn:xmpp:http:upload:0';

export class XmppJs implements Driver {
  readonly #client: XmppClient;
  readonly #account: Account;
  #heard: Heard[] = [];
  #receipts: string[] = [];
  #carbons: string[] = [];
  #requests = new Set<string>();
  #inRooms: Heard[] = [];
  #changes: Change[] = [];
  #rooms = new Set<string>();
  #archived: { queryId: string; text: string }[] = [];
  #next = 0;
  #resumptions = 0;
  #onlines = 0;
  #seen = 0;

  constructor(account: Account, network: Network) {
    this.#account = account;
    const { domain, username, password, resource } = account;
    this.#client = client({ service: `xmpps://${domain}:${network.xmpps}`, domain, username, password, resource });
    this.#client.reconnect.delay = 200;
    this.#client.on('error', () => {});
    this.#client.on('online', () => this.#onlines++);
    this.#client.streamManagement.on('resumed', () => this.#resumptions++);
    this.#client.on('stanza', (stanza) => this.#stanza(stanza));
  }

  async signIn(): Promise<void> {
    // Its start() misses the stream header of a server that answers before the write is reported as done.
    const online = new Promise<void>((resolve) => this.#client.once('online', () => resolve()));
    await Promise.race([this.#client.start().catch(() => online), online]);
    await this.roster();
    await this.#request('set', xml('enable', { xmlns: CARBONS }));
    await this.#client.send(xml('presence'));
    // Answered after the presence was taken: from now on messages come here.
    await this.roster();
    this.#seen = this.#onlines + this.#resumptions;
  }
  async signOut(): Promise<void> {
    await this.#client.stop();
  }
  async dispose(): Promise<void> {
    this.#client.reconnect.stop();
    if (this.#client.status !== 'offline') await this.#client.stop().catch(() => {});
  }

  async addContact(address: string): Promise<void> {
    await this.#request('set', xml('query', { xmlns: 'jabber:iq:roster' }, xml('item', { jid: address })));
    await this.#client.send(xml('presence', { to: address, type: 'subscribe' }));
  }
  async acceptContact(address: string): Promise<void> {
    this.#requests.delete(address);
    await this.#client.send(xml('presence', { to: address, type: 'subscribed' }));
    await this.#client.send(xml('presence', { to: address, type: 'subscribe' }));
  }
  requests(): readonly string[] {
    return [...this.#requests];
  }
  async roster(): Promise<ReadonlyMap<string, string>> {
    const result = await this.#request('get', xml('query', { xmlns: 'jabber:iq:roster' }));
    const items = result.getChild('query')?.getChildren('item') ?? [];
    return new Map(items.map((item) => [item.attrs['jid'] ?? '', item.attrs['subscription'] ?? 'none']));
  }

  async send(to: string, text: string, ...more: XmlElement[]): Promise<string> {
    const id = `${this.#account.resource}-${++this.#next}`;
    const origin = xml('origin-id', { xmlns: 'urn:xmpp:sid:0', id });
    const request = xml('request', { xmlns: RECEIPTS });
    await this.#client.send(xml('message', { to, id, type: 'chat' }, xml('body', {}, text), origin, request, ...more));
    return id;
  }
  async sendLink(to: string, url: string): Promise<string> {
    return this.send(to, url, xml('x', { xmlns: OOB }, xml('url', {}, url)));
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
    const texts: string[] = [];
    let after: string | undefined;
    for (;;) {
      const queryId = `q${++this.#next}`;
      const page = xml(
        'set',
        { xmlns: 'http://jabber.org/protocol/rsm' },
        xml('max', {}, '4'),
        after === undefined ? undefined : xml('after', {}, after),
      );
      const result = await this.#request('set', xml('query', { xmlns: MAM, queryid: queryId }, page));
      const fin = result.getChild('fin', MAM);
      texts.push(...this.#archived.filter((entry) => entry.queryId === queryId && entry.text !== '').map((entry) => entry.text));
      after = fin?.getChild('set', 'http://jabber.org/protocol/rsm')?.getChildText('last') ?? undefined;
      if (fin === undefined || fin.attrs['complete'] === 'true' || after === undefined) return texts;
    }
  }

  async upload(name: string, content: Uint8Array, mediaType = 'application/octet-stream'): Promise<string> {
    const items = await this.#request('get', xml('query', { xmlns: 'http://jabber.org/protocol/disco#items' }), this.#account.domain);
    const addresses = (items.getChild('query')?.getChildren('item') ?? []).map((item) => item.attrs['jid'] ?? '');
    for (const address of [this.#account.domain, ...addresses]) {
      const info = await this.#request('get', xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }), address);
      const features = (info.getChild('query')?.getChildren('feature') ?? []).map((feature) => feature.attrs['var']);
      if (!features.includes(UPLOAD)) continue;
      const ask = xml('request', {
        xmlns: UPLOAD,
        filename: name,
        size: String(content.length),
        'content-type': mediaType,
      });
      const slot = (await this.#request('get', ask, address)).getChild('slot', UPLOAD);
      const put = slot?.getChild('put');
      const headers = Object.fromEntries((put?.getChildren('header') ?? []).map((header) => [header.attrs['name'] ?? '', header.text()]));
      return putInto({ put: put?.attrs['url'] ?? '', headers, get: slot?.getChild('get')?.attrs['url'] ?? '' }, content, mediaType);
    }
    throw new Error('the server offers no upload service');
  }

  async join(room: string, nick: string): Promise<void> {
    const history = xml('history', { maxstanzas: '0' });
    await this.#client.send(xml('presence', { to: `${room}/${nick}` }, xml('x', { xmlns: 'http://jabber.org/protocol/muc' }, history)));
    await waitFor(`the own presence in ${room}`, () => this.#rooms.has(`${room}/${nick}`));
  }
  async say(room: string, text: string): Promise<string> {
    return this.#say(room, 'groupchat', xml('body', {}, text));
  }
  async #say(to: string, type: string, ...content: XmlElement[]): Promise<string> {
    const id = `${this.#account.resource}-${++this.#next}`;
    await this.#client.send(xml('message', { to, id, type }, xml('origin-id', { xmlns: 'urn:xmpp:sid:0', id }), ...content));
    return id;
  }
  heardInRooms(): readonly Heard[] {
    return this.#inRooms;
  }
  async correct(to: string, id: string, text: string, inRoom = false): Promise<void> {
    await this.#say(to, inRoom ? 'groupchat' : 'chat', xml('body', {}, text), xml('replace', { xmlns: CORRECT, id }));
  }
  async retract(to: string, id: string, inRoom = false): Promise<void> {
    await this.#say(to, inRoom ? 'groupchat' : 'chat', xml('retract', { xmlns: RETRACT, id }));
  }
  changes(): readonly Change[] {
    return this.#changes;
  }
  async #publish(node: string, id: string, payload: XmlElement): Promise<void> {
    const item = xml('item', { id }, payload);
    await this.#request('set', xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node }, item)));
  }
  async showPicture(png: Uint8Array): Promise<void> {
    const id = createHash('sha1').update(png).digest('hex');
    const base64 = Buffer.from(png).toString('base64');
    await this.#publish('urn:xmpp:avatar:data', id, xml('data', { xmlns: 'urn:xmpp:avatar:data' }, base64));
    const info = xml('info', { id, bytes: String(png.length), type: 'image/png' });
    await this.#publish('urn:xmpp:avatar:metadata', id, xml('metadata', { xmlns: 'urn:xmpp:avatar:metadata' }, info));
  }
  async bookmark(room: string, nick: string): Promise<void> {
    await this.#publish(BOOKMARKS, room, xml('conference', { xmlns: BOOKMARKS, autojoin: 'false' }, xml('nick', {}, nick)));
  }
  async bookmarks(): Promise<readonly string[]> {
    const result = await this.#request('get', xml('pubsub', { xmlns: PUBSUB }, xml('items', { node: BOOKMARKS })));
    return (result.getChild('pubsub')?.getChild('items')?.getChildren('item') ?? []).map((item) => item.attrs['id'] ?? '');
  }

  async reconnected(): Promise<boolean> {
    const resumptions = this.#resumptions;
    await waitFor('@xmpp/client to reconnect', () => this.#onlines + this.#resumptions > this.#seen);
    await waitFor('@xmpp/client to be online', () => this.#client.status === 'online');
    this.#seen = this.#onlines + this.#resumptions;
    return this.#resumptions > 0 && this.#resumptions >= resumptions;
  }

  #request(type: 'get' | 'set', payload: XmlElement, to?: string): Promise<XmlElement> {
    return this.#client.iqCaller.request(xml('iq', { type, to }, payload), PATIENCE_MS);
  }

  #stanza(stanza: XmlElement): void {
    const from = bare(stanza.attrs['from'] ?? '');
    if (stanza.is('presence') && stanza.attrs['type'] === 'subscribe') this.#requests.add(from);
    if (stanza.is('presence')) {
      const codes = (stanza.getChild('x', 'http://jabber.org/protocol/muc#user')?.getChildren('status') ?? []).map(
        (one) => one.attrs['code'],
      );
      if (codes.includes('110')) this.#rooms.add(stanza.attrs['from'] ?? '');
    }
    if (!stanza.is('message')) return;
    const result = stanza.getChild('result', MAM);
    if (result !== undefined) {
      const text = result.getChild('forwarded', FORWARD)?.getChild('message')?.getChildText('body') ?? '';
      this.#archived.push({ queryId: result.attrs['queryid'] ?? '', text });
      return;
    }
    const carbon = stanza.getChild('sent', CARBONS) ?? stanza.getChild('received', CARBONS);
    if (carbon !== undefined) {
      const text = carbon.getChild('forwarded', FORWARD)?.getChild('message')?.getChildText('body');
      if (text && from === `${this.#account.username}@${this.#account.domain}`) this.#carbons.push(text);
      return;
    }
    const receipt = stanza.getChild('received', RECEIPTS)?.attrs['id'];
    if (receipt !== undefined) this.#receipts.push(receipt);
    const text = stanza.getChildText('body');
    const full = stanza.attrs['from'] ?? '';
    const replaced = stanza.getChild('replace', CORRECT)?.attrs['id'];
    const retracted = stanza.getChild('retract', RETRACT)?.attrs['id'];
    if (replaced !== undefined) return void this.#changes.push({ from: full, id: replaced, text: text ?? '' });
    if (retracted !== undefined) return void this.#changes.push({ from: full, id: retracted, text: undefined });
    if (stanza.attrs['type'] === 'groupchat') {
      if (text) this.#inRooms.push({ from: full, text });
      return;
    }
    if (text === null || text === undefined || stanza.attrs['type'] === 'error') return;
    this.#heard.push({ from, text, link: stanza.getChild('x', OOB)?.getChildText('url') ?? undefined });
    if (stanza.getChild('request', RECEIPTS) && stanza.attrs['id'] !== undefined) {
      const reply = xml(
        'message',
        { to: stanza.attrs['from'], type: 'chat' },
        xml('received', { xmlns: RECEIPTS, id: stanza.attrs['id'] }),
      );
      this.#client.send(reply).catch(() => {});
    }
  }
}
