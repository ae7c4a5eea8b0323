/**
 * Contacts behind external components (XEP-0114), such as those of a gateway: subscriptions are kept in the account's roster by the same
 * tables of RFC 6121, the other side is kept by the component, and presence goes there as it does between servers.
 */
import {
  type FeatureContext,
  HANDLED,
  presenceFromClient,
  type Session,
  stanzaFromService,
  stanzaToService,
  type Verdict,
} from '@parley/core';
import { Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { el, Stanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { type Components, components } from '../components/service.ts';
import { type Contact, type Roster, type Rosters, seenByOwner, seesOwner } from '../roster/service.ts';
import { isSubscriptionType, type SubscriptionType } from './rules.ts';

export interface GatewayStates {
  /** The account's own stanza; `route` sends it on when the tables say so, and throws when it cannot be sent. */
  outbound(from: Session, type: SubscriptionType, other: string, mine: Roster, route: () => void): void;
  /** A stanza from there; answers what the server says for the user. */
  inbound(
    account: AccountRecord,
    roster: Roster,
    from: string,
    type: SubscriptionType,
    stanza: Stanza,
  ): 'subscribed' | 'unsubscribed' | undefined;
}

const GONE = Stanza.from(el('presence', { type: 'unavailable' }));
const bareOf = (account: AccountRecord): Jid => Jid.of(account.localpart, account.domain);
const plain = (type: string): Stanza => Stanza.from(el('presence', { type }));

/** The components, when there are any and this is an address of one. */
function componentOf(ctx: FeatureContext<object>, domain: string): Components | undefined {
  const found = ctx.find(components);
  return found?.domains.includes(domain) === true ? found : undefined;
}

/** Presence is lost where the component is not there: it asks when it comes (a probe). */
function tell(component: Components, stanza: Stanza, from: Jid, to: Jid): void {
  try {
    component.send(stanza, from, to);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
}

export function serveGateways(ctx: FeatureContext<object>, store: Rosters, states: GatewayStates): void {
  const available = (account: AccountRecord): Session[] => [...ctx.sessionsOf(bareOf(account).bare)].filter((one) => one.available);
  const show = (component: Components, account: AccountRecord, to: Jid): void => {
    for (const session of available(account)) if (session.presence !== undefined) tell(component, session.presence, session.jid, to);
  };
  const hide = (component: Components, account: AccountRecord, to: Jid): void => {
    for (const session of available(account)) tell(component, GONE, session.jid, to);
  };

  ctx.on(stanzaToService, 'guard', ({ from, stanza, to }): Verdict | Promise<Verdict> => {
    if (stanza.name !== 'presence') return;
    const { type } = stanza;
    if (!isSubscriptionType(type)) return;
    const component = componentOf(ctx, to.domain);
    if (component === undefined) return;
    return whenReady(store.of(from.account), (mine): Verdict => {
      const other = to.toBare();
      const before = mine.get(other.bare);
      states.outbound(from, type, other.bare, mine, () => {
        // Their last sight of this user goes before the word that it is the last (RFC 6121 §3.2.2).
        if (type === 'unsubscribed' && seesOwner(before)) hide(component, from.account, other);
        component.send(stanza, from.jid.toBare(), other);
      });
      if (type === 'subscribed' && seesOwner(mine.get(other.bare)) && !seesOwner(before))
        ctx.afterCommit(() => show(component, from.account, other));
      return HANDLED;
    });
  });

  ctx.on(stanzaFromService, 'guard', ({ from, stanza, recipient }): Verdict | Promise<Verdict> => {
    if (stanza.name !== 'presence') return;
    const { type } = stanza;
    if (!isSubscriptionType(type) && type !== 'probe') return;
    const component = componentOf(ctx, from.domain);
    if (component === undefined) return;
    return whenReady(store.of(recipient), (roster): Verdict => {
      const other = from.toBare();
      const before = roster.get(other.bare);
      const owner = bareOf(recipient);
      if (type === 'probe') {
        if (!seesOwner(before)) tell(component, plain('unsubscribed'), owner, from);
        else if (available(recipient).length === 0) tell(component, GONE, owner, from);
        else show(component, recipient, from);
        return HANDLED;
      }
      const reply = states.inbound(recipient, roster, other.bare, type, stanza);
      const now = roster.get(other.bare);
      ctx.afterCommit(() => {
        if (type === 'unsubscribe' && seesOwner(before)) hide(component, recipient, other);
        if (reply !== undefined) tell(component, plain(reply), owner, other);
        if (seesOwner(now) && !seesOwner(before)) show(component, recipient, other);
      });
      return HANDLED;
    });
  });

  // What presence does between servers: told to those who see it, asked of those whom the account sees (RFC 6121 §4.2.2, §4.3).
  ctx.on(presenceFromClient, 'broadcast', ({ from, stanza, available: here, wasAvailable }): Awaitable<void> => {
    const all = ctx.find(components);
    if (all === undefined || all.domains.length === 0 || (!here && !wasAvailable)) return;
    return whenReady(store.of(from.account), (roster) => {
      for (const contact of roster.contacts()) {
        const domain = contact.jid.slice(contact.jid.indexOf('@') + 1);
        if (!all.domains.includes(domain)) continue;
        const to = Jid.tryParse(contact.jid);
        if (to === undefined) continue;
        if (seesOwner(contact)) tell(all, here ? (from.presence ?? stanza) : stanza, from.jid, to);
        if (here && !wasAvailable && seenByOwner(contact)) tell(all, plain('probe'), from.jid.toBare(), to);
      }
    });
  });
}

/** The account takes a contact of a component off its roster: both subscriptions end. Answers whether it was one of those. */
export function severGateway(ctx: FeatureContext<object>, account: AccountRecord, contact: Contact, other: Jid): boolean {
  const component = componentOf(ctx, other.domain);
  if (component === undefined) return false;
  const owner = bareOf(account);
  if (contact.ask || seenByOwner(contact)) tell(component, plain('unsubscribe'), owner, other);
  if (seesOwner(contact))
    for (const session of ctx.sessionsOf(owner.bare)) if (session.available) tell(component, GONE, session.jid, other);
  if (contact.request !== undefined || seesOwner(contact)) tell(component, plain('unsubscribed'), owner, other);
  return true;
}
