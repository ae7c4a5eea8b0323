import type { Element } from '@parley/xml';
import type { CodeProof, Codes } from './code-types.ts';
import type { Conversation, ConversationSnapshot, Upload, UploadSnapshot } from './conversation-types.ts';
import type { ChatError } from './errors.ts';
import type { Groups } from './group-types.ts';
import type { Linking } from './link-types.ts';
import type { Attachment, BlobLike, Message, MessageFailure, MessageStatus } from './message-types.ts';
import type { Passkeys } from './passkey-types.ts';
import type { Platform } from './platform.ts';
import type { Social } from './social-types.ts';
import type { ChatStore } from './store/store.ts';

export type * from './conversation-types.ts';
export type * from './group-types.ts';
export type * from './message-types.ts';

/** Ends a subscription. Also works with `using`. */
export interface Unsubscribe {
  (): void;
  [Symbol.dispose](): void;
}

/**
 * Something to watch. `snapshot()` returns the same frozen object until it changes, so both methods can be handed to
 * React's `useSyncExternalStore` (they need no `this`).
 */
export interface Observable<T> {
  readonly snapshot: () => T;
  readonly subscribe: (listener: () => void) => Unsubscribe;
}

/**
 * - `none`      not a contact
 * - `requested` we asked, no answer yet
 * - `incoming`  they asked; `accept` or `decline`
 * - `contact`   both see each other
 * - `one-way`   we see them or they see us, not both
 */
export type ContactState = 'none' | 'requested' | 'incoming' | 'contact' | 'one-way';

export interface Contact {
  readonly id: string;
  readonly name: string;
  readonly state: ContactState;
  readonly blocked: boolean;
}

export interface ContactsSnapshot {
  /** Sorted by name; people in the contact list. */
  readonly contacts: readonly Contact[];
  /** People who ask to become a contact, oldest first. */
  readonly requests: readonly Contact[];
  readonly blocked: readonly string[];
}

/** The contact list (RFC 6121 roster) with requests and blocking (XEP-0191). Calls reject with `offline` when there is no connection. */
export interface Contacts extends Observable<ContactsSnapshot> {
  get(id: string): Contact | undefined;
  /** Puts the person in the list and asks to be a contact. `user` is a name on the own domain or `name@domain`. */
  add(user: string, options?: { readonly name?: string }): Promise<Contact>;
  rename(id: string, name: string): Promise<void>;
  accept(id: string): Promise<void>;
  decline(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  block(id: string): Promise<void>;
  unblock(id: string): Promise<void>;
}

/** What a contact shows of itself; frozen. `unknown`: not a contact, or not told yet. */
export interface PresenceSnapshot {
  readonly id: string;
  readonly state: 'online' | 'away' | 'offline' | 'unknown';
  /** Milliseconds since 1970, when the contact was last online, where known (XEP-0012 or seen to leave). */
  readonly lastSeenAt: number | undefined;
  readonly statusText: string;
}

/**
 * - `signed-out` no account on this device
 * - `offline`    not connecting (before `connect`, after `disconnect`)
 * - `connecting` opening, signing in or resuming
 * - `online`     usable; `syncing` tells whether the catch-up still runs
 * - `waiting`    lost; tries again at `retryAt`
 */
export type ConnectionState = 'signed-out' | 'offline' | 'connecting' | 'online' | 'waiting';

export interface ConnectionSnapshot {
  readonly state: ConnectionState;
  readonly syncing: boolean;
  /** Milliseconds since 1970 of the next try while `waiting`. */
  readonly retryAt: number | undefined;
  /** Why the last connection ended. */
  readonly error: ChatError | undefined;
}

/** The account on this device. */
export interface UserSnapshot {
  /** `name@domain` */
  readonly id: string;
  readonly username: string;
  readonly domain: string;
  readonly deviceId: string;
}

export interface Credentials {
  /** Name on the server's domain, or `name@domain`. */
  readonly username: string;
  /** Used once to derive keys (SCRAM); never stored and never logged. */
  readonly password: string;
}

/** What shows that the owner is there, and not only a device of theirs. */
export type OwnersWord =
  | { readonly password: string; readonly proof?: undefined }
  /** Of an address, number or sign-in that the account has had for a day, or since it was made. */
  | { readonly proof: Pick<CodeProof, 'proof'>; readonly password?: undefined };

/** Events of the client. Payloads are frozen; listeners run after the local store has committed what they report. */
export interface ChatEvents {
  'connection.changed': { readonly connection: ConnectionSnapshot };
  'session.expired': { readonly error: ChatError };
  'message.new': { readonly message: Message; readonly live: boolean };
  'message.updated': { readonly message: Message };
  'message.status': { readonly message: Message; readonly previous: MessageStatus };
  /** Somebody else put a reaction under a message; `emoji` is empty when it was taken away. */
  'message.reaction': { readonly message: Message; readonly senderId: string; readonly emoji: readonly string[]; readonly live: boolean };
  'message.failed': { readonly message: Message; readonly error: MessageFailure };
  'conversation.updated': { readonly conversation: ConversationSnapshot };
  'conversation.typing': { readonly conversationId: string; readonly typing: boolean };
  /** `by: 'me'`: read on a device of this account; `'peer'`: the peer has read up to `messageId`. */
  'conversation.read': { readonly conversationId: string; readonly by: 'me' | 'peer'; readonly messageId: string };
  'contact.request': { readonly contact: Contact };
  'contact.added': { readonly contact: Contact };
  'contact.removed': { readonly id: string };
  'contact.blocked': { readonly id: string; readonly blocked: boolean };
  /** Somebody has another picture (or none any more). */
  'avatar.changed': { readonly id: string };
  'presence.changed': { readonly presence: PresenceSnapshot };
  'upload.progress': { readonly upload: UploadSnapshot };
  'upload.done': { readonly upload: UploadSnapshot };
  'upload.failed': { readonly upload: UploadSnapshot; readonly error: ChatError };
  'sync.progress': { readonly stored: number };
  'sync.done': { readonly stored: number };
  /** Something went wrong that no caller waits for. */
  error: { readonly error: ChatError };
}

export type ChatEventName = keyof ChatEvents;
export type ConversationEventName =
  | 'message.new'
  | 'message.updated'
  | 'message.status'
  | 'message.failed'
  | 'message.reaction'
  | 'conversation.updated'
  | 'conversation.typing'
  | 'conversation.read';

/** When the SDK may fetch attachments by itself; the UI asks `chat.shouldDownload(attachment)`. */
export type AutoDownload = 'always' | 'wifi' | 'never';

export type TokenProvider = (device: { readonly deviceId: string }) => Promise<string | undefined>;

export interface ClientOptions {
  /**
   * Where the server is:
   * - `https://chat.example.com`: WebSocket address by `/.well-known/host-meta.json` (XEP-0156), else `/ws` there
   * - `wss://…` or `ws://…`: that WebSocket
   * - `chat.example.com` or `xmpp://host:port` (STARTTLS), `xmpps://host:port` (direct TLS): TCP, in Node only
   *
   * Default in browsers: the page's own origin. In Node: the domain.
   */
  readonly server?: string;
  /** Domain of the accounts. Default: the domain in the user name, else the one the server names in host-meta, else its host name. */
  readonly domain?: string;
  /** Signs in on `connect()` when this device has no account yet. */
  readonly credentials?: Credentials | (() => Credentials | Promise<Credentials>);
  /**
   * For apps with users of their own: asks the app's server for a token that it signs with its key (docs/protocol/app-keys.md), for this device.
   * Used on `connect()` when this device has no account yet, and again whenever what it got is over. Undefined: nobody is signed in there, so the
   * session has expired; a rejection is tried again later.
   */
  readonly token?: TokenProvider;
  /** Where messages and keys are kept. One store holds one account. */
  readonly store: ChatStore;
  /** Default: made once and kept in the store. */
  readonly deviceId?: string;
  readonly autoDownload?: AutoDownload;
  /** Messages fetched per conversation at the first sign-in; default 20, 0 … 100. */
  readonly firstSyncMessages?: number;
  /** Node, `xmpp://`: accept a connection without TLS. Only for loopback and tests. */
  readonly allowPlaintext?: boolean;
}

/** Options together with the platform; `@parley/sdk/browser` and `@parley/sdk/node` fill `platform` in. */
export interface CoreClientOptions extends ClientOptions {
  readonly platform: Platform;
}

/** Raw access for what the SDK does not cover. Stanzas go out as they are. */
export interface RawXmpp {
  /** Sends a message or presence. Throws `offline`. */
  send(stanza: Element): void;
  /** Sends an iq (its id is set) and resolves with the result; rejects with the error reply. Default time-out 30 s. */
  iq(request: Element, options?: { readonly timeoutMs?: number }): Promise<Element>;
  /** Every incoming message, presence and iq, after the SDK has looked at it. */
  onStanza(listener: (stanza: Element) => void): Unsubscribe;
  /** Full address of the connection, `name@domain/resource`, while online. */
  readonly address: string | undefined;
}

/** Pictures of people and groups (XEP-0084, XEP-0153, XEP-0486), kept on this device. `avatar.changed` tells when there is another. */
export interface Avatars {
  /** What this device has; undefined: nothing (yet). Asks nobody. */
  get(id: string): Promise<BlobLike | undefined>;
  /** Asks for the pictures of these people, once a session. Rejects never. */
  ask(ids: readonly string[]): Promise<void>;
  /** The own picture, for contacts: PNG, JPEG, WebP or GIF of at most 200 kB; undefined takes it away. */
  publish(picture: BlobLike | undefined): Promise<void>;
}

/** What a notification may say: that something is new; who wrote, too; and the text. */
export type PushContent = 'none' | 'sender' | 'full';

/** What a browser's PushSubscription has to say; keys in base64url. */
export interface PushSubscriptionLike {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

/** Notifications while this device is not connected (docs/protocol/push.md); only where `chat.features.push` says so. */
export interface Push {
  /** The server's key to subscribe with, base64url. */
  key(): Promise<string>;
  /** Tells the server where to push for this device; again at each start costs nothing. */
  register(subscription: PushSubscriptionLike, content: PushContent): Promise<void>;
  unregister(): Promise<void>;
}

/** Something that has access to the account. */
export interface Device {
  readonly id: string;
  /** Name of the program; may be empty. */
  readonly software: string;
  /** What the device is called; may be empty. */
  readonly name: string;
  readonly connected: boolean;
  /** Milliseconds since 1970. */
  readonly firstSeenAt: number | undefined;
  readonly lastSeenAt: number | undefined;
  /** It is this one. */
  readonly current: boolean;
}

/** The account's devices (XEP-0494); only where `chat.features.devices` says so. */
export interface Devices {
  list(): Promise<readonly Device[]>;
  /** Takes a device's access away. Rejects with `not-supported` when only another password does that. */
  signOut(id: string): Promise<void>;
}

/** What the server offers beyond the basics; frozen. Nothing that is false here should be shown to a person. */
export interface ServerFeatures {
  /** Keeps what is decided about conversations, for all devices. */
  readonly conversations: boolean;
  /** Domain of the service that group chats live on. */
  readonly groups: string | undefined;
  readonly push: boolean;
  /** Full-text search in the archive. */
  readonly textSearch: boolean;
  readonly avatars: boolean;
  /** List of the account's devices with sign-out (XEP-0494). */
  readonly devices: boolean;
  readonly disappearing: boolean;
}

/** The client. One per account and device; make it once, outside of components. */
export interface ChatClient {
  /** Undefined before sign-in. */
  readonly user: Observable<UserSnapshot | undefined>;
  readonly connection: Observable<ConnectionSnapshot>;
  /** Newest first. */
  readonly conversations: Observable<readonly ConversationSnapshot[]>;
  readonly contacts: Contacts;
  /** As the server said last time, also without a network. */
  readonly features: Observable<ServerFeatures>;
  readonly groups: Groups;
  readonly avatars: Avatars;
  readonly push: Push;
  readonly devices: Devices;
  /** Messages with these words, newest first: from the server's archive where it can search, else from what this device has. */
  search(text: string, options?: { readonly conversationId?: string; readonly limit?: number }): Promise<readonly Message[]>;
  /**
   * Loads local data, then connects in the background and stays connected. Idempotent.
   * Resolves when local data is usable, with or without a network. Rejects with `not-signed-in` when there is no account.
   */
  connect(): Promise<void>;
  /** Closes the connection in order; data and keys stay. */
  disconnect(): Promise<void>;
  /** Makes an account (XEP-0077), then signs in with it. */
  register(credentials: Credentials): Promise<UserSnapshot>;
  /** Signs in and connects. Resolves when the server has accepted and local data is usable. Data of another account in the store is removed. */
  signIn(credentials: Credentials): Promise<UserSnapshot>;
  /** The way in without a password: an address that is proved with a code. */
  readonly codes: Codes;
  /** The way in by a sign-in at another provider. */
  readonly social: Social;
  /** The way in from a device that is signed in. */
  readonly linking: Linking;
  /** The way in by a passkey. */
  readonly passkeys: Passkeys;
  /** Disconnects and removes account, keys and messages from this device. */
  signOut(): Promise<void>;
  /**
   * Deletes the account for good, with everything that the server keeps of it, and removes it from this device as `signOut` does. Contacts are told.
   * Rejects with `wrong-credentials` when the word is not the owner's, `code-expired`, `rate-limited`, `offline`; the account stays then.
   */
  deleteAccount(word: OwnersWord): Promise<void>;
  /** By user name on the own domain or by address; the own domain alone is the conversation of type `server`. Throws `invalid-address`. */
  conversation(user: string): Conversation;
  presence(user: string): Observable<PresenceSnapshot>;
  /** A current upload by its id (`attachment.uploadId`). */
  upload(id: string): Upload | undefined;
  /** The bytes of a file that this device sends and still keeps, for previews. */
  localFile(uploadId: string): Promise<BlobLike | undefined>;
  /** By `autoDownload` and, for `wifi`, what the platform knows about the network. */
  shouldDownload(attachment: Attachment): boolean;
  setAutoDownload(value: AutoDownload): void;
  on<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe;
  once<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe;
  readonly xmpp: RawXmpp;
  /** Closes connection and store. The object cannot be used afterwards. */
  close(): Promise<void>;
}
