/** XEP-0227: Portable Import/Export Format, with what it has no words for (rooms, uploaded files) in a namespace of ours. */
import type { Element } from '@parley/xml';

export const PIE = 'urn:xmpp:pie:0';
export const PIE_SCRAM = 'urn:xmpp:pie:0#scram';
export const PIE_MAM = 'urn:xmpp:pie:0#mam';
/** docs/protocol/transfer.md. */
export const TRANSFER = 'urn:parley:transfer:0';
export const XINCLUDE = 'http://www.w3.org/2001/XInclude';
export const PRIVACY = 'jabber:iq:privacy';
export const PUBSUB = 'http://jabber.org/protocol/pubsub';
export const PUBSUB_OWNER = 'http://jabber.org/protocol/pubsub#owner';

/** What was written or read; the names are for people. */
export interface TransferCounts {
  accounts: number;
  contacts: number;
  requests: number;
  vCards: number;
  privateElements: number;
  blocked: number;
  conversations: number;
  nodes: number;
  items: number;
  nodeAffiliations: number;
  nodeSubscriptions: number;
  offline: number;
  archived: number;
  files: number;
  fileBytes: number;
  /** E-mail addresses, phone numbers, accounts elsewhere. */
  identifiers: number;
  /** Devices with Web Push, and app servers (XEP-0357). */
  pushRegistrations: number;
  rooms: number;
  roomAffiliations: number;
  roomMessages: number;
  serviceNodes: number;
  serviceItems: number;
}
export const noCounts = (): TransferCounts => ({
  accounts: 0,
  contacts: 0,
  requests: 0,
  vCards: 0,
  privateElements: 0,
  blocked: 0,
  conversations: 0,
  nodes: 0,
  items: 0,
  nodeAffiliations: 0,
  nodeSubscriptions: 0,
  offline: 0,
  archived: 0,
  files: 0,
  fileBytes: 0,
  identifiers: 0,
  pushRegistrations: 0,
  rooms: 0,
  roomAffiliations: 0,
  roomMessages: 0,
  serviceNodes: 0,
  serviceItems: 0,
});

/** Wrappers that are entered, so that what they hold comes one by one. `around`: names of those around it. */
export function isWrapper({ name, ns }: Element, around: readonly string[]): boolean {
  switch (around.at(-1)) {
    case undefined:
      return true;
    case 'server-data':
      return ns === PIE && name === 'host';
    case 'host':
      return (ns === PIE && name === 'user') || (ns === TRANSFER && (name === 'rooms' || name === 'nodes'));
    case 'nodes':
      return ns === PUBSUB && name === 'pubsub';
    case 'user':
      // What a user has many of.
      return (
        (name === 'offline-messages' && ns === PIE) ||
        (name === 'archive' && ns === PIE_MAM) ||
        (name === 'pubsub' && ns === PUBSUB) ||
        (name === 'uploads' && ns === TRANSFER)
      );
    case 'rooms':
      return ns === TRANSFER && name === 'room';
    case 'room':
      return ns === PIE_MAM && name === 'archive';
    case 'pubsub':
      return ns === PUBSUB && name === 'items';
    default:
      return false;
  }
}
