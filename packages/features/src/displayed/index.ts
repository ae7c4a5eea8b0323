import { defineFeature, messageFromClient, type Session, stanzaToService } from '@parley/core';
import { decodeDisplayedState, encodeDisplayedState, type Jid, NS, StanzaError, type StanzaId } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Stanza } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { conversationLists } from '../conversations/service.ts';
import { pep } from '../pep/service.ts';
import { takeDisplayed } from './rules.ts';
import { displayedStates } from './service.ts';

/** XEP-0490 §4.1 and §8: nobody else's business. */
const PRIVATE = { access_model: 'whitelist', persist_items: true, max_items: 'max', send_last_published_item: 'never' } as const;

export default defineFeature({
  name: 'displayed',
  about: 'Keeps the devices of an account in step about what was read, with one message for the server and the sender together.',
  implements: [{ xep: 490, version: '1.0.1', status: 'complete', note: 'with server assist' }],
  advertisesOnAccounts: [NS.mdsAssist],
  needs: [pep],
  provides: [displayedStates],
  options: {},
  setup(ctx) {
    const nodes = ctx.use(pep);
    const handlers: Array<(account: AccountRecord, chat: string, state: StanzaId) => Awaitable<void>> = [];
    nodes.defaults(NS.mds, PRIVATE);

    nodes.onPublished(NS.mds, ({ account, item }) => {
      const state = decodeDisplayedState(item.payload);
      if (state === undefined) return;
      return forEachReady(handlers, (handle) => handle(account, item.id, state));
    });

    /** A node that its owner has opened to others is not written to by the server: who reads what when is private. */
    const mayWrite = (account: AccountRecord, unasked: boolean): Awaitable<boolean> =>
      whenReady(nodes.configOf(account, NS.mds), (config) => (config === undefined ? !unasked : config.access_model === 'whitelist'));

    const assist = (event: { readonly from: Session; stanza: Stanza; readonly to: Jid }): Awaitable<void> => {
      if (event.stanza.name !== 'message') return;
      const taken = takeDisplayed(event.stanza);
      if (taken === undefined) return;
      // §4.5: a message that would be empty without it is not a way to say so.
      if (taken.rest.children.length === 0)
        throw new StanzaError('bad-request', { text: 'There is nothing in this message for its recipient.' });
      event.stanza = taken.rest;
      const { state } = taken;
      if (state === undefined) return;
      const { from, to } = event;
      return whenReady(mayWrite(from.account, false), (may) => {
        if (!may) return;
        const item = { id: to.toString(), payload: encodeDisplayedState(state) };
        return whenReady(nodes.publishAs(from.account, NS.mds, item), () => undefined);
      });
    };
    ctx.on(messageFromClient, 'guard', assist);
    ctx.on(stanzaToService, 'guard', assist);

    const stateOf = (account: AccountRecord, chat: string): Awaitable<StanzaId | undefined> =>
      whenReady(nodes.item(account, NS.mds, chat), (item) => decodeDisplayedState(item?.payload));
    const learnt = (account: AccountRecord, chat: string, state: StanzaId): Awaitable<void> =>
      whenReady(mayWrite(account, true), (may) => {
        if (!may) return;
        return whenReady(stateOf(account, chat), (before) => {
          if (before?.id === state.id && before.by === state.by) return;
          return whenReady(nodes.publishAs(account, NS.mds, { id: chat, payload: encodeDisplayedState(state) }), () => undefined);
        });
      });
    ctx.provide(displayedStates, { of: stateOf, onDisplayed: (handle) => void handlers.push(handle), learnt });

    // The list of conversations counts by the same state, whichever way it was told.
    const lists = ctx.find(conversationLists);
    if (lists === undefined) return;
    handlers.push((account, chat, state) =>
      state.by === `${account.localpart}@${account.domain}` ? lists.displayed(account, chat, state.id) : undefined,
    );
    lists.onDisplayed((account, jid, stanzaId) => learnt(account, jid, { by: `${account.localpart}@${account.domain}`, id: stanzaId }));
  },
});
