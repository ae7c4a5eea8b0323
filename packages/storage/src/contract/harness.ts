import type { MailboxCopy, Storage, StorageError } from '../kinds/index.ts';

/** What a storage engine gives the suite. */
export interface StorageContractTarget {
  readonly storage: Storage;
  /** Closes and opens the same data anew. */
  reopen(): Promise<Storage>;
  /** Lets the engine do now what it does behind the log (an index of text). */
  index?(): void | Promise<void>;
  close(): Promise<void>;
}

export type OpenStorage = () => Promise<StorageContractTarget>;

const encoder = new TextEncoder();
export const ANN = 11;
export const BOB = 12;

/** The stanza of a position, recognisable. */
export function stanza(seq: number): Uint8Array {
  return encoder.encode(`<message id="m${seq}"><body>text ${seq}</body></message>`);
}

/** Appends a message from Ann to a peer, stored in Ann's mailbox and, for Bob, in his. Time is 1000 times the position. */
export function send(storage: Storage, seq: number, options: { to?: string; originId?: string; at?: number } = {}): void {
  const { to = 'bob@chat.example', originId, at = seq * 1000 } = options;
  const copies: MailboxCopy[] = [{ mailbox: ANN, peer: to, outgoing: true, device: 'phone', originId }];
  if (to === 'bob@chat.example') copies.push({ mailbox: BOB, peer: 'ann@chat.example', outgoing: false });
  storage.mailboxes.append({ seq, at, stanza: stanza(seq) }, copies);
}

/** Resolves when everything written so far is durable, rejects when it was refused. */
export function committed(storage: Storage): Promise<void> {
  return new Promise((resolve, reject) => storage.afterCommit(resolve, (error: StorageError) => reject(error)));
}

export async function seqs(
  storage: Storage,
  mailbox: number,
  query: Partial<Parameters<Storage['mailboxes']['read']>[1]> = {},
): Promise<number[]> {
  return (await storage.mailboxes.read(mailbox, { limit: 1000, ...query })).map((entry) => entry.seq);
}

/** Numbers from first to last. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
