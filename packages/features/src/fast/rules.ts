/** When a token of XEP-0484 is good, and when a new one is due. Nothing here knows a secret. */

/** What is kept of a token: enough to make it again with the server's key, of no use without. */
export interface TokenRow {
  /** The SASL mechanism it was asked for (§3.4: no other one may use it). */
  readonly mechanism: string;
  readonly nonce: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiry: number;
  /** When whatever let the device in ends; no token that follows this one is good for longer. */
  readonly ends?: number;
  /** The highest count that was used with it; 0 when none was. */
  readonly count: number;
}

/** The two tokens that a device may have at a time (§5.1): the one it uses, and one that it may not have got. */
export interface DeviceTokens {
  readonly current?: TokenRow;
  readonly next?: TokenRow;
}

/** One use of a token, its proof being right. */
export interface TokenUse {
  readonly mechanism: string;
  readonly count: number | undefined;
  readonly now: number;
}

/**
 * Whether this use is allowed. A token that was used with a count needs a higher one from then on: without this a replay would only have to
 * leave the count out (§3.4).
 */
export function judgeUse(token: TokenRow, { mechanism, count, now }: TokenUse): 'good' | 'expired' | 'refused' {
  if (token.mechanism !== mechanism) return 'refused';
  if (token.count > 0 && (count === undefined || count <= token.count)) return 'refused';
  return now >= token.expiry ? 'expired' : 'good';
}

/** What is kept after a good use: the token used is the current one, with its count; an older one is gone (§3.5). */
export function afterUse(tokens: DeviceTokens, slot: 'current' | 'next', count: number | undefined): DeviceTokens {
  const used = tokens[slot] as TokenRow;
  const current = count === undefined ? used : { ...used, count };
  return slot === 'next' || tokens.next === undefined ? { current } : { current, next: tokens.next };
}

/** A token that is being used and old enough is replaced (§3.5). */
export function isDue(token: TokenRow, now: number, rotateMs: number): boolean {
  return now - token.issuedAt >= rotateMs;
}
