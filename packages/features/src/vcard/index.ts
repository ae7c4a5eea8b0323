import {
  accountRemoved,
  defineFeature,
  defineSlot,
  json,
  presenceAddressed,
  presenceFromClient,
  type Session,
  stanzaToService,
} from '@parley/core';
import { encodeAvatarUpdate, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, el, parseElement, parseStanza, type Stanza, stanzaBytes, utf8Encode } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { presences } from '../presence/service.ts';
import { rosters } from '../roster/service.ts';
import { hex, mayRead, photoBytes } from './rules.ts';
import { type CardChange, type Readers, vcards } from './service.ts';
import { VcardStore } from './store.ts';

/** The client itself says in its presence which photo it has; most leave it to the server. */
const clientTells = defineSlot('vcard-client-tells', 'handover', false);
const VCARD = { name: 'vCard', ns: NS.vcard };

export default defineFeature({
  name: 'vcard',
  about: 'A card with name and picture for each account, and the hash of the picture in its presence.',
  implements: [
    { xep: 54, version: '1.3.0', status: 'complete' },
    { xep: 153, version: '1.1.1', status: 'complete', note: 'the server adds the hash for clients that do not' },
  ],
  advertises: [NS.vcard],
  advertisesOnAccounts: [NS.vcard],
  needs: [rosters, presences],
  provides: [vcards],
  options: {
    maxSize: { reload: 'hot', type: 'bytes', default: '128KiB', min: '1KiB', max: '1MiB', about: 'Size of a vCard, picture included.' },
    readableBy: {
      reload: 'hot',
      type: 'string',
      default: 'anyone',
      values: ['anyone', 'contacts'],
      about: 'Who may read a vCard: anyone with an account, or only those who may see the presence of its owner.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    const handlers: Array<(change: CardChange) => Awaitable<void>> = [];
    const readers = (): Readers => (config.readableBy === 'contacts' ? 'contacts' : 'anyone');
    return whenReady(VcardStore.open(ctx.table('vcard', json<string>())), (store) => {
      ctx.iq('get', 'account', VCARD, ({ account }) =>
        whenReady(store.card(account.id), (card) => (card === undefined ? el('vCard', { xmlns: NS.vcard }) : parseElement(card))),
      );

      /** What others see of a card: perhaps without the picture; undefined when nothing is left. */
      const visible = (account: AccountRecord, card: string, contact: boolean): Awaitable<Element | undefined> =>
        whenReady(contact ? 'anyone' : store.photoFor(account.id), (photoFor) => {
          const whole = parseElement(card);
          if (photoFor === 'anyone') return whole;
          const rest = whole.children.filter((child) => typeof child === 'string' || child.name !== 'PHOTO');
          return rest.some((child) => typeof child !== 'string') ? el('vCard', { xmlns: NS.vcard }, ...rest) : undefined;
        });
      ctx.iq(
        'get',
        'contact',
        VCARD,
        ({ from, account }): Awaitable<Element> =>
          whenReady(store.card(account.id), (card) =>
            whenReady(ctx.use(rosters).isSubscriber(account, from.bare), (contact) =>
              whenReady(card === undefined ? undefined : visible(account, card, contact), (seen) => {
                const verdict = mayRead({ own: false, readableBy: readers(), contact, exists: seen !== undefined });
                if (verdict !== 'give' || seen === undefined) throw new StanzaError('service-unavailable');
                return seen;
              }),
            ),
          ),
      );

      /** Writes a card and answers its picture; those who see the presence of the account are told of another one. */
      const save = (
        account: AccountRecord,
        card: Element,
        photo: Uint8Array | undefined,
        photoFor: Readers | 'as-before',
      ): Awaitable<Saved> =>
        whenReady(store.photo(account.id), (before) =>
          whenReady(store.photoFor(account.id), (forBefore) =>
            whenReady(photo === undefined ? undefined : ctx.crypto.hash('SHA-1', photo), (digest) => {
              const hash = digest === undefined ? '' : hex(digest);
              // The same picture in another card is for those that it was for.
              const now = photoFor === 'as-before' ? (hash === before ? forBefore : 'anyone') : photoFor;
              store.set(account.id, card.toString(''), hash, now);
              ctx.afterCommit(
                () => {
                  if (hash === before) return;
                  const bare = `${account.localpart}@${account.domain}`;
                  const told = forEachReady(ctx.sessionsOf(bare), (session) => tellPhoto(session, hash));
                  if (told instanceof Promise) told.catch((error: unknown) => ctx.log.error('photo_broadcast_failed', { error }));
                },
                () => store.remember(account.id, before),
              );
              return { hash, photoChanged: hash !== before };
            }),
          ),
        );

      ctx.iq('set', 'account', VCARD, ({ account, payload }): Awaitable<void> => {
        if (utf8Encode(payload.toString('')).length > config.maxSize)
          throw new StanzaError('not-acceptable', { text: `A vCard holds at most ${config.maxSize} bytes.` });
        const bytes = photoBytes(payload);
        if (bytes === 'bad') throw new StanzaError('bad-request', { text: 'The picture is not base64.' });
        return whenReady(save(account, payload, bytes, 'as-before'), ({ hash, photoChanged }) => {
          const type = payload.child('PHOTO')?.childText('TYPE')?.trim() ?? '';
          const photo = bytes === undefined ? undefined : { bytes, type, hash };
          return forEachReady(handlers, (handle) => handle({ account, card: payload, photo, photoChanged }));
        });
      });

      const tellPhoto = (session: Session, hash: string): Awaitable<void> => {
        if (session.presence === undefined || session.get(clientTells)) return;
        session.presence = withPhoto(session.presence, hash);
        return ctx.use(presences).announce(session);
      };

      ctx.on(presenceFromClient, 'guard', ({ from, stanza, available }): Awaitable<void> => {
        if (!available) return;
        const tells = saysItself(stanza);
        if (from.get(clientTells) !== tells) from.set(clientTells, tells);
        if (tells) return;
        return whenReady(store.photo(from.account.id), (hash) => {
          if (hash !== '' && from.presence !== undefined) from.presence = withPhoto(from.presence, hash);
        });
      });
      // XEP-0398 §3.3: in presence for group chats and single people too; their owner is asked for the picture by those who may see it.
      const addToDirected = (event: { readonly from: Session; stanza: Stanza }): Awaitable<void> => {
        const { from, stanza } = event;
        if (stanza.name !== 'presence' || stanza.type !== undefined || saysItself(stanza)) return;
        return whenReady(store.photo(from.account.id), (hash) => {
          if (hash === '') return;
          return whenReady(store.photoFor(from.account.id), (photoFor) => {
            if (photoFor === 'anyone') event.stanza = withPhoto(event.stanza, hash);
          });
        });
      };
      ctx.on(presenceAddressed, 'guard', addToDirected);
      ctx.on(stanzaToService, 'guard', addToDirected);

      ctx.provide(vcards, {
        get readers() {
          return readers();
        },
        card: (account) => whenReady(store.card(account.id), (card) => (card === undefined ? undefined : parseElement(card))),
        photoFor: (account) => store.photoFor(account.id),
        write(account, card, photoFor) {
          const bytes = photoBytes(card);
          return whenReady(save(account, card, bytes === 'bad' ? undefined : bytes, photoFor), () => undefined);
        },
        onChanged: (handle) => void handlers.push(handle),
      });
      ctx.on(accountRemoved, 'clean', ({ account }) => store.forget(account.id));
    });
  },
});

interface Saved {
  readonly hash: string;
  readonly photoChanged: boolean;
}

/** The client speaks of its picture itself: it says which, or that there is none. An `x` without `photo` says nothing (XEP-0398 §3.3). */
const saysItself = (presence: Stanza): boolean =>
  presence.has('x', NS.vcardUpdate) && presence.child('x', NS.vcardUpdate)?.child('photo') !== undefined;

function withPhoto(presence: Stanza, hash: string): Stanza {
  const bytes = stanzaBytes(presence, {
    drop: (child) => child.name === 'x' && child.ns === NS.vcardUpdate,
    extra: encodeAvatarUpdate(hash).toString(),
  });
  return parseStanza(bytes, undefined, NS.client);
}
