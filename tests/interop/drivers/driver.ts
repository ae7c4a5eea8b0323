// What the interop story asks of a client, whatever library or program it is.
export interface Account {
  readonly username: string;
  readonly password: string;
  readonly domain: string;
  readonly resource: string;
}

/** Where the client connects: ports of 127.0.0.1, which may be those of a relay. The certificate is for `localhost`. */
export interface Network {
  readonly xmpp: number;
  readonly xmpps: number;
  readonly webSocket: string;
  /** A file with the server's certificate, PEM. */
  readonly certificateFile: string;
}

export interface Heard {
  /** Bare address of the sender. */
  readonly from: string;
  readonly text: string;
  /** Address of a file (XEP-0066), when the message has one. */
  readonly link?: string | undefined;
  /** The id that the server gave it (XEP-0359), and whether it waited there (XEP-0203), where the client says so. */
  readonly serverId?: string;
  readonly late?: boolean;
}

/** What became of a message: corrected (XEP-0308, with the new text) or taken back (XEP-0424). */
export interface Change {
  /** Full address of who changed it: in a room with the nickname. */
  readonly from: string;
  readonly id: string;
  /** The new text; undefined: taken back. */
  readonly text: string | undefined;
}

export interface Driver {
  /** Connects, signs in with SCRAM over TLS, fetches the roster, enables carbons, sends presence. */
  signIn(): Promise<void>;
  /** Ends the stream in the orderly way. */
  signOut(): Promise<void>;
  /** Frees everything, whatever state it is in. */
  dispose(): Promise<void>;
  /** Adds a contact and asks to see its presence. */
  addContact(address: string): Promise<void>;
  /** Accepts a request that came from `address`, and asks back. */
  acceptContact(address: string): Promise<void>;
  /** Addresses whose requests wait for an answer. */
  requests(): readonly string[];
  /** Subscription states by address, as the server says now. */
  roster(): Promise<ReadonlyMap<string, string>>;
  /** Sends a chat message that asks for a receipt (XEP-0184); returns its id. */
  send(to: string, text: string): Promise<string>;
  heard(): readonly Heard[];
  /** Ids of messages for which a receipt came. */
  receipts(): readonly string[];
  /** Texts that came as carbon copies (XEP-0280), both directions. */
  carbons(): readonly string[];
  /** Texts of the archive (XEP-0313), oldest first. */
  history?(): Promise<readonly string[]>;
  /** Uploads (XEP-0363) and returns the address to download from. */
  upload?(name: string, content: Uint8Array, mediaType?: string): Promise<string>;
  /** Sends the address of a file as the clients that share files do: as body and as XEP-0066; returns the message's id. */
  sendLink(to: string, url: string): Promise<string>;
  /** Comes into a room (XEP-0045) without history; resolves at the own presence. */
  join(room: string, nick: string): Promise<void>;
  /** Says something in a room; returns the message's id. */
  say(room: string, text: string): Promise<string>;
  /** What was said in rooms: `from` is room and nickname. */
  heardInRooms(): readonly Heard[];
  /** Corrects an own message to a person or, with `inRoom`, to a room. */
  correct(to: string, id: string, text: string, inRoom?: boolean): Promise<void>;
  /** Takes it back: of a message in a room the id is the server's (XEP-0424 §3). */
  retract(to: string, id: string, inRoom?: boolean): Promise<void>;
  /** Changes that others have made. */
  changes(): readonly Change[];
  /** Shows this picture (PNG) to contacts (XEP-0084). */
  showPicture(png: Uint8Array): Promise<void>;
  /** Keeps the room among the bookmarks, in the format that the client knows (XEP-0402, or 0048 in 0049 or in a personal node). */
  bookmark(room: string, nick: string): Promise<void>;
  bookmarks(): Promise<readonly string[]>;
  /** Waits until the connection is back after a cut; true when the stream was resumed (XEP-0198), false when it is a new one. */
  reconnected?(): Promise<boolean>;
}

export type MakeDriver = (account: Account, network: Network) => Driver;

/** The address without its resource. */
export function bare(address: string): string {
  return address.split('/')[0] ?? '';
}
