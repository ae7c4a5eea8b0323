/** XEP-0363: a slot is permission for one upload of known size and type. */
import { randomBytes } from 'node:crypto';
import { normalContentType, safeFilename } from './content-type.ts';
import { mediaPath, signedUploadPath, type UploadGrant } from './signing.ts';

export interface SlotRequest {
  readonly accountId: number;
  readonly filename: string;
  readonly bytes: number;
  readonly contentType?: string;
}

export interface UploadSlot {
  /** Absolute URLs. */
  readonly put: string;
  readonly get: string;
  /** Headers that the PUT must carry; none so far. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why there is no slot; `message` is a sentence for the person. */
export class SlotError extends Error {
  readonly code: 'too-large' | 'quota' | 'too-many' | 'bad-size';
  /** The limit that was hit, bytes (too-large and quota). */
  readonly limit: number | undefined;
  constructor(code: SlotError['code'], message: string, limit?: number) {
    super(message);
    this.name = 'SlotError';
    this.code = code;
    this.limit = limit;
  }
}

export interface UploadSlots {
  /** The largest file, bytes (XEP-0363 §4, max-file-size). */
  readonly maxFileBytes: number;
  /** Throws SlotError. */
  slot(request: SlotRequest): UploadSlot;
}

/** An unused slot can be used for this long. */
export const SLOT_MS = 900_000;
/** Slots of one account that wait for their upload. */
const PENDING_SLOTS = 200;

export interface UploadSlotsOptions {
  /** HMAC key, 32 bytes, from outside the database. */
  readonly key: Uint8Array;
  /** `https://chat.example`, without a slash at the end. */
  readonly baseUrl: () => string;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly maxFileBytes: number;
  /** Bytes of all files of an account. */
  readonly quotaBytes: number;
  /** Bytes that the account's files take now. */
  readonly used: (accountId: number) => number;
}

interface Pending {
  readonly bytes: number;
  /** Infinity while the upload is under way: what comes in slowly counts all the same. */
  readonly expiresAt: number;
}

/** What the media server tells of the uploads that came. */
export interface SlotBook extends UploadSlots {
  /** The upload has begun. */
  began(grant: UploadGrant): void;
  /** It broke off: the slot can be used until it expires. */
  failed(grant: UploadGrant): void;
  /** The file is there, and is counted by its record. */
  done(grant: UploadGrant): void;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

function mediaKey(): string {
  let key = '';
  for (const byte of randomBytes(32)) key += ALPHABET[byte & 31];
  return key;
}

/** Slots that wait for their upload, by account and key. */
export type PendingSlots = Map<number, Map<string, Pending>>;

/** Makes slots. Promised bytes count towards the quota until the upload came or the slot expired. `pending`: shared by the domains of a server. */
export function createUploadSlots(options: UploadSlotsOptions, pending: PendingSlots = new Map()): SlotBook {
  /** Of this account; forgets what expired. */
  const waiting = (accountId: number, now: number): { count: number; bytes: number } => {
    const slots = pending.get(accountId);
    let bytes = 0;
    for (const [key, slot] of slots ?? []) {
      if (slot.expiresAt <= now) slots?.delete(key);
      else bytes += slot.bytes;
    }
    if (slots?.size === 0) pending.delete(accountId);
    return { count: slots?.size ?? 0, bytes };
  };

  const remember = ({ accountId, key, bytes }: UploadGrant, expiresAt: number): void => {
    let slots = pending.get(accountId);
    if (slots === undefined) {
      slots = new Map();
      pending.set(accountId, slots);
    }
    slots.set(key, { bytes, expiresAt });
  };

  return {
    maxFileBytes: options.maxFileBytes,
    slot({ accountId, filename, bytes, contentType }) {
      if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new SlotError('bad-size', 'A file has at least one byte.');
      if (bytes > options.maxFileBytes)
        throw new SlotError('too-large', `Files may have at most ${options.maxFileBytes} bytes here.`, options.maxFileBytes);
      const now = options.now();
      const before = waiting(accountId, now);
      if (before.count >= PENDING_SLOTS)
        throw new SlotError('too-many', 'Too many uploads were asked for and not made. Try again in a few minutes.');
      if (options.used(accountId) + before.bytes + bytes > options.quotaBytes)
        throw new SlotError(
          'quota',
          'Your files would take more room than the server gives you. Older ones go with time.',
          options.quotaBytes,
        );
      const grant = {
        key: mediaKey(),
        accountId,
        bytes,
        contentType: normalContentType(contentType),
        filename: safeFilename(filename),
        expiresAt: now + SLOT_MS,
      };
      remember(grant, grant.expiresAt);
      const base = options.baseUrl();
      return { put: base + signedUploadPath(options.key, grant), get: base + mediaPath(grant.key, grant.filename), headers: {} };
    },
    began: (grant) => remember(grant, Number.POSITIVE_INFINITY),
    failed: (grant) => remember(grant, grant.expiresAt),
    done({ accountId, key }) {
      const slots = pending.get(accountId);
      slots?.delete(key);
      if (slots?.size === 0) pending.delete(accountId);
    },
  };
}
