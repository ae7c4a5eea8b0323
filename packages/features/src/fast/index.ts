/** XEP-0484: tokens, with which a device signs in again in one round trip and without its password. */
import { accountKeysChanged, defineFeature, foreignSignIn, HANDLED, json, sasl2Features, signedIn } from '@parley/core';
import {
  base64Encode,
  decodeFastRequest,
  decodeFastUse,
  encodeFastToken,
  fastFeature,
  HtServer,
  htMechanism,
  Jid,
  NS,
  parseHashedToken,
  SaslError,
} from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { afterUse, type DeviceTokens, isDue, judgeUse, type TokenRow } from './rules.ts';
import { tokens as tokensService } from './service.ts';

/** Best first. */
const HASHES = ['SHA-512', 'SHA-256'];
const NONCE_BYTES = 16;
/** Stands for accounts and tokens that are not there, so that looking takes as long. */
const NOBODY: AccountRecord = { id: 0, localpart: '', domain: '', createdAt: 0, disabled: true, credentials: '{}' };
const NO_TOKEN: TokenRow = { mechanism: '', nonce: '', issuedAt: 0, expiry: 0, count: 0 };

function mechanismsFor(bindings: readonly string[]): string[] {
  const kinds = [bindings.includes('tls-exporter') ? 'EXPR' : '', bindings.includes('tls-server-end-point') ? 'ENDP' : '', 'NONE'];
  return kinds.filter((kind) => kind !== '').flatMap((kind) => HASHES.map((hash) => `HT-${hash}-${kind}`));
}

export default defineFeature({
  name: 'fast',
  about: 'Gives each device a token, with which it signs in again in one round trip and without keeping the password.',
  implements: [
    { xep: 484, version: '0.2.0', status: 'complete', note: 'the count is checked on every connection; TLS early data is not accepted' },
  ],
  provides: [tokensService],
  options: {
    lifetime: {
      reload: 'hot',
      type: 'duration',
      default: '30d',
      min: '1m',
      max: '365d',
      about: 'How long a token is good for a device that does not come.',
    },
    rotateAfter: {
      reload: 'hot',
      type: 'duration',
      default: '1d',
      min: '0s',
      max: '365d',
      about: 'Age at which a token that is used is replaced by a new one.',
    },
  },
  setup(ctx) {
    const { crypto } = ctx;
    /** Owner: the account; key: the device. */
    const table = ctx.table('fast_tokens', json<DeviceTokens>());
    const key = ctx.secret('token');

    /**
     * The token itself: an HMAC under a key that lives outside the database. The password's keys are part of it, so a change of the
     * password ends every token in the same commit.
     */
    const tokenOf = (account: AccountRecord, device: string, row: TokenRow): Awaitable<string> => {
      const mark = account === NOBODY ? '' : ctx.accounts.keysMark(account);
      const text = [account.id, device, row.mechanism, row.nonce, row.expiry, mark].join('\n');
      return whenReady(key, (secret) => whenReady(crypto.hmac('SHA-256', secret, utf8Encode(text)), base64Encode));
    };
    /** Device ids are the clients' own words: of one account only so many are remembered, those of the newest tokens. */
    const makeRoom = (account: number): Awaitable<void> =>
      whenReady(table.list(account), (rows) => {
        const issued = ({ current, next }: DeviceTokens): number => Math.max(current?.issuedAt ?? 0, next?.issuedAt ?? 0);
        const most = ctx.limits.devicesPerAccount;
        if (rows.length < most) return;
        rows.sort((a, b) => issued(a.value) - issued(b.value));
        for (const { key: device } of rows.slice(0, rows.length - most + 1)) table.delete(account, device);
      });

    /** Makes the device's next token; `row` is what it has. §3.5: one that was given before and never used is forgotten. */
    const issue = (
      account: AccountRecord,
      device: string,
      mechanism: string,
      row: DeviceTokens | undefined,
      ends: number | undefined,
    ): Awaitable<{ token: string; expiry: number }> => {
      const now = ctx.clock.now();
      const nonce = base64Encode(ctx.random.bytes(NONCE_BYTES));
      const room = row === undefined ? makeRoom(account.id) : undefined;
      const expiry = Math.min(now + ctx.config.lifetime, ends ?? Number.POSITIVE_INFINITY);
      const next: TokenRow = { mechanism, nonce, issuedAt: now, expiry, ...(ends === undefined ? {} : { ends }), count: 0 };
      return whenReady(room, () => {
        table.set(account.id, device, row?.current === undefined ? { next } : { current: row.current, next });
        return whenReady(tokenOf(account, device, next), (token) => ({ token, expiry: next.expiry }));
      });
    };

    const accountOf = (username: string): Awaitable<AccountRecord | undefined> => {
      const jid = Jid.tryParse(`${username}@${ctx.host}`);
      return jid === undefined || jid.domain !== ctx.host || jid.resource !== '' ? undefined : ctx.accounts.get(jid.local);
    };

    ctx.on(sasl2Features, 'offer', ({ bindings, inline }) => void inline.push(fastFeature(mechanismsFor(bindings))));

    ctx.on(foreignSignIn, 'check', (event) => {
      const mechanism = htMechanism(event.mechanism);
      if (mechanism === undefined) return;
      const refuse = (refused: 'malformed-request' | 'not-authorized' | 'credentials-expired'): typeof HANDLED => {
        event.outcome = { refused };
        return HANDLED;
      };
      const binding = mechanism.binding === undefined ? undefined : event.channelBinding(mechanism.binding);
      if (mechanism.binding !== undefined && binding === undefined) return;
      const element = event.request.child('fast', NS.fast);
      const use = element === undefined ? undefined : decodeFastUse(element);
      const device = event.agent?.id;
      // §4.1: both are a must.
      if (use === undefined || device === undefined || event.data === undefined) return refuse('malformed-request');
      let username: string;
      let hash: Uint8Array;
      try {
        ({ username, hash } = parseHashedToken(event.data));
      } catch (error) {
        if (error instanceof SaslError) return refuse('malformed-request');
        throw error;
      }
      const server = new HtServer(crypto, mechanism, binding);
      return whenReady(accountOf(username), (found) => {
        const account = found === undefined || found.disabled ? NOBODY : found;
        return whenReady(table.get(account.id, device), (row) => {
          const tokens = row ?? {};
          // Both slots are always looked at: nothing tells by time which one is there.
          const check = (slot: TokenRow | undefined): Awaitable<{ right: boolean; token: string }> =>
            whenReady(tokenOf(account, device, slot ?? NO_TOKEN), (token) =>
              whenReady(server.matches(token, hash), (right) => ({ right: right && slot !== undefined && account !== NOBODY, token })),
            );
          return whenReady(check(tokens.next), (next) =>
            whenReady(check(tokens.current), (current) => {
              const slot = next.right ? 'next' : current.right ? 'current' : undefined;
              if (slot === undefined) return refuse('not-authorized');
              const verdict = judgeUse(tokens[slot] as TokenRow, { mechanism: mechanism.name, count: use.count, now: ctx.clock.now() });
              if (verdict !== 'good') return refuse(verdict === 'expired' ? 'credentials-expired' : 'not-authorized');
              if (use.invalidate) table.delete(account.id, device);
              else if (slot === 'next' || use.count !== undefined) table.set(account.id, device, afterUse(tokens, slot, use.count));
              return whenReady(server.answer(slot === 'next' ? next.token : current.token), (answer) => {
                event.outcome = { account, data: base64Encode(answer) };
                return HANDLED;
              });
            }),
          );
        });
      });
    });

    ctx.on(signedIn, 'issue', (event) => {
      const { account, agent, request } = event;
      const device = agent?.id;
      if (device === undefined) return;
      const asked = request.child('request-token', NS.fast);
      const wanted = asked === undefined ? undefined : decodeFastRequest(asked);
      const used = htMechanism(event.mechanism) !== undefined;
      if (wanted === undefined && (!used || request.child('fast', NS.fast)?.attr('invalidate') !== undefined)) return;
      return whenReady(table.get(account.id, device), (row) => {
        const current = row?.current;
        const due = used && current !== undefined && isDue(current, ctx.clock.now(), ctx.config.rotateAfter);
        const mechanism = wanted ?? (due ? current.mechanism : undefined);
        if (mechanism === undefined || !mechanismsFor(event.bindings).includes(mechanism)) return;
        return whenReady(
          issue(account, device, mechanism, row, used ? current?.ends : undefined),
          (made) => void event.results.push(encodeFastToken(made)),
        );
      });
    });

    // They are of no use any more; this is for tidiness.
    ctx.on(accountKeysChanged, 'clean', ({ account }) => table.deleteOwner(account.id));

    ctx.provide(tokensService, {
      has: (account, device) =>
        whenReady(table.get(account.id, device), (row) => {
          const now = ctx.clock.now();
          return [row?.current, row?.next].some((token) => token !== undefined && token.expiry > now);
        }),
      issue: (account, device, mechanism, ends) =>
        whenReady(table.get(account.id, device), (row) => issue(account, device, mechanism, row, ends)),
      endOf: (account, device) => whenReady(table.get(account.id, device), (row) => (row?.current ?? row?.next)?.ends),
      revoke: (account, device) => table.delete(account.id, device),
    });
  },
});
