/** XEP-0215: services beside XMPP, from the configuration; and time-limited credentials for those that share a secret with this server. Pure. */
import type { ExternalService } from '@parley/protocol';

const TYPES: Readonly<Record<string, { readonly port: number; readonly transport: string }>> = {
  stun: { port: 3478, transport: 'udp' },
  stuns: { port: 5349, transport: 'tcp' },
  turn: { port: 3478, transport: 'udp' },
  turns: { port: 5349, transport: 'tcp' },
};
const URI = /^(stuns?|turns?):(\[[0-9a-fA-F:.]+\]|[^\s:?/@[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/;
const MANY = 32;

/** Reads `turn:turn.example:3478?transport=udp` (RFC 7064, RFC 7065), several separated by spaces; undefined when one is not of this form. */
export function readServices(text: string): readonly ExternalService[] | undefined {
  const services: ExternalService[] = [];
  for (const one of text.split(/\s+/)) {
    if (one === '') continue;
    const [, type, host, port, transport] = URI.exec(one) ?? [];
    if (type === undefined || host === undefined) return undefined;
    const usual = TYPES[type] as { port: number; transport: string };
    const number = port === undefined ? usual.port : Number(port);
    if (number < 1 || number > 65_535) return undefined;
    services.push({ host: host.replace(/^\[|\]$/g, ''), type, port: number, transport: transport ?? usual.transport });
  }
  return services.length > MANY ? undefined : services;
}

/** TURN relays traffic for whoever may; STUN only tells an address. */
export const needsCredentials = (service: Pick<ExternalService, 'type'>): boolean => service.type === 'turn' || service.type === 'turns';

/** Those that are meant by a request for credentials (§4): host and type must be the same, the port when it is given. */
export function matching(services: readonly ExternalService[], wanted: readonly ExternalService[]): readonly ExternalService[] {
  return services.filter((service) =>
    wanted.some(
      ({ host, type, port, transport }) =>
        service.host === host &&
        service.type === type &&
        (port === undefined || service.port === port) &&
        (transport === undefined || service.transport === transport),
    ),
  );
}

/** User name of the TURN REST scheme: when it ends, seconds since 1970, and who it is for. */
export const userName = (expiresAt: number, who: string): string => `${Math.floor(expiresAt / 1000)}:${who}`;

const keyOf = ({ type, host, port, transport }: ExternalService): string => `${type} ${host} ${port} ${transport}`;

/** What has become of the services, for a push (§3.3); `others`: their credentials are others now. */
export function changesOf(before: readonly ExternalService[], after: readonly ExternalService[], others: boolean): ExternalService[] {
  const was = new Set(before.map(keyOf));
  const is = new Set(after.map(keyOf));
  return [
    ...before.filter((one) => !is.has(keyOf(one))).map((one): ExternalService => ({ ...one, action: 'delete' })),
    ...after.filter((one) => !was.has(keyOf(one))).map((one): ExternalService => ({ ...one, action: 'add' })),
    ...after
      .filter((one) => was.has(keyOf(one)) && others && needsCredentials(one))
      .map((one): ExternalService => ({ ...one, action: 'modify' })),
  ];
}
