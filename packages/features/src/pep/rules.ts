/** Who may do what with a node (XEP-0060 §4.1, §4.5, §6.5.1; XEP-0163 §4). Pure. */
import { pubsubError, StanzaError } from '@parley/protocol';
import type { NodeConfig } from './config.ts';

export type Affiliation = 'owner' | 'publisher' | 'member' | 'outcast' | 'none';
/** Affiliations that an owner can give; there is one owner, the account itself. */
export const GIVEN_AFFILIATIONS: readonly string[] = ['publisher', 'member', 'outcast', 'none'];

/** Somebody who asks, as the node sees them. */
export interface Visitor {
  readonly affiliation: Affiliation;
  /** Has an explicit subscription that is in force. */
  readonly subscribed: boolean;
  /** May see the presence of the owner (subscription `from` or `both` in the owner's roster). */
  readonly contact: boolean;
  /** Groups of the owner's roster that they are in. */
  readonly groups: readonly string[];
}

type Why = 'outcast' | 'presence' | 'roster' | 'authorize' | 'whitelist';

/** Undefined when the items may be read, and events received. */
export function whyNotRead(config: NodeConfig, visitor: Visitor): Why | undefined {
  const { affiliation } = visitor;
  if (affiliation === 'outcast') return 'outcast';
  if (affiliation !== 'none') return undefined;
  switch (config.access_model) {
    case 'open':
      return undefined;
    case 'presence':
      return visitor.contact ? undefined : 'presence';
    case 'roster':
      return visitor.contact && visitor.groups.some((group) => config.roster_groups_allowed.includes(group)) ? undefined : 'roster';
    case 'authorize':
      return visitor.subscribed ? undefined : 'authorize';
    case 'whitelist':
      return 'whitelist';
  }
}

/**
 * The refusal as XEP-0060 §6.1.3 and §6.5.9 have it. To strangers there is no difference between a node that is not for them, one that
 * is not there, and an account that is not there: whether somebody has an account is nobody's business (XEP-0030 §8).
 */
export function refusal(why: Why | 'missing', visitor: Visitor): StanzaError {
  if (!visitor.contact && visitor.affiliation === 'none' && !visitor.subscribed) return new StanzaError('service-unavailable');
  switch (why) {
    case 'missing':
      return new StanzaError('item-not-found');
    case 'outcast':
      return new StanzaError('forbidden');
    case 'presence':
      return pubsubError('not-authorized', 'presence-subscription-required');
    case 'roster':
      return pubsubError('not-authorized', 'not-in-roster-group');
    case 'authorize':
      return pubsubError('not-authorized', 'not-subscribed');
    case 'whitelist':
      return pubsubError('not-allowed', 'closed-node');
  }
}

export function mayPublish(config: NodeConfig, visitor: Visitor): boolean {
  const { affiliation } = visitor;
  if (affiliation === 'owner' || affiliation === 'publisher') return true;
  if (affiliation === 'outcast' || whyNotRead(config, visitor) !== undefined) return false;
  return config.publish_model === 'open' || (config.publish_model === 'subscribers' && visitor.subscribed);
}

/** How many items a node keeps; `most` is what the server allows. */
export function capacity(config: NodeConfig, most: number): number {
  if (!config.persist_items) return 0;
  return config.max_items === 'max' ? most : Math.min(config.max_items, most);
}

export function expired(config: NodeConfig, at: number, now: number): boolean {
  return config.item_expire !== 'max' && now - at >= config.item_expire * 1000;
}

export const NODE_LENGTH = 512;
export const ITEM_LENGTH = 512;

/** The name of a node as the request has it. Throws what XEP-0060 asks for. */
export function nodeName(value: string | undefined): string {
  if (value === undefined || value === '') throw pubsubError('bad-request', 'nodeid-required');
  if (value.length > NODE_LENGTH)
    throw new StanzaError('not-acceptable', { text: `A node's name holds at most ${NODE_LENGTH} characters.` });
  return value;
}
export function itemId(value: string): string {
  if (value.length > ITEM_LENGTH)
    throw new StanzaError('not-acceptable', { text: `An item's id holds at most ${ITEM_LENGTH} characters.` });
  return value;
}

/** How many items go into one answer, at least one: from the beginning, or the last ones. */
export function howManyFit(items: ReadonlyArray<{ readonly id: string; readonly xml: string }>, most: number, last: boolean): number {
  let size = 0;
  for (let i = 0; i < items.length; i++) {
    const { id, xml } = items[last ? items.length - 1 - i : i] as { id: string; xml: string };
    size += id.length + xml.length;
    if (size > most && i > 0) return i;
  }
  return items.length;
}
