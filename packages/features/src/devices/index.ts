/** XEP-0494: what has access to an account, and signing it out from afar. */
import { accountKeysChanged, defineFeature, HourlyLimit, json, type Session, signedIn } from '@parley/core';
import { base64Encode, type ClientAccess, encodeClients, htMechanism, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { el, utf8Encode } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { tokens } from '../fast/service.ts';
import { afterSignIn, type DeviceRow, toForget } from './rules.ts';

export default defineFeature({
  name: 'devices',
  about: 'Shows a user the devices that have access to the account and when they were last here, and signs them out.',
  implements: [{ xep: 494, version: '0.1.0', status: 'complete' }],
  advertisesOnAccounts: [NS.clients, NS.devices],
  options: {
    remembered: {
      reload: 'hot',
      type: 'integer',
      default: 50,
      min: 1,
      max: 1000,
      about: 'Devices that are remembered for an account; the one seen longest ago makes room.',
    },
  },
  setup(ctx) {
    /** Owner: the account; key: the id that the client gave itself (XEP-0388). */
    const table = ctx.table('devices', json<DeviceRow>());
    const key = ctx.secret('client');
    const asked = new HourlyLimit(600);
    const bareOf = (account: AccountRecord): string => `${account.localpart}@${account.domain}`;
    /** What the device is called towards its owner: its own id is a part of what it signs in with. */
    const nameOf = (account: AccountRecord, device: string): Awaitable<string> =>
      whenReady(key, (secret) =>
        whenReady(ctx.crypto.hmac('SHA-256', secret, utf8Encode(`${account.id} ${device}`)), (hash) =>
          base64Encode(hash.subarray(0, 12)).replaceAll('+', '-').replaceAll('/', '_'),
        ),
      );
    const sessionsOf = (account: AccountRecord, device: string): Session[] =>
      [...ctx.sessionsOf(bareOf(account))].filter((session) => session.device === device);

    ctx.on(signedIn, 'watch', ({ account, agent, mechanism }) => {
      const device = agent?.id;
      if (device === undefined) return;
      return whenReady(table.get(account.id, device), (row) => {
        const byPassword = htMechanism(mechanism) === undefined;
        const next = afterSignIn(row, { software: agent?.software, device: agent?.device, byPassword, now: ctx.clock.now() });
        if (next === undefined) return;
        table.set(account.id, device, next);
        if (row !== undefined) return;
        return whenReady(table.list(account.id), (rows) => {
          for (const old of toForget(rows, ctx.config.remembered)) {
            ctx.find(tokens)?.revoke(account, old);
            table.delete(account.id, old);
          }
        });
      });
    });
    // With another password none of them has one any more.
    ctx.on(accountKeysChanged, 'clean', ({ account }) =>
      whenReady(table.list(account.id), (rows) => {
        for (const { key, value } of rows) if (value.password) table.set(account.id, key, { ...value, password: false });
      }),
    );

    /** Everything that has access: what signed in by SASL2, and what has a resource of its own. */
    const devicesOf = async (account: AccountRecord): Promise<Map<string, Partial<DeviceRow>>> => {
      const all = new Map<string, Partial<DeviceRow>>();
      for (const { device, seenAt } of await ctx.mailboxes.store.cursors(account.id)) all.set(device, { lastSeen: seenAt, password: true });
      for (const session of ctx.sessionsOf(bareOf(account)))
        if (session.device !== '') all.set(session.device, { firstSeen: session.boundAt, lastSeen: session.boundAt, password: true });
      for (const { key, value } of await table.list(account.id)) all.set(key, value);
      return all;
    };

    ctx.iq('get', 'account', { name: 'list', ns: NS.clients }, async ({ account, from }) => {
      if (asked.take(String(account.id), ctx.clock.now()) > 0) throw new StanzaError('resource-constraint', { type: 'wait' });
      const clients: ClientAccess[] = [];
      for (const [device, row] of await devicesOf(account)) {
        const connected = sessionsOf(account, device).length > 0;
        const fast = (await ctx.find(tokens)?.has(account, device)) === true;
        clients.push({
          id: await nameOf(account, device),
          connected,
          type: 'session',
          firstSeen: row.firstSeen,
          lastSeen: connected ? ctx.clock.now() : row.lastSeen,
          auth: [...(row.password === true ? (['password'] as const) : []), ...(fast ? (['fast'] as const) : [])],
          permission: 'unrestricted',
          software: row.software,
          device: row.device,
          ...(device === from.device ? { current: true } : undefined),
        });
      }
      return encodeClients(clients.sort((a, b) => (b.lastSeen ?? 0) - (a.lastSeen ?? 0)));
    });

    /** Of what waits for it nothing is kept any more (D9). */
    const forget = (account: AccountRecord, device: string): Promise<void> =>
      ctx.forgetDevice(account, device).catch((error: unknown) => ctx.log.error('device_not_forgotten', { account: account.id, error }));

    // docs/protocol/devices.md: the asking device itself, which need not know what it is called.
    ctx.iq('set', 'account', { name: 'sign-out', ns: NS.devices }, async ({ account, from }) => {
      const { device } = from;
      if (device === '') throw new StanzaError('item-not-found', { text: 'This device has no name that could be forgotten.' });
      ctx.find(tokens)?.revoke(account, device);
      table.delete(account.id, device);
      await new Promise<void>((resolve, reject) => ctx.afterCommit(resolve, reject));
      ctx.log.info('device_signed_out', { account: account.id });
      ctx.clock.soon(() => void forget(account, device));
    });

    ctx.iq('set', 'account', { name: 'revoke', ns: NS.clients }, async ({ account, payload, from }) => {
      const wanted = payload.attr('id') ?? '';
      for (const [device, row] of await devicesOf(account)) {
        if ((await nameOf(account, device)) !== wanted) continue;
        ctx.find(tokens)?.revoke(account, device);
        table.delete(account.id, device);
        await new Promise<void>((resolve, reject) => ctx.afterCommit(resolve, reject));
        ctx.log.info('device_signed_out', { account: account.id });
        // The answer first, should it be the asking device itself.
        ctx.clock.soon(() => void forget(account, device));
        // §3.2: what knows the password cannot be kept out for good without changing it.
        if (row.password === true && device !== from.device)
          throw new StanzaError('service-unavailable', {
            text: 'The device was signed out. It knows the password: change that to keep it out.',
            extra: el('password-reset-required', { xmlns: NS.clients }),
          });
        return;
      }
      throw new StanzaError('item-not-found');
    });
  },
});
