import {
  accountRemoved,
  defineFeature,
  HANDLED,
  presenceAddressed,
  presenceFromClient,
  type Session,
  streamFeatures,
  type Verdict,
} from '@parley/core';
import { Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { el, Stanza, stanzaBytes, utf8Decode, utf8Encode } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { isFull } from '../backlog.ts';
import { blockLists } from '../blocking/service.ts';
import { presences } from '../presence/service.ts';
import { type Contact, type Roster, rosters, seenByOwner, seesOwner } from '../roster/service.ts';
import { serveGateways, severGateway } from './gateways.ts';
import { inbound, isSubscriptionType, outbound, type State, type SubscriptionType } from './rules.ts';
import { type Subscriptions, subscriptions } from './service.ts';

/** What is to be told once the change is durable, in order. */
type Effects = Array<() => void>;

const stateOf = (contact: Contact | undefined): State => ({
  subscription: contact?.subscription ?? 'none',
  ask: contact?.ask ?? false,
  pendingIn: contact?.request !== undefined,
  approved: contact?.approved ?? false,
});
const bareOf = (account: AccountRecord): string => `${account.localpart}@${account.domain}`;

export default defineFeature({
  name: 'subscriptions',
  about: 'Asking to see the presence of somebody, granting, refusing and cancelling it, in all the states of RFC 6121.',
  implements: [{ rfc: 6121, status: 'complete', note: '§3 and appendix A, with pre-approval' }],
  needs: [rosters],
  provides: [subscriptions],
  options: {
    maxRequestBytes: {
      reload: 'hot',
      type: 'bytes',
      default: '2KiB',
      min: '256',
      max: '64KiB',
      about: 'Size of a subscription request that is kept whole; of a longer one only the fact that it was made is kept.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    const store = ctx.use(rosters);

    /** Writes a new state of one side; answers the entry when its owner should be told. */
    const apply = (
      account: AccountRecord,
      roster: Roster,
      jid: string,
      before: Contact | undefined,
      next: State,
      request?: string,
    ): Contact | undefined => {
      const visible = before?.listed === true || next.subscription !== 'none' || next.ask || next.approved;
      const after = store.change(account, roster, jid, {
        subscription: next.subscription,
        ask: next.ask,
        approved: next.approved,
        listed: visible,
        request: next.pendingIn ? (request ?? before?.request) : undefined,
      });
      return after.listed && after.version !== before?.version ? after : undefined;
    };
    const push = (account: AccountRecord, contact: Contact | undefined, effects: Effects): void => {
      if (contact !== undefined) effects.push(() => store.push(account, contact));
    };
    const each = (bare: string, wants: (session: Session) => boolean, bytes: Uint8Array): void => {
      for (const session of ctx.sessionsOf(bare)) if (wants(session) && !isFull(session)) session.sendBytes(bytes);
    };
    const isAvailable = (session: Session): boolean => session.available;

    /** The receiving side (RFC 6121 §A.3). `quiet`: the sender is blocked; states still agree, but nothing of the sender is shown. */
    const receive = (
      account: AccountRecord,
      roster: Roster,
      from: string,
      type: SubscriptionType,
      stanza: Stanza,
      quiet: boolean,
      effects: Effects,
    ): 'subscribed' | 'unsubscribed' | undefined => {
      const before = roster.get(from);
      const state = stateOf(before);
      const result = inbound(type, state);
      // Somebody blocked may take back, but not ask: the request is as if it had never come.
      if (quiet && type === 'subscribe') return undefined;
      // A full waiting room takes no more requests. The sender sees what it would see of somebody who does not answer.
      if (type === 'subscribe' && result.deliver && roster.requests >= (ctx.findAt(account.domain, rosters) ?? store).limits.requests)
        return undefined;
      const bare = bareOf(account);
      let bytes: Uint8Array | undefined;
      if (result.deliver) {
        bytes = stanzaBytes(stanza, { from, to: bare });
        if (bytes.length > config.maxRequestBytes) bytes = stanzaBytes(Stanza.from(el('presence', { type, from, to: bare })));
      }
      const changed =
        result.next === state
          ? undefined
          : apply(account, roster, from, before, result.next, type === 'subscribe' && bytes !== undefined ? utf8Decode(bytes) : undefined);
      if (bytes !== undefined && !quiet) {
        const shown = bytes;
        // Requests go to available resources, what changes the roster to interested ones (RFC 6121 §3.1.3, §3.1.6).
        effects.push(() => each(bare, type === 'subscribe' ? isAvailable : store.isInterested, shown));
      }
      push(account, changed, effects);
      if (type === 'unsubscribe' && seesOwner(before)) effects.push(() => ctx.find(presences)?.hide(account, from));
      return quiet ? undefined : result.reply;
    };
    const showLater = (account: AccountRecord, to: string, effects: Effects): void => {
      effects.push(() => {
        const shown = ctx.find(presences)?.show(account, to);
        if (shown instanceof Promise) shown.catch((error: unknown) => ctx.log.error('presence_after_approval_failed', { error }));
      });
    };
    const answer = (type: 'subscribed' | 'unsubscribed', from: string, to: string, id: string | undefined): Stanza =>
      Stanza.from(el('presence', { type, from, to, id }));

    /** A store that refuses a write takes back the whole batch, so both rosters are read anew. */
    const attempt = <T>(accounts: readonly AccountRecord[], write: () => T): T => {
      try {
        return write();
      } catch (error) {
        for (const account of accounts) store.forget(account.id);
        throw error;
      }
    };
    const commit = (effects: Effects, accounts: readonly AccountRecord[], failed: () => void): void =>
      ctx.afterCommit(
        () => {
          for (const effect of effects) effect();
        },
        () => {
          for (const account of accounts) store.forget(account.id);
          failed();
        },
      );

    const send = (
      from: Session,
      stanza: Stanza,
      type: SubscriptionType,
      to: Jid,
      recipient: AccountRecord | undefined,
      quiet: boolean,
      mine: Roster,
      theirs: Roster | undefined,
    ): void => {
      const { account, bare } = from;
      const other = to.bare;
      const before = mine.get(other);
      const state = stateOf(before);
      const out = outbound(type, state);
      if (before?.listed !== true && (out.next.ask || out.next.approved) && mine.listed >= store.limits.contacts)
        throw new StanzaError('policy-violation', {
          type: 'cancel',
          text: `The roster is full: it holds ${store.limits.contacts} contacts.`,
        });
      const accounts = recipient === undefined ? [account] : [account, recipient];
      const effects = attempt(accounts, () => {
        const effects: Effects = [];
        const changed = out.next === state ? undefined : apply(account, mine, other, before, out.next);
        // Their last sight of this user goes before the word that it is the last (RFC 6121 §3.2.2).
        if (type === 'unsubscribed' && seesOwner(before)) effects.push(() => ctx.find(presences)?.hide(account, other));
        if (!out.route || recipient === undefined || theirs === undefined) push(account, changed, effects);
        else {
          const told: Effects = [];
          const reply = receive(recipient, theirs, bare, type, stanza, quiet, told);
          const own: Effects = [];
          if (reply !== undefined) receive(account, mine, other, reply, answer(reply, other, bare, stanza.id), quiet, own);
          if (reply === 'subscribed') {
            // Asked, granted, and only then seen: in the order in which versions and states came about.
            push(account, changed, effects);
            effects.push(...own, ...told);
            if (seenByOwner(mine.get(other)) && !seenByOwner(before)) showLater(recipient, bare, effects);
          } else {
            effects.push(...told);
            push(account, changed, effects);
            effects.push(...own);
          }
        }
        if (type === 'subscribed' && seesOwner(mine.get(other)) && !seesOwner(before)) showLater(account, other, effects);
        return effects;
      });
      commit(effects, accounts, () => {
        const error = new StanzaError('resource-constraint', { text: 'The change could not be stored. Try again later.' });
        from.send(el('presence', { type: 'error', id: stanza.id, from: other, to: from.address }, error.toElement()));
      });
    };

    ctx.on(presenceAddressed, 'subscribe', ({ from, stanza, to, recipient: found }): Verdict | Promise<Verdict> => {
      const { type } = stanza;
      if (!isSubscriptionType(type)) return;
      // On another domain of this server nobody may be asked, when that is switched off there.
      const recipient = found !== undefined && ctx.findAt(found.domain, subscriptions) !== undefined ? found : undefined;
      // The server itself has no presence, and everybody sees their own.
      if (to.local === '' || to.bare === from.bare) return HANDLED;
      const blocked = recipient === undefined ? undefined : ctx.findAt(recipient.domain, blockLists)?.of(recipient.id);
      const done = whenReady(blocked, (list) =>
        whenReady(store.of(from.account), (mine) =>
          whenReady(recipient === undefined ? undefined : store.of(recipient), (theirs) =>
            send(from, stanza, type, to, recipient, list?.blocks(from.jid) === true, mine, theirs),
          ),
        ),
      );
      return whenReady(done, () => HANDLED);
    });

    serveGateways(ctx, store, {
      /** Of the account's own stanza to a contact that is no account here; answers whether it goes on. */
      outbound(from, type, other, mine, route) {
        const before = mine.get(other);
        const state = stateOf(before);
        const out = outbound(type, state);
        if (before?.listed !== true && (out.next.ask || out.next.approved) && mine.listed >= store.limits.contacts)
          throw new StanzaError('policy-violation', {
            type: 'cancel',
            text: `The roster is full: it holds ${store.limits.contacts} contacts.`,
          });
        if (out.route) route();
        const effects = attempt([from.account], () => {
          const told: Effects = [];
          push(from.account, out.next === state ? undefined : apply(from.account, mine, other, before, out.next), told);
          return told;
        });
        const { account } = from;
        commit(effects, [account], () => ctx.log.warn('subscription_not_stored', { account: account.id }));
      },
      inbound(account, roster, from, type, stanza) {
        const effects: Effects = [];
        const reply = attempt([account], () => receive(account, roster, from, type, stanza, false, effects));
        commit(effects, [account], () => ctx.log.warn('subscription_not_stored', { account: account.id }));
        return reply;
      },
    });

    // Requests are shown at each initial presence until they are answered (RFC 6121 §3.1.3).
    ctx.on(presenceFromClient, 'deliver', ({ from, available, wasAvailable }) => {
      if (!available || wasAvailable) return;
      return whenReady(store.of(from.account), (roster) => {
        if (roster.requests === 0) return;
        return whenReady(ctx.find(blockLists)?.of(from.account.id), (list) => {
          for (const contact of roster.contacts()) {
            if (contact.request === undefined) continue;
            const sender = Jid.tryParse(contact.jid);
            if (sender !== undefined && list?.blocks(sender) !== true) from.sendBytes(utf8Encode(contact.request));
          }
        });
      });
    });

    const service: Subscriptions = {
      sever(account, contact) {
        const other = Jid.tryParse(contact.jid);
        if (other !== undefined && severGateway(ctx, account, contact, other)) return;
        if (other === undefined || ctx.findAt(other.domain, subscriptions) === undefined || other.local === '') return;
        return whenReady(ctx.accountAt(other), (recipient) => {
          if (recipient === undefined || recipient.id === account.id) return;
          return whenReady(ctx.findAt(recipient.domain, blockLists)?.of(recipient.id), (list) =>
            whenReady(store.of(recipient), (theirs) => {
              const bare = bareOf(account);
              const quiet = list?.blocks(Jid.of(account.localpart, account.domain)) === true;
              const effects: Effects = [];
              if (contact.ask || seenByOwner(contact))
                receive(
                  recipient,
                  theirs,
                  bare,
                  'unsubscribe',
                  Stanza.from(el('presence', { type: 'unsubscribe', from: bare, to: other.bare })),
                  quiet,
                  effects,
                );
              if (seesOwner(contact)) effects.push(() => ctx.find(presences)?.hide(account, other.bare));
              if (contact.request !== undefined || seesOwner(contact))
                receive(recipient, theirs, bare, 'unsubscribed', answer('unsubscribed', bare, other.bare, undefined), quiet, effects);
              commit(effects, [account, recipient], () => {});
            }),
          );
        });
      },
    };
    ctx.provide(subscriptions, service);

    // Whoever leaves takes the subscriptions along, so that a later owner of the name inherits none.
    ctx.on(accountRemoved, 'tell', ({ account }) =>
      whenReady(store.of(account), (roster) =>
        whenReady(
          forEachReady([...roster.contacts()], (contact): Awaitable<void> => service.sever(account, contact)),
          () => whenReady(store.keepersOf(bareOf(account)), (keepers) => forEachReady(keepers, (id) => forgetIn(id, bareOf(account)))),
        ),
      ),
    );
    /** What the account itself never knew of, such as a pre-approval (RFC 6121 §3.4), goes from the roster of the one who gave it. */
    const forgetIn = async (keeperId: number, jid: string): Promise<void> => {
      const keeper = await ctx.accountById(keeperId);
      if (keeper === undefined) return;
      const roster = await store.of(keeper);
      const before = roster.get(jid);
      if (before === undefined) return;
      const { subscription, ask, approved, request } = before;
      if (subscription === 'none' && !ask && !approved && request === undefined) return;
      const none: State = { subscription: 'none', ask: false, pendingIn: false, approved: false };
      const effects: Effects = [];
      push(
        keeper,
        attempt([keeper], () => apply(keeper, roster, jid, before, none)),
        effects,
      );
      commit(effects, [keeper], () => {});
    };
    const feature = el('sub', { xmlns: NS.preApproval });
    ctx.on(streamFeatures, 'offer', ({ authenticated, features }) => {
      if (authenticated) features.push(feature);
    });
  },
});
