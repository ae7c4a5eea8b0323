/** Upload addresses carry their own permission: an HMAC over everything that was granted, under a key outside the database. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What one PUT is allowed to do. */
export interface UploadGrant {
  /** Names the file for good: 32 characters of [a-z2-7], 160 random bits. */
  readonly key: string;
  readonly accountId: number;
  /** Exact length. */
  readonly bytes: number;
  readonly contentType: string;
  readonly filename: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

export const MEDIA_KEY = /^[a-z2-7]{32}$/;

function mac(key: Uint8Array, grant: UploadGrant): Buffer {
  // JSON of an array: no two grants have the same text.
  const text = JSON.stringify(['put', grant.key, grant.accountId, grant.bytes, grant.contentType, grant.filename, grant.expiresAt]);
  return createHmac('sha256', key).update(text).digest();
}

/** Path and query of the PUT. The file's own address is the path alone. */
export function signedUploadPath(signingKey: Uint8Array, grant: UploadGrant): string {
  const query = new URLSearchParams({
    account: String(grant.accountId),
    bytes: String(grant.bytes),
    type: grant.contentType,
    expires: String(grant.expiresAt),
    mac: mac(signingKey, grant).toString('base64url'),
  });
  return `${mediaPath(grant.key, grant.filename)}?${query}`;
}

export function mediaPath(key: string, filename: string): string {
  return `/media/${key}/${encodeURIComponent(filename)}`;
}

/** The grant in a request, or undefined when anything about it is not as it was signed. Expiry is for the caller to look at. */
export function verifyUpload(
  signingKey: Uint8Array,
  key: string,
  filename: string,
  query: Readonly<Record<string, unknown>>,
): UploadGrant | undefined {
  const { account, bytes, type, expires, mac: given } = query;
  if (!MEDIA_KEY.test(key) || typeof type !== 'string' || typeof given !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(given)) return undefined;
  const grant: UploadGrant = {
    key,
    filename,
    contentType: type,
    accountId: integer(account),
    bytes: integer(bytes),
    expiresAt: integer(expires),
  };
  if (Number.isNaN(grant.accountId + grant.bytes + grant.expiresAt)) return undefined;
  return timingSafeEqual(mac(signingKey, grant), Buffer.from(given, 'base64url')) ? grant : undefined;
}

function integer(text: unknown): number {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
