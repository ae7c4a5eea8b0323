import { defineFeature } from '@parley/core';
import { decodeAvatarData, decodeAvatarMetadata, encodeAvatarData, encodeAvatarMetadata, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { type NodeConfig, pep } from '../pep/service.ts';

import { hex, vcards } from '../vcard/service.ts';
import { pictureType, readersOf, storedForm, withPicture } from './rules.ts';

export default defineFeature({
  name: 'avatar',
  about: 'One picture of an account, whether a client keeps it in a node (XEP-0084) or in its vCard (XEP-0153).',
  implements: [
    { xep: 84, version: '1.1.4', status: 'complete' },
    { xep: 398, version: '1.0.0', status: 'complete', note: 'both ways' },
  ],
  advertisesOnAccounts: ['urn:xmpp:pep-vcard-conversion:0'],
  needs: [pep, vcards],
  options: {},
  setup(ctx) {
    const nodes = ctx.use(pep);
    const cards = ctx.use(vcards);
    /** Accounts whose picture is on its way from the vCard to the nodes, and so not to be brought back. */
    const busy = new Set<number>();

    const setPicture = (
      account: AccountRecord,
      picture: { type: string; bytes: Uint8Array } | undefined,
      photoFor: 'anyone' | 'contacts',
    ): Awaitable<void> =>
      whenReady(cards.card(account), (card) => {
        if (picture === undefined && card?.child('PHOTO') === undefined) return;
        return cards.write(account, withPicture(card, picture), photoFor);
      });

    // §3.1: from the node to the vCard.
    nodes.onPublished(NS.avatarMetadata, ({ account, item }): Awaitable<void> => {
      if (busy.has(account.id)) return;
      const infos = decodeAvatarMetadata(item.payload);
      if (infos === undefined) return;
      const form = storedForm(infos);
      if (form === undefined) return infos.length === 0 ? setPicture(account, undefined, 'anyone') : undefined;
      return whenReady(nodes.configOf(account, NS.avatarData), (config) => {
        const photoFor = config === undefined ? undefined : readersOf(config.access_model);
        // What was there before is not the picture any more, even if the new one must not be shown.
        if (photoFor === undefined) return setPicture(account, undefined, 'anyone');
        return whenReady(nodes.item(account, NS.avatarData, form.id), (data) => {
          const bytes = decodeAvatarData(data?.payload);
          if (bytes === undefined) return;
          return whenReady(ctx.crypto.hash('SHA-1', bytes), (digest) =>
            hex(digest) === form.id ? setPicture(account, { type: form.type, bytes }, photoFor) : undefined,
          );
        });
      });
    });
    nodes.onRetracted(NS.avatarMetadata, ({ account }) =>
      whenReady(nodes.lastItem(account, NS.avatarMetadata), (left) =>
        left === undefined ? setPicture(account, undefined, 'anyone') : undefined,
      ),
    );

    // §3.2: from the vCard to the nodes.
    const publish = (account: AccountRecord, photo: { hash: string; type: string; bytes: Uint8Array }): Awaitable<void> => {
      const config: Partial<NodeConfig> = { access_model: cards.readers === 'anyone' ? 'open' : 'presence' };
      const info = { id: photo.hash, bytes: photo.bytes.length, type: photo.type };
      return whenReady(
        nodes.publishAs(account, NS.avatarData, { id: photo.hash, payload: encodeAvatarData(photo.bytes) }, { config }),
        () =>
          whenReady(
            nodes.publishAs(account, NS.avatarMetadata, { id: photo.hash, payload: encodeAvatarMetadata([info]) }, { config }),
            () => undefined,
          ),
      );
    };
    const switchOff = (account: AccountRecord): Awaitable<void> =>
      whenReady(nodes.lastItem(account, NS.avatarMetadata), (last) => {
        if (last === undefined || decodeAvatarMetadata(last.payload)?.length === 0) return;
        return whenReady(nodes.publishAs(account, NS.avatarMetadata, { payload: encodeAvatarMetadata([]) }), () => undefined);
      });
    cards.onChanged(({ account, photo, photoChanged }): Awaitable<void> => {
      if (!photoChanged) return;
      const type = photo === undefined ? undefined : pictureType(photo.type, photo.bytes);
      busy.add(account.id);
      const done = (error?: unknown): void => {
        busy.delete(account.id);
        // The vCard itself is right; a full node is no reason to refuse it.
        if (error instanceof StanzaError) ctx.log.warn('avatar_not_converted', { account: account.id, condition: error.condition });
        else if (error !== undefined) throw error;
      };
      try {
        const told = photo === undefined || type === undefined ? switchOff(account) : publish(account, { ...photo, type });
        if (told instanceof Promise) return told.then(() => done(), done);
      } catch (error) {
        return done(error);
      }
      done();
    });
  },
});
