/** XEP-0494: Client Access Management (urn:xmpp:cam:0). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { bounded, is, parseBoolean } from './decode.ts';

export interface ClientAccess {
  /** Names the client towards the server; says nothing to anybody else. */
  id: string;
  connected: boolean;
  type: 'session' | 'access';
  /** Milliseconds since 1970. */
  firstSeen?: number;
  lastSeen?: number;
  /** How it has got in. */
  auth: ('password' | 'grant' | 'fast')[];
  permission: 'unrestricted' | 'normal' | 'restricted';
  software?: string;
  uri?: string;
  device?: string;
  /** It is the one that asks (docs/protocol/devices.md). */
  current?: boolean;
}

const ID_LENGTH = 256;
const TEXT_LENGTH = 256;
const MANY = 1000;
const AUTH = ['password', 'grant', 'fast'] as const;
const PERMISSIONS = ['unrestricted', 'normal', 'restricted'] as const;

export function encodeClients(clients: readonly ClientAccess[]): Element {
  return el('clients', { xmlns: NS.clients }, ...clients.map(encodeClient));
}

function encodeClient(client: ClientAccess): Element {
  const text = (name: string, value: string | undefined): Element | undefined => (value === undefined ? undefined : el(name, null, value));
  const time = (name: string, ms: number | undefined): Element | undefined =>
    ms === undefined ? undefined : el(name, null, formatDateTime(ms));
  const agent = [text('software', client.software), text('uri', client.uri), text('device', client.device)];
  return el(
    'client',
    { connected: client.connected, id: client.id, type: client.type },
    time('first-seen', client.firstSeen),
    time('last-seen', client.lastSeen),
    el('auth', null, ...client.auth.map((name) => el(name))),
    el('permission', { status: client.permission }),
    agent.every((one) => one === undefined) ? undefined : el('user-agent', null, ...agent),
    client.current === true ? el('this', { xmlns: NS.devices }) : undefined,
  );
}

/** Clients that make no sense are left out. */
export function decodeClients(element: Element): ClientAccess[] | undefined {
  if (!is(element, 'clients', NS.clients)) return undefined;
  return element.childrenNamed('client', NS.clients).slice(0, MANY).flatMap(decodeClient);
}

function decodeClient(element: Element): ClientAccess[] {
  const id = bounded(element.attr('id'), ID_LENGTH);
  const type = element.attr('type');
  const status = element.child('permission', NS.clients)?.attr('status');
  const permission = PERMISSIONS.find((one) => one === status);
  if (!id || (type !== 'session' && type !== 'access') || permission === undefined) return [];
  const auth = element.child('auth', NS.clients);
  const agent = element.child('user-agent', NS.clients);
  const time = (name: string): number | undefined => parseDateTime(element.childText(name, NS.clients) ?? '');
  const text = (name: string): string | undefined => bounded(agent?.childText(name, NS.clients), TEXT_LENGTH);
  return [
    {
      id,
      connected: parseBoolean(element.attr('connected')) === true,
      type,
      firstSeen: time('first-seen'),
      lastSeen: time('last-seen'),
      auth: AUTH.filter((name) => auth?.child(name, NS.clients) !== undefined),
      permission,
      software: text('software'),
      uri: text('uri'),
      device: text('device'),
      ...(element.child('this', NS.devices) === undefined ? undefined : { current: true }),
    },
  ];
}

export function clientsRequest(): Element {
  return el('list', { xmlns: NS.clients });
}
export function revokeRequest(id: string): Element {
  return el('revoke', { xmlns: NS.clients, id });
}
