import type { Element } from '@parley/xml';
import { ChatError } from '../errors.ts';
import { unsubscriber } from '../observable.ts';
import type { RawXmpp } from '../types.ts';
import type { Connection } from './connection.ts';
import type { Session } from './session.ts';

/** The escape hatch; `listeners` are called by the client for every stanza. */
export function rawXmpp(connection: Connection, listeners: Set<(stanza: Element) => void>): RawXmpp {
  const online = (): Session => {
    const { session } = connection;
    if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
    return session;
  };
  return {
    send: (stanza) => online().send(stanza),
    iq: async (request, options) => online().iq(request, options?.timeoutMs),
    onStanza: (listener) => {
      const entry = (stanza: Element): void => listener(stanza);
      listeners.add(entry);
      return unsubscriber(() => listeners.delete(entry));
    },
    get address() {
      return connection.online ? connection.session?.address : undefined;
    },
  };
}
