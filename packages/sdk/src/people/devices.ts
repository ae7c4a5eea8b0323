import { NS, parseDateTime } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Context } from '../context.ts';
import { online } from '../groups/group.ts';
import { MAX_ID_LENGTH, MAX_NAME_LENGTH } from '../messages/limits.ts';
import { DEVICES } from '../sync/features.ts';
import type { Device, Devices } from '../types.ts';

const MAX_DEVICES = 1_000;

/** What has access to the account, and signing it out from afar (XEP-0494). */
export class DeviceList implements Devices {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async list(): Promise<readonly Device[]> {
    const result = await online(this.#context).iq(el('iq', { type: 'get' }, el('list', { xmlns: DEVICES })));
    const clients = result.child('clients', DEVICES)?.childrenNamed('client', DEVICES) ?? [];
    return clients.slice(0, MAX_DEVICES).flatMap((client) => {
      const id = client.attr('id') ?? '';
      if (id === '' || id.length > MAX_ID_LENGTH) return [];
      const agent = client.child('user-agent', DEVICES);
      const text = (name: string): string => (agent?.childText(name, DEVICES) ?? '').slice(0, MAX_NAME_LENGTH);
      const time = (name: string): number | undefined => parseDateTime(client.childText(name, DEVICES) ?? '');
      return [
        Object.freeze({
          id,
          software: text('software'),
          name: text('device'),
          connected: client.attr('connected') === 'true' || client.attr('connected') === '1',
          firstSeenAt: time('first-seen'),
          lastSeenAt: time('last-seen'),
          current: client.child('this', NS.devices) !== undefined,
        }),
      ];
    });
  }

  async signOut(id: string): Promise<void> {
    await online(this.#context).iq(el('iq', { type: 'set' }, el('revoke', { xmlns: DEVICES, id })));
  }
}

/** The account leaves this device: the server, when it can be reached, need not wait for it any more (docs/protocol/devices.md). */
export function leaveDevice(context: Context): void {
  const { session } = context.connection;
  if (session?.online !== true || !context.features().devices) return;
  session.send(el('iq', { type: 'set', id: context.newId() }, el('sign-out', { xmlns: NS.devices })));
}
