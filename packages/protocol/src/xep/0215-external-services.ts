/** XEP-0215: External Service Discovery. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { is, parseBoolean, parseWhole } from './decode.ts';

export interface ExternalService {
  host: string;
  /** `stun`, `turn`, `turns` … */
  type: string;
  port?: number;
  transport?: string;
  name?: string;
  username?: string;
  password?: string;
  /** Credentials are needed. */
  restricted?: boolean;
  /** Until when the credentials are good, ms since 1970. */
  expires?: number;
  /** In a push: what has become of it (§3.1); `add` when absent. */
  action?: 'add' | 'delete' | 'modify';
}
const MANY = 64;

function encodeService(service: ExternalService): Element {
  const { host, type, port, transport, name, username, password, restricted, expires, action } = service;
  return el('service', {
    action,
    host,
    type,
    port,
    transport,
    name,
    username,
    password,
    restricted,
    expires: expires === undefined ? undefined : formatDateTime(expires),
  });
}
function decodeServices(parent: Element): ExternalService[] | undefined {
  const list = parent.childrenNamed('service', NS.externalServices);
  if (list.length > MANY) return undefined;
  const services: ExternalService[] = [];
  for (const one of list) {
    const [host, type, transport, name, username, password] = ['host', 'type', 'transport', 'name', 'username', 'password'].map((key) =>
      one.attr(key),
    );
    const [port, expires] = [one.attr('port'), one.attr('expires')];
    if (host === undefined || host === '' || type === undefined || type === '') return undefined;
    const number = parseWhole(port, 65_535);
    if (port !== undefined && number === undefined) return undefined;
    services.push({
      host,
      type,
      port: number,
      transport,
      name,
      username,
      password,
      restricted: parseBoolean(one.attr('restricted')),
      expires: expires === undefined ? undefined : parseDateTime(expires),
    });
  }
  return services;
}

export function encodeExternalServices(services: readonly ExternalService[], type?: string): Element {
  return el('services', { xmlns: NS.externalServices, type }, ...services.map(encodeService));
}
/** Undefined when a service has no host or type, or there are more than 64. */
export function decodeExternalServices(element: Element | undefined): ExternalService[] | undefined {
  return is(element, 'services', NS.externalServices) ? decodeServices(element) : undefined;
}
export function encodeExternalCredentials(services: readonly ExternalService[]): Element {
  return el('credentials', { xmlns: NS.externalServices }, ...services.map(encodeService));
}
/** The services whose credentials are asked for, or told. */
export function decodeExternalCredentials(element: Element | undefined): ExternalService[] | undefined {
  return is(element, 'credentials', NS.externalServices) ? decodeServices(element) : undefined;
}
