// stanza (stanza.io) over WebSocket (RFC 7395): a library that knows the extensions itself.
import { createHash } from 'node:crypto';
import { type Agent, createClient, JXT } from 'stanza';
import { PATIENCE_MS, waitFor } from '../../support/process.ts';
import { type Account, bare, type Change, type Driver, type Heard, type Network } from './driver.ts';
import { putInto } from './upload.ts';

/** XEP-0424, which stanza does not know: an application teaches it so. */
interface Taught {
  readonly retracts?: string;
}
const RETRACTION = JXT.extendMessage({ retracts: JXT.childAttribute('urn:xmpp:message-retract:1', 'retract', 'id') });

export class StanzaIo implements Driver {
  readonly #client: Agent;
  readonly #account: Account;
  #heard: Heard[] = [];
  #receipts: string[] = [];
  #carbons: string[] = [];
  #requests = new Set<string>();
  #contacts = new Map<string, string>();
  #inRooms: Heard[] = [];
  #changes: Change[] = [];
  #sessions = 0;
  #resumptions = 0;
  #seen = 0;
  #failure = '';

  constructor(account: Account, network: Network) {
    this.#account = account;
    const { username, password, domain, resource } = account;
    this.#client = createClient({
      jid: `${username}@${domain}`,
      password,
      resource,
      server: domain,
      transports: { websocket: network.webSocket, bosh: false },
      autoReconnect: true,
      maxReconnectBackoff: 1,
      timeout: PATIENCE_MS / 1000,
      sendReceipts: true,
    });
    const client = this.#client;
    client.stanzas.define(RETRACTION);
    client.on('session:started', () => this.#sessions++);
    client.on('stream:management:resumed', () => this.#resumptions++);
    client.on('auth:failed', () => {
      this.#failure = 'the server refused the sign-in';
    });
    client.on('stream:error', (error) => {
      this.#failure = `stream error ${error.condition}`;
    });
    client.on('subscribe', (presence) => this.#requests.add(bare(presence.from ?? '')));
    client.on('message', (message) => {
      const { from = '', replace, retracts, body } = message as typeof message & Taught;
      if (message.carbon !== undefined || message.archive !== undefined || message.type === 'error') return;
      if (replace !== undefined) this.#changes.push({ from, id: replace, text: body ?? '' });
      else if (retracts !== undefined) this.#changes.push({ from, id: retracts, text: undefined });
      else if (message.type === 'groupchat' && body) this.#inRooms.push({ from, text: body });
    });
    client.on('chat', (message) => {
      if (message.replace !== undefined || (message as Taught).retracts !== undefined) return;
      if (message.carbon === undefined && message.archive === undefined && message.body)
        this.#heard.push({ from: bare(message.from ?? ''), text: message.body, link: message.links?.[0]?.url });
    });
    client.on('receipt', (message) => {
      const receipt = message.receipt;
      if (receipt.type === 'received' && receipt.id !== undefined) this.#receipts.push(receipt.id);
    });
    client.on('roster:update', (push) => {
      for (const item of push.roster.items ?? []) this.#contacts.set(item.jid, item.subscription ?? 'none');
    });
    const carbon = (text: string | undefined): void => {
      if (text) this.#carbons.push(text);
    };
    client.on('carbon:sent', (message) => carbon(message.carbon.forward.message?.body));
    client.on('carbon:received', (message) => carbon(message.carbon.forward.message?.body));
  }

  async signIn(): Promise<void> {
    const before = this.#sessions;
    this.#failure = '';
    this.#client.connect();
    await waitFor('stanza to sign in', () => {
      if (this.#failure !== '') throw new Error(this.#failure);
      return this.#sessions > before;
    });
    await this.roster();
    await this.#client.enableCarbons();
    this.#client.sendPresence();
    // Answered after the presence was taken: from now on messages come here.
    await this.roster();
    this.#seen = this.#sessions + this.#resumptions;
  }
  async signOut(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#client.once('disconnected', () => resolve()));
    await this.#client.disconnect();
    await gone;
  }
  async dispose(): Promise<void> {
    this.#client.updateConfig({ autoReconnect: false });
    await this.#client.disconnect();
  }

  async addContact(address: string): Promise<void> {
    await this.#client.updateRosterItem({ jid: address, subscription: 'none' });
    this.#client.subscribe(address);
  }
  async acceptContact(address: string): Promise<void> {
    this.#requests.delete(address);
    this.#client.acceptSubscription(address);
    this.#client.subscribe(address);
  }
  requests(): readonly string[] {
    return [...this.#requests];
  }
  /** stanza asks with a version (RFC 6121 §2.6): when nothing is new the answer is empty and changes come as pushes, which are kept here. */
  async roster(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.#client.getRoster();
    for (const item of items) this.#contacts.set(item.jid, item.subscription ?? 'none');
    return this.#contacts;
  }

  async send(to: string, text: string): Promise<string> {
    return this.#client.sendMessage({ to, body: text, type: 'chat', receipt: { type: 'request' } });
  }
  async sendLink(to: string, url: string): Promise<string> {
    return this.#client.sendMessage({ to, body: url, type: 'chat', receipt: { type: 'request' }, links: [{ url }] });
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
      const fin = await this.#client.searchHistory({ paging: { max: 4, after } });
      for (const item of fin.results ?? []) if (item.item.message?.body) texts.push(item.item.message.body);
      after = fin.paging?.last;
      if (fin.complete || after === undefined) return texts;
    }
  }

  async upload(name: string, content: Uint8Array, mediaType = 'application/octet-stream'): Promise<string> {
    const service = await this.#client.getUploadService(this.#account.domain);
    const slot = await this.#client.getUploadSlot(service.jid, { name, size: content.length, mediaType });
    const headers = Object.fromEntries((slot.upload.headers ?? []).map((header) => [header.name, header.value]));
    return putInto({ put: slot.upload.url, headers, get: slot.download }, content, mediaType);
  }

  async join(room: string, nick: string): Promise<void> {
    await this.#client.joinRoom(room, nick, { muc: { type: 'join', history: { maxStanzas: 0 } } });
  }
  async say(room: string, text: string): Promise<string> {
    return this.#client.sendMessage({ to: room, type: 'groupchat', body: text });
  }
  heardInRooms(): readonly Heard[] {
    return this.#inRooms;
  }
  async correct(to: string, id: string, text: string, inRoom = false): Promise<void> {
    this.#client.sendMessage({ to, type: inRoom ? 'groupchat' : 'chat', body: text, replace: id });
  }
  async retract(to: string, id: string, inRoom = false): Promise<void> {
    const message: Parameters<Agent['sendMessage']>[0] & Taught = { to, type: inRoom ? 'groupchat' : 'chat', retracts: id };
    this.#client.sendMessage(message);
  }
  changes(): readonly Change[] {
    return this.#changes;
  }
  async showPicture(png: Uint8Array): Promise<void> {
    const id = createHash('sha1').update(png).digest('hex');
    await this.#client.publishAvatar(id, Buffer.from(png));
    await this.#client.useAvatars([{ id, bytes: png.length, mediaType: 'image/png' }]);
  }
  async bookmark(room: string, nick: string): Promise<void> {
    await this.#client.addBookmark({ jid: room, nick, autoJoin: false });
  }
  async bookmarks(): Promise<readonly string[]> {
    return (await this.#client.getBookmarks()).map(({ jid }) => jid ?? '');
  }

  async reconnected(): Promise<boolean> {
    const resumptions = this.#resumptions;
    await waitFor('stanza to reconnect', () => this.#sessions + this.#resumptions > this.#seen);
    this.#seen = this.#sessions + this.#resumptions;
    return this.#resumptions > 0 && this.#resumptions >= resumptions;
  }
}
