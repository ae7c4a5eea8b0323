import { defineFeature } from '@parley/core';
import { NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { serialize } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { type AccessModel, pep } from '../pep/service.ts';
import { vcards } from '../vcard/service.ts';
import { toVcard4, toVcardTemp } from './rules.ts';

const CURRENT = 'current';

export default defineFeature({
  name: 'vcard4',
  about: 'The card of an account in its newer format, as a node, in step with the older one.',
  implements: [{ xep: 292, version: '0.12.0', status: 'complete', note: 'pictures are those of XEP-0084' }],
  advertises: [NS.vcard4],
  advertisesOnAccounts: [NS.vcard4],
  needs: [pep, vcards],
  options: {},
  setup(ctx) {
    const nodes = ctx.use(pep);
    const cards = ctx.use(vcards);
    /** Accounts whose card is on its way to the node, and so not to be brought back. */
    const busy = new Set<number>();

    /** Whoever may read the one may read the other: else nothing is copied there. */
    const mayShow = (access: AccessModel): boolean => access === 'open' || (access === 'presence' && cards.readers === 'contacts');

    nodes.onPublished(NS.vcard4Node, ({ account, item, access }): Awaitable<void> => {
      const card = item.payload;
      if (busy.has(account.id) || card?.name !== 'vcard' || card.ns !== NS.vcard4 || !mayShow(access)) return;
      return whenReady(cards.card(account), (before) =>
        whenReady(cards.photoFor(account), (photoFor) => cards.write(account, toVcardTemp(card, before), photoFor)),
      );
    });

    const publish = (account: AccountRecord, card: Parameters<typeof toVcard4>[0]): Awaitable<void> =>
      whenReady(nodes.configOf(account, NS.vcard4Node), (there) => {
        // A node that anyone reads is not told what only contacts may read.
        if (there?.access_model === 'open' && cards.readers === 'contacts') return;
        return whenReady(nodes.lastItem(account, NS.vcard4Node), (last) => {
          const payload = toVcard4(card, last?.payload);
          if (last?.payload !== undefined && serialize(last.payload, '') === serialize(payload, '')) return;
          const config = { access_model: cards.readers === 'anyone' ? 'open' : 'presence' } as const;
          return whenReady(nodes.publishAs(account, NS.vcard4Node, { id: CURRENT, payload }, { config }), () => undefined);
        });
      });
    cards.onChanged(({ account, card }): Awaitable<void> => {
      busy.add(account.id);
      const done = (error?: unknown): void => {
        busy.delete(account.id);
        // The card itself is right; a full node is no reason to refuse it.
        if (error instanceof StanzaError) ctx.log.warn('vcard4_not_converted', { account: account.id, condition: error.condition });
        else if (error !== undefined) throw error;
      };
      try {
        const told = publish(account, card);
        if (told instanceof Promise) return told.then(() => done(), done);
      } catch (error) {
        return done(error);
      }
      done();
    });
  },
});
