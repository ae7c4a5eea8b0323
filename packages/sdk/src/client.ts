import type { Element } from '@parley/xml';
import type { KeptAccount } from './account.ts';
import { Connection, type Identity } from './connection/connection.ts';
import { findServer } from './connection/discover.ts';
import { Entry, identityOf, keptDeviceId } from './connection/entry.ts';
import { rawXmpp } from './connection/raw.ts';
import { randomId, type Session, type Unacked } from './connection/session.ts';
import type { KeptKeys } from './connection/sign-in.ts';
import type { Context } from './context.ts';
import { ConversationRef } from './conversations/conversation.ts';
import { Expiry } from './conversations/expiry.ts';
import { Journal } from './conversations/journal.ts';
import { Outbox } from './conversations/outbox.ts';
import { ConversationRegistry } from './conversations/registry.ts';
import { Settings } from './conversations/settings.ts';
import { TypingTimers } from './conversations/typing.ts';
import { ChatError } from './errors.ts';
import { GroupBook } from './groups/groups.ts';
import type { Linking } from './link-types.ts';
import { plainText } from './messages/pipeline.ts';
import { Cell, callSafely, Emitter } from './observable.ts';
import type { Passkeys } from './passkey-types.ts';
import { AvatarBook } from './people/avatars.ts';
import { ContactBook, parseChat, parseUser } from './people/contacts.ts';
import { DeviceList, leaveDevice } from './people/devices.ts';
import { PresenceBook } from './people/presence.ts';
import { PushRegistration } from './people/push.ts';
import type { Social } from './social-types.ts';
import type { StoredValue } from './store/store.ts';
import { Features } from './sync/features.ts';
import { Incoming } from './sync/incoming.ts';
import { Search } from './sync/search.ts';
import { start } from './sync/start.ts';
import { Sync } from './sync/sync.ts';
import { readAgain, TabGrants, type TabMessage } from './sync/tabs.ts';
import type {
  Attachment,
  AutoDownload,
  BlobLike,
  ChatClient as ChatClientApi,
  ChatEventName,
  ChatEvents,
  ConnectionSnapshot,
  Contacts,
  Conversation,
  ConversationSnapshot,
  CoreClientOptions,
  Credentials,
  Devices,
  Message,
  Observable,
  PresenceSnapshot,
  Push,
  RawXmpp,
  ServerFeatures,
  Unsubscribe,
  Upload,
  UserSnapshot,
} from './types.ts';

const ACCOUNT = 'account';
const CLOCK = 'clock.offset';
const DEFAULT_FIRST_SYNC = 20;

/** The client; see the interface for what each method promises. This class wires the rooms together. */
export class Client implements ChatClientApi {
  readonly #options: CoreClientOptions;
  readonly #platform: CoreClientOptions['platform'];
  readonly #emitter = new Emitter();
  readonly #user = new Cell<UserSnapshot | undefined>(undefined);
  readonly #registry: ConversationRegistry;
  readonly #refs = new Map<string, ConversationRef>();
  readonly #stanzaListeners = new Set<(stanza: Element) => void>();
  readonly #context: Context;
  readonly #connection: Connection;
  readonly #journal: Journal;
  readonly #outbox: Outbox;
  readonly #sync: Sync;
  readonly #contacts: ContactBook;
  readonly #presence: PresenceBook;
  readonly #typing: TypingTimers;
  readonly #features: Features;
  readonly #settings: Settings;
  readonly groups: GroupBook;
  readonly #incoming: Incoming;
  readonly avatars: AvatarBook;
  readonly #search: Search;
  readonly #expiry: Expiry;
  readonly codes: Entry;
  readonly social: Social;
  readonly passkeys: Passkeys;
  readonly linking: Linking;
  readonly deleteAccount: ChatClientApi['deleteAccount'];
  readonly #grants: TabGrants;
  readonly push: Push;
  readonly devices: Devices;
  readonly xmpp: RawXmpp;
  #autoDownload: AutoDownload;
  #clockOffsetMs = 0;
  #account: KeptAccount | undefined;
  #loading: Promise<void> | undefined;
  #connecting: Promise<void> | undefined;
  #channel: { post(message: string): void; close(): void } | undefined;
  #closed = false;
  #device = '';

  constructor(options: CoreClientOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.#autoDownload = options.autoDownload ?? 'wifi';
    this.#connection = new Connection({
      platform: options.platform,
      allowPlaintext: options.allowPlaintext === true,
      store: options.store,
      endpoint: async () => (await findServer(options.platform, options.server, this.#account?.domain ?? options.domain)).endpoint,
      owner: {
        message: (stanza) => this.#incoming.message(stanza),
        presence: (stanza) => this.#incoming.presence(stanza),
        request: (stanza, payload) => this.#incoming.request(stanza, payload),
        stanza: (stanza) => {
          for (const listener of [...this.#stanzaListeners]) callSafely(() => listener(stanza));
        },
      },
      began: (session, lost, keys) => this.#began(session, lost, keys),
      resumed: () => this.#resumed(),
      ended: () => this.#ended(),
      expired: (error) => this.#emitter.emit('session.expired', { error }),
    });
    this.#connection.state.subscribe(() => {
      this.#emitter.emit('connection.changed', { connection: this.#connection.state.snapshot() });
      this.#presence.setConnected(this.#connection.state.snapshot().state === 'online');
    });
    this.#context = this.#makeContext();
    this.#journal = new Journal(this.#context);
    this.#expiry = new Expiry(this.#context, this.#journal);
    this.#outbox = new Outbox(this.#context, this.#journal);
    const first = Math.min(100, Math.max(0, options.firstSyncMessages ?? DEFAULT_FIRST_SYNC));
    this.#sync = new Sync(this.#context, this.#journal, first, (outcome) => this.#outbox.deliver(outcome));
    this.#contacts = new ContactBook(this.#context, (id) => this.#registry.peerChanged(id));
    this.#registry = new ConversationRegistry(this.#contacts, this.#context.emit);
    this.#presence = new PresenceBook(this.#context, (id) => this.#contacts.has(id));
    this.#typing = new TypingTimers(this.#context);
    this.#features = new Features(this.#context);
    this.#settings = new Settings(this.#context, this.#journal);
    this.groups = new GroupBook({
      context: this.#context,
      journal: this.#journal,
      states: () => this.#registry.values(),
      conversation: (id) => this.conversation(id),
      read: (session, state) => this.#sync.readGroup(session, state),
      picture: (id, hash) => this.avatars.hint(id, hash, true),
    });
    this.avatars = new AvatarBook(this.#context);
    this.#search = new Search(this.#context, this.#sync.archive);
    this.devices = new DeviceList(this.#context);
    this.push = new PushRegistration(this.#context, () => this.#device);
    this.#incoming = new Incoming({
      context: this.#context,
      sync: this.#sync,
      registry: this.#registry,
      settings: this.#settings,
      groups: this.groups,
      typing: this.#typing,
      contacts: this.#contacts,
      presences: this.#presence,
      avatars: this.avatars,
    });
    this.#emitter.on('message.status', ({ message }) => this.#outbox.statusChanged(message));
    this.codes = this.#makeEntry();
    ({ social: this.social, passkeys: this.passkeys, linking: this.linking, deleteAccount: this.deleteAccount } = this.codes);
    this.#grants = new TabGrants(this.#platform, this.#connection, (device) => this.codes.grant(device));
    this.xmpp = rawXmpp(this.#connection, this.#stanzaListeners);
  }

  #makeContext(): Context {
    const client = this;
    return {
      platform: this.#platform,
      store: this.#options.store,
      connection: this.#connection,
      cipher: plainText,
      get me() {
        return client.#user.snapshot()?.id ?? '';
      },
      get domain() {
        return client.#account?.domain ?? client.#options.domain ?? '';
      },
      now: () => this.#platform.now() + this.#clockOffsetMs,
      features: () => this.#features.cell.snapshot(),
      expiring: () => this.#expiry.sweep(),
      newId: () => randomId(this.#platform),
      emit: (event, payload) => this.#emitter.emit(event, payload),
      report: (cause) => {
        const error = cause instanceof ChatError ? cause : new ChatError('server-error', 'Something unexpected failed', { cause });
        // A broken connection is told by `connection.changed`.
        if (error.code !== 'connection-lost' && error.code !== 'offline') this.#emitter.emit('error', { error });
      },
      conversationState: (id) => this.#registry.state(id),
      conversationsChanged: (states) => this.#registry.changed(states),
      tellOtherTabs: (ids) => this.#channel?.post(JSON.stringify({ changed: ids })),
      mayKnow: (state) => !state.blocked && (state.record.answered || this.#contacts.seesUs(state.id)),
    };
  }

  #makeEntry(): Entry {
    const client = this;
    return new Entry({
      platform: this.#platform,
      server: this.#options.server,
      domain: this.#options.domain,
      connection: this.#connection,
      get account() {
        return client.#account;
      },
      set account(account) {
        client.#account = account;
      },
      get user() {
        return client.#user.snapshot();
      },
      load: () => this.#load(),
      setUser: (account) => (account === undefined ? this.#user.set(undefined) : this.#setUser(account)),
      wipe: () => this.#wipe(),
      identity: (account, password) => this.#identity(account, password),
    });
  }

  get user(): Observable<UserSnapshot | undefined> {
    return this.#user;
  }

  get connection(): Observable<ConnectionSnapshot> {
    return this.#connection.state;
  }

  get conversations(): Observable<readonly ConversationSnapshot[]> {
    return this.#registry.list;
  }

  get contacts(): Contacts {
    return this.#contacts;
  }

  get features(): Observable<ServerFeatures> {
    return this.#features.cell;
  }

  async search(text: string, options?: { readonly conversationId?: string; readonly limit?: number }): Promise<readonly Message[]> {
    await this.#load();
    return await this.#search.find(text, [...this.#registry.values()], options);
  }

  on<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  once<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe {
    return this.#emitter.once(event, listener);
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<void> {
    await this.#load();
    if (this.#account === undefined) {
      const { credentials: given, token } = this.#options;
      if (token !== undefined) return void (await this.codes.byApp(token));
      if (given === undefined) throw new ChatError('not-signed-in', 'There is no account on this device');
      await this.signIn(typeof given === 'function' ? await given() : given);
      return;
    }
    if (this.#account.keys === null && this.#account.byToken !== true) {
      if (this.#connection.online) return;
      const error = new ChatError('session-expired', 'Sign in again with your password');
      this.#connection.setState('offline', { error });
      this.#emitter.emit('session.expired', { error });
      return;
    }
    this.#connection.start(await this.#identity(this.#account, undefined));
  }

  async disconnect(): Promise<void> {
    this.#connection.stop();
  }

  register(credentials: Credentials): Promise<UserSnapshot> {
    return this.codes.withPassword(credentials, true);
  }

  signIn(credentials: Credentials): Promise<UserSnapshot> {
    return this.codes.withPassword(credentials, false);
  }

  async signOut(): Promise<void> {
    leaveDevice(this.#context);
    await this.#wipe();
  }

  async #wipe(): Promise<void> {
    this.#connection.forget();
    // The other tabs share the store, which is about to be empty or somebody else's.
    this.#channel?.post(JSON.stringify({ signedOut: true }));
    this.#reset();
    await this.#journal.run(() => this.#options.store.clear());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#connection.stop();
    this.#channel?.close();
    this.#typing.clear();
    this.#expiry.stop();
    await this.#journal.run(() => this.#options.store.close());
  }

  async #identity(account: KeptAccount, password: string | undefined): Promise<Identity> {
    return identityOf(this.#platform, account, await this.#deviceId(), password);
  }

  async #deviceId(): Promise<string> {
    return (this.#device = await keptDeviceId(this.#platform, this.#options));
  }

  /** Reads the store once. */
  #load(): Promise<void> {
    if (this.#closed) return Promise.reject(new ChatError('invalid-argument', 'This client was closed'));
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const { store } = this.#options;
    await store.open();
    const account = (await store.value(ACCOUNT)) as unknown as KeptAccount | undefined;
    if (account === undefined) return;
    const offset = await store.value(CLOCK);
    if (typeof offset === 'number') this.#clockOffsetMs = offset;
    this.#account = account;
    await this.#contacts.load();
    await this.#features.load();
    await this.avatars.load();
    this.#registry.load(await store.conversations());
    await this.#deviceId();
    this.#setUser(account);
    this.#expiry.start();
    for (const record of await store.queued()) if (record.attachments.some((file) => file.url === '')) this.#outbox.uploads.add(record);
  }

  #setUser(account: KeptAccount): void {
    const id = `${account.username}@${account.domain}`;
    if (this.#user.snapshot()?.id === id) return;
    this.#user.set(Object.freeze({ id, username: account.username, domain: account.domain, deviceId: this.#device }));
    this.#connection.setState('offline');
    this.#channel?.close();
    const channel = this.#platform.channel?.(`parley ${id}`, (message) => this.#otherTab(message));
    this.#channel = channel;
    // A tab that is not the first one has no token of its own, and without a password nothing else; the app's server gives one to each.
    const { token } = this.#options;
    this.#connection.device.onExpired = token === undefined ? undefined : (device) => this.codes.renew(token, device);
    this.#connection.device.onPassing =
      account.byToken === true && token === undefined && channel !== undefined
        ? (device) => this.#grants.ask(device, (text) => channel.post(text))
        : undefined;
  }

  #reset(): void {
    this.#account = undefined;
    this.#outbox.clear();
    this.#contacts.clear();
    this.#presence.clear();
    this.#typing.clear();
    this.#registry.clear();
    this.#features.clear();
    this.avatars.clear();
    this.groups.clear();
    this.#refs.clear();
    this.#channel?.close();
    this.#channel = undefined;
    this.#user.set(undefined);
  }

  // ---- connection ----------------------------------------------------------------------------------------------------

  #began(session: Session, lost: readonly Unacked[], keys: KeptKeys | undefined): void {
    // The server may write the address in another way than the user did: its word counts.
    const at = session.bare.indexOf('@');
    const account: KeptAccount = {
      username: session.bare.slice(0, at),
      domain: session.bare.slice(at + 1),
      keys: keys ?? this.#account?.keys ?? null,
      ...(this.#account?.byToken === true ? { byToken: true } : {}),
    };
    this.#account = account;
    this.#setUser(account);
    this.#options.store
      .commit({ values: { [ACCOUNT]: account as unknown as StoredValue } })
      .catch((error: unknown) => this.#context.report(error));
    this.#presence.reset();
    this.avatars.began();
    this.#sync.begin();
    this.#start(session, lost)
      .catch((error: unknown) => this.#context.report(error))
      .finally(() => {
        if (this.#connection.session === session) this.#connection.setSyncing(false);
      });
  }

  #start(session: Session, lost: readonly Unacked[]): Promise<void> {
    return start(session, lost, {
      context: this.#context,
      contacts: this.#contacts,
      presences: this.#presence,
      features: this.#features,
      settings: this.#settings,
      groups: this.groups,
      sync: this.#sync,
      outbox: this.#outbox,
      registry: this.#registry,
      clock: (offsetMs) => {
        this.#clockOffsetMs = offsetMs;
        return this.#options.store.commit({ values: { [CLOCK]: offsetMs } });
      },
    });
  }

  #resumed(): void {
    this.#outbox.uploads.resume();
    for (const state of this.#registry.values()) if (state.record.pendingMarker !== undefined) this.#outbox.sendMarker(state);
  }

  #ended(): void {
    this.#outbox.ended();
    this.#sync.end();
  }

  // ---- conversations -------------------------------------------------------------------------------------------------

  conversation(user: string): Conversation {
    const id = parseChat(user, this.#context.domain);
    let ref = this.#refs.get(id);
    if (ref === undefined) {
      ref = new ConversationRef(this.#registry.state(id), {
        context: this.#context,
        journal: this.#journal,
        outbox: this.#outbox,
        settings: this.#settings,
        group: (state) => this.groups.ref(state),
        fetchOlder: this.#sync.fetchOlder,
        on: (event, listener) => this.#emitter.on(event, listener),
        ready: async () => {
          await this.#load();
          if (this.#account === undefined) throw new ChatError('not-signed-in', 'There is no account on this device');
        },
      });
      this.#refs.set(id, ref);
    }
    return ref;
  }

  presence(user: string): Observable<PresenceSnapshot> {
    return this.#presence.cell(parseUser(user, this.#context.domain));
  }

  upload(id: string): Upload | undefined {
    return this.#outbox.uploads.get(id);
  }

  async localFile(uploadId: string): Promise<BlobLike | undefined> {
    await this.#load();
    return this.#options.store.file(uploadId);
  }

  shouldDownload(attachment: Attachment): boolean {
    if (attachment.url === '' || this.#autoDownload === 'never') return false;
    return this.#autoDownload === 'always' || (this.#platform.unmetered?.() ?? true);
  }

  setAutoDownload(value: AutoDownload): void {
    this.#autoDownload = value;
  }

  #otherTab(text: string): void {
    const message = JSON.parse(text) as TabMessage;
    if (this.#grants.heard(message, (text) => this.#channel?.post(text))) return;
    if (message.signedOut === true) {
      this.#connection.forget();
      this.#reset();
    } else readAgain(message.changed ?? [], this.#context, this.#journal, this.#registry);
  }
}
