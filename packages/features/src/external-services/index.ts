/** XEP-0215: External Service Discovery: where clients find STUN and TURN for calls, with credentials that end. */
import { ConfigError, defineFeature, defineSlot, type Session } from '@parley/core';
import {
  base64Encode,
  base64UrlEncode,
  decodeExternalCredentials,
  type ExternalService,
  encodeExternalCredentials,
  encodeExternalServices,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { utf8Encode } from '@parley/xml';
import { changesOf, matching, needsCredentials, readServices, userName } from './rules.ts';

/** The type that a device has asked for last, '' for all; it is told of changes then. */
const asked = defineSlot<string | undefined>('external-services', 'resume', undefined);
const ANSWER_MS = 30_000;
/** Devices that are told without a pause. */
const SLICE = 100;
const PAUSE_MS = 10;

/** Throws ConfigError. */
function servicesIn(text: string): readonly ExternalService[] {
  const services = readServices(text);
  if (services !== undefined) return services;
  throw new ConfigError(
    `features.external-services.services must be URIs such as stun:stun.example or turn:turn.example:3478?transport=udp, separated by spaces, not "${text}".`,
  );
}

export default defineFeature({
  name: 'external-services',
  about: 'Tells clients which STUN and TURN servers there are for calls, with credentials that are good for a time.',
  implements: [{ xep: 215, version: '1.0.0', status: 'complete' }],
  advertises: [NS.externalServices],
  options: {
    services: {
      reload: 'hot',
      type: 'string',
      default: '',
      about: 'STUN and TURN servers as URIs separated by spaces, such as turn:turn.example:3478?transport=udp.',
    },
    secret: {
      reload: 'hot',
      type: 'string',
      default: '',
      about: 'What the TURN servers share with this server (static-auth-secret of coturn); without it no credentials are given.',
    },
    credentialsTime: { reload: 'hot', type: 'duration', default: '12h', min: '1m', max: '7d', about: 'How long credentials are good.' },
  },
  check: (_host, config) => void servicesIn(config.services),
  setup(ctx) {
    const { config } = ctx;
    let services = servicesIn(config.services);
    let { secret } = config;
    ctx.onReload(() => {
      const now = servicesIn(config.services);
      const changes = changesOf(services, now, secret !== config.secret);
      services = now;
      secret = config.secret;
      if (changes.length > 0) push(changes, [...ctx.sessions()]);
    });

    /** §3.3: those who have asked are told, as far as they are here. In slices, with others between. */
    const push = (changes: readonly ExternalService[], sessions: Session[]): void => {
      for (const session of sessions.splice(0, SLICE)) {
        const type = session.get(asked);
        if (type === undefined || session.ended || !session.available || session.congested) continue;
        const wanted = type === '' ? changes : changes.filter((service) => service.type === type);
        if (wanted.length === 0) continue;
        const tell = async (): Promise<void> => {
          const list = await withCredentials(wanted, session.account, 'delete');
          await ctx.ask(session, encodeExternalServices(list, type === '' ? undefined : type), { type: 'set', timeoutMs: ANSWER_MS });
        };
        tell().catch((error: unknown) => {
          // Whoever does not take it asks again.
          if (!(error instanceof StanzaError)) ctx.log.error('external_services_not_told', { error });
        });
      }
      if (sessions.length > 0) ctx.clock.after(PAUSE_MS, () => push(changes, sessions));
    };

    /** Names that TURN servers and their logs see: the same for an account, and telling nothing of it. */
    const who = async (account: AccountRecord): Promise<string> =>
      base64UrlEncode(await ctx.crypto.hmac('SHA-256', utf8Encode(config.secret), utf8Encode(`account ${account.id}`))).slice(0, 16);
    /** With credentials where they are needed and can be made: HMAC-SHA1 over the name, under the shared secret (TURN REST). */
    const withCredentials = async (
      list: readonly ExternalService[],
      account: AccountRecord,
      not?: ExternalService['action'],
    ): Promise<ExternalService[]> => {
      const gone = (service: ExternalService): boolean => not !== undefined && service.action === not;
      if (config.secret === '' || !list.some(needsCredentials))
        return list.map((service) => (needsCredentials(service) && !gone(service) ? { ...service, restricted: true } : service));
      const expires = Math.floor((ctx.clock.now() + config.credentialsTime) / 1000) * 1000;
      const username = userName(expires, await who(account));
      const password = base64Encode(await ctx.crypto.hmac('SHA-1', utf8Encode(config.secret), utf8Encode(username)));
      return list.map((service) =>
        needsCredentials(service) && !gone(service) ? { ...service, username, password, restricted: true, expires } : service,
      );
    };

    ctx.iq('get', 'host', { name: 'services', ns: NS.externalServices }, async ({ from, payload }) => {
      const type = payload.attr('type');
      from.set(asked, type?.slice(0, 64) ?? '');
      const wanted = type === undefined ? services : services.filter((service) => service.type === type);
      return encodeExternalServices(await withCredentials(wanted, from.account), type);
    });
    ctx.iq('get', 'host', { name: 'credentials', ns: NS.externalServices }, async ({ from, payload }) => {
      const wanted = decodeExternalCredentials(payload);
      if (wanted === undefined || wanted.length === 0)
        throw new StanzaError('bad-request', { text: 'Which service? It has a host and a type.' });
      const found = matching(services, wanted);
      if (found.length === 0) throw new StanzaError('item-not-found');
      if (config.secret === '' && found.some(needsCredentials))
        throw new StanzaError('not-authorized', { text: 'The operator gives out no credentials.' });
      return encodeExternalCredentials(await withCredentials(found, from.account));
    });
  },
});
