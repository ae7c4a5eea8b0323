import {
  type ClientPresence,
  defineFeature,
  defineSlot,
  HANDLED,
  iqToSession,
  presenceAddressed,
  presenceFromClient,
  type Session,
  sessionEnded,
  sessionRestored,
  sessionResumed,
  type Verdict,
} from '@parley/core';
import { encodeDelay, encodeIdle, type Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { el, Stanza, stanzaBytes } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { isFull } from '../backlog.ts';
import { type BlockLists, blockLists } from '../blocking/service.ts';
import { type LastActivities, lastActivities } from '../last-activity/service.ts';
import { type Roster, rosters, seenByOwner, seesOwner } from '../roster/service.ts';
import { answerProbe, isDirectedTo, mayReachResource } from './rules.ts';
import { type Presences, presences } from './service.ts';

/** Whom this session has sent directed presence to; they are told when it goes (RFC 6121 §4.6.3). */
const directed = defineSlot<readonly string[]>('presence-directed', 'handover', []);
/** Presence was left out while this device was away, because too much waited for it. */
const missed = defineSlot('presence-missed', 'handover', false);

const GONE = Stanza.from(el('presence', { type: 'unavailable' }));

export default defineFeature({
  name: 'presence',
  about: 'Who is online: broadcast to those who may see it, probes, directed presence.',
  implements: [{ rfc: 6121, status: 'complete', note: '§4 presence' }],
  needs: [rosters],
  provides: [presences],
  options: {
    maxDirected: {
      reload: 'hot',
      type: 'integer',
      default: 200,
      min: 1,
      max: 10_000,
      about: 'Addresses that one session may send directed presence to at the same time.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    const store = ctx.use(rosters);
    let lists: BlockLists | undefined | null = null;
    /** Asked for when first used: the blocking feature itself needs this one. */
    const blocking = (): BlockLists | undefined => (lists === null ? (lists = ctx.find(blockLists)) : lists);
    let seen: LastActivities | undefined | null = null;
    const lastSeen = (): LastActivities | undefined => (seen === null ? (seen = ctx.find(lastActivities)) : seen);
    const bareOf = (account: AccountRecord): string => `${account.localpart}@${account.domain}`;

    /** Whether one of the two has blocked the other. Nothing is looked up while neither blocks anybody. */
    const blocked = (from: Session, other: AccountRecord, address: Jid, bare: boolean): Awaitable<boolean> => {
      const service = blocking();
      if (service === undefined || !service.concerns(from.account.id, other.id)) return false;
      return service.between(from.account, from.jid, other, bare ? address.toBare() : address);
    };

    /** Presence to one session; of what a device that is away cannot take any more it is told anew when it is back. */
    const give = (session: Session, bytes: Uint8Array): void => {
      if (isFull(session)) session.set(missed, true);
      else session.sendBytes(bytes);
    };

    /** Hands one presence to the available sessions of a bare JID, unless one of the two has blocked the other. */
    const toContact = (from: Session, stanza: Stanza, contact: string): Awaitable<void> => {
      let first: Session | undefined;
      for (const session of ctx.sessionsOf(contact)) {
        if (session.available) {
          first = session;
          break;
        }
      }
      // Most contacts are offline: that costs one look-up and no bytes.
      if (first === undefined) return;
      const reached = first;
      return whenReady(blocked(from, reached.account, reached.jid, true), (stop) => {
        if (!stop)
          deliver(ctx.sessionsOf(contact), stanzaBytes(stanza, { from: from.address, to: contact }), from, stanza.type === 'unavailable');
      });
    };
    const deliver = (sessions: Iterable<Session>, bytes: Uint8Array, from: Session, unavailable: boolean): void => {
      for (const session of sessions) {
        if (!session.available) continue;
        give(session, bytes);
        if (unavailable) forgetDirected(session, from.address);
      }
    };
    const forgetDirected = (session: Session, address: string): void => {
      const list = session.get(directed);
      if (list.length > 0 && list.includes(address))
        session.set(
          directed,
          list.filter((one) => one !== address),
        );
    };

    const toOwn = (from: Session, stanza: Stanza, self: boolean): void => {
      let bytes: Uint8Array | undefined;
      for (const session of ctx.sessionsOf(from.bare)) {
        if (session === from ? !self : !session.available) continue;
        bytes ??= stanzaBytes(stanza, { from: from.address, to: from.bare });
        give(session, bytes);
      }
    };
    const toSubscribers = (from: Session, stanza: Stanza, roster: Roster): Awaitable<void> =>
      forEachReady(roster.contacts(), (contact) => (seesOwner(contact) ? toContact(from, stanza, contact.jid) : undefined));

    /** The last presence of one session, for somebody who just came online. */
    const showSession = (shown: Session, to: Session): void => {
      if (shown.presence !== undefined) give(to, stanzaBytes(shown.presence, { from: shown.address, to: to.bare }));
    };
    /** What probes would bring, were the contacts elsewhere (RFC 6121 §4.3.1): here they are at hand. */
    const showContacts = (to: Session, roster: Roster): Awaitable<void> =>
      forEachReady(roster.contacts(), (contact) => {
        if (!seenByOwner(contact)) return;
        for (const session of ctx.sessionsOf(contact.jid)) {
          if (session.available) return showContact(to, session);
        }
      });
    const showContact = (to: Session, contact: Session): Awaitable<void> =>
      // The contact's own roster decides, not what the asking side believes.
      whenReady(store.isSubscriber(contact.account, to.bare), (allowed) => {
        if (!allowed) return;
        return whenReady(blocked(to, contact.account, contact.jid, true), (stop) => {
          if (!stop) for (const session of ctx.sessionsOf(contact.bare)) showSession(session, to);
        });
      });
    const wentAway = (from: Session, stanza: Stanza, roster: Roster | undefined): Awaitable<void> => {
      const done = roster === undefined ? undefined : toSubscribers(from, stanza, roster);
      const list = from.get(directed);
      if (list.length === 0) return done;
      from.set(directed, []);
      const rest = forEachReady(list, (to) => toDirected(from, stanza, to));
      return whenReady(done, () => rest);
    };
    const toDirected = (from: Session, stanza: Stanza, to: string): Awaitable<void> => {
      const full = ctx.sessionAt(to);
      if (full === undefined) return to.includes('/') ? undefined : toContact(from, stanza, to);
      return whenReady(blocked(from, full.account, full.jid, false), (stop) => {
        if (stop) return;
        give(full, stanzaBytes(stanza, { from: from.address, to }));
        if (stanza.type === 'unavailable') forgetDirected(full, from.address);
      });
    };

    ctx.on(presenceFromClient, 'broadcast', (event: ClientPresence): Awaitable<void> => {
      const { from, available, wasAvailable, implied } = event;
      if (!available) {
        if (!wasAvailable) return from.get(directed).length === 0 ? undefined : wentAway(from, event.stanza, undefined);
        toOwn(from, event.stanza, !implied);
        return whenReady(store.of(from.account), (roster) => wentAway(from, event.stanza, roster));
      }
      // What the server added to the presence (XEP-0153) is in the session's copy.
      const stanza = from.presence ?? event.stanza;
      toOwn(from, stanza, true);
      return whenReady(store.of(from.account), (roster) => {
        const told = roster.listed === 0 ? undefined : toSubscribers(from, stanza, roster);
        if (wasAvailable) return told;
        for (const other of ctx.sessionsOf(from.bare)) if (other !== from) showSession(other, from);
        if (roster.listed === 0) return;
        const shown = showContacts(from, roster);
        return whenReady(told, () => shown);
      });
    });

    ctx.on(presenceAddressed, 'deliver', ({ from, stanza, to, recipient }): Verdict | Promise<Verdict> => {
      const { type } = stanza;
      if (type === 'probe') return whenReady(probe(from, stanza, to, recipient), () => HANDLED);
      if (type !== undefined && type !== 'unavailable' && type !== 'error')
        throw new StanzaError('bad-request', { text: 'There is no such type of presence.' });
      if (type === 'error') {
        const target = ctx.sessionAt(to.toString());
        if (target !== undefined && !isFull(target)) target.sendBytes(stanzaBytes(stanza, { from: from.address }));
        return HANDLED;
      }
      // The host has no use for it, and strangers do not learn who is not here.
      if (recipient === undefined) return HANDLED;
      return whenReady(store.of(from.account), (roster) => {
        const address = to.toString();
        if (type === 'unavailable') forgetDirected(from, address);
        else if (recipient.id !== from.account.id && (!from.available || !seesOwner(roster.get(to.bare)))) remember(from, address);
        return whenReady(toDirected(from, stanza, address), () => HANDLED);
      });
    });
    const remember = (from: Session, address: string): void => {
      const list = from.get(directed);
      if (list.includes(address)) return;
      if (list.length >= config.maxDirected)
        throw new StanzaError('resource-constraint', {
          text: `Directed presence goes to at most ${config.maxDirected} addresses at a time.`,
        });
      from.set(directed, [...list, address]);
    };

    const probe = (from: Session, stanza: Stanza, to: Jid, recipient: AccountRecord | undefined): Awaitable<void> => {
      if (to.local === '') return;
      const same = recipient !== undefined && recipient.id === from.account.id;
      return whenReady(recipient === undefined ? false : blocked(from, recipient, to, false), (stop) =>
        whenReady(recipient === undefined ? false : same || store.isSubscriber(recipient, from.bare), (subscribed) => {
          const target = to.isBare ? undefined : ctx.sessionAt(to.toString());
          const isDirected = target !== undefined && isDirectedTo(target.get(directed), from.address, from.bare);
          const verdict = answerProbe({
            exists: recipient !== undefined,
            blocked: stop,
            subscribed,
            directed: isDirected,
            full: !to.isBare,
          });
          const say = (type: string | undefined, sender: string): void =>
            from.send(el('presence', { type, id: stanza.id, from: sender, to: from.address }));
          if (verdict === 'unsubscribed') say('unsubscribed', to.bare);
          else if (verdict === 'mere') say(target?.available === true || isDirected ? undefined : 'unavailable', to.toString());
          else if (verdict === 'presence') {
            let any = false;
            for (const session of ctx.sessionsOf(to.bare)) {
              if (!session.available) continue;
              any = true;
              showSession(session, from);
            }
            if (!any && recipient !== undefined) return away(from, stanza.id, to.bare, recipient);
          }
        }),
      );
    };

    /** Since when somebody is gone, and what they said then (RFC 6121 §4.3.2.1, rule 3). */
    const away = (to: Session, id: string | undefined, bare: string, account: AccountRecord): Awaitable<void> =>
      whenReady(lastSeen()?.of(account), (last) =>
        to.send(
          el(
            'presence',
            { type: 'unavailable', id, from: bare, to: to.address },
            last?.status === undefined ? undefined : el('status', null, last.status),
            last?.idleSince === undefined ? undefined : encodeIdle({ since: last.idleSince }),
            last === undefined ? undefined : encodeDelay({ stamp: last.at, from: ctx.host }),
          ),
        ),
      );

    // A session that only sent directed presence was never available, so its end is not announced by the core.
    ctx.on(sessionEnded, 'broadcast', ({ session }) =>
      session.get(directed).length === 0 ? undefined : wentAway(session, GONE, undefined),
    );

    // Who was there with the process before may have gone with it: told anew.
    ctx.on(sessionRestored, 'watch', ({ session }) => session.set(missed, true));
    ctx.on(sessionResumed, 'watch', ({ session }): Awaitable<void> => {
      if (!session.get(missed)) return;
      session.set(missed, false);
      if (!session.available) return;
      for (const other of ctx.sessionsOf(session.bare)) if (other !== session) showSession(other, session);
      return whenReady(store.of(session.account), (roster) => {
        // Who went meanwhile is told too: from the bare JID, which stands for all devices (RFC 6121 §4.5.4).
        for (const contact of roster.contacts())
          if (seenByOwner(contact)) session.sendBytes(stanzaBytes(GONE, { from: contact.jid, to: session.bare }));
        return showContacts(session, roster);
      });
    });

    // A request to a resource tells that it is there, so only those may make it who can see that anyway (RFC 6121 §8.5.3.1).
    ctx.on(iqToSession, 'guard', ({ from, target }): Awaitable<void> => {
      const sameAccount = from.account.id === target.account.id;
      const isDirected = isDirectedTo(target.get(directed), from.address, from.bare);
      return whenReady(sameAccount || isDirected ? false : store.isSubscriber(target.account, from.bare), (subscribed) => {
        if (!mayReachResource({ sameAccount, subscribed, directed: isDirected })) throw new StanzaError('service-unavailable');
      });
    });

    const shown: Array<(account: AccountRecord, contact: string) => Awaitable<void>> = [];
    const service: Presences = {
      show: (account, contact) =>
        whenReady(
          forEachReady(ctx.sessionsOf(bareOf(account)), (session) =>
            session.presence === undefined ? undefined : toContact(session, session.presence, contact),
          ),
          () => forEachReady(shown, (handle) => handle(account, contact)),
        ),
      onShown: (handle) => void shown.push(handle),
      hide(account, contact) {
        for (const session of ctx.sessionsOf(bareOf(account))) {
          if (!session.available) continue;
          let bytes: Uint8Array | undefined;
          for (const other of ctx.sessionsOf(contact)) {
            if (!other.available) continue;
            bytes ??= stanzaBytes(GONE, { from: session.address, to: contact });
            give(other, bytes);
          }
          // The end of a subscription ends what was directed there as well (RFC 6121 §4.6.1).
          const left = session.get(directed).filter((one) => one !== contact && !one.startsWith(`${contact}/`));
          if (left.length !== session.get(directed).length) session.set(directed, left);
        }
      },
      announce: (session) =>
        whenReady(store.of(session.account), (roster) => {
          if (session.presence === undefined) return;
          toOwn(session, session.presence, true);
          return toSubscribers(session, session.presence, roster);
        }),
      withdraw(session, to) {
        forgetDirected(session, to);
        const full = ctx.sessionAt(to);
        deliver(full === undefined ? ctx.sessionsOf(to) : [full], stanzaBytes(GONE, { from: session.address, to }), session, true);
      },
      directedTo: (session) => session.get(directed),
    };
    ctx.provide(presences, service);
  },
});
