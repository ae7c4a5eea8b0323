import { defineFeature, type IqCall, iqFromClient, json } from '@parley/core';
import { NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el, parseElement, serialize, utf8Encode } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { type PrivateKeeper, privateStorage } from './service.ts';

const QUERY = { name: 'query', ns: NS.privateStorage };
/** In no namespace that an element can have, so that each declares its own. */
const NOWHERE = '\u0000';
const keyOf = (element: Element): string => `${element.name} ${element.ns}`;

export default defineFeature({
  name: 'private-storage',
  about: "Keeps clients' own data on the server, for the account alone: the way older clients store bookmarks and settings.",
  implements: [{ xep: 49, version: '1.2', status: 'complete' }],
  advertises: [NS.privateStorage],
  advertisesOnAccounts: [NS.privateStorage],
  provides: [privateStorage],
  options: {
    maxElements: { reload: 'hot', type: 'integer', default: 100, min: 1, max: 10_000, about: 'Elements that one account may store.' },
    maxElementSize: { reload: 'hot', type: 'bytes', default: '64KiB', min: '1KiB', max: '1MiB', about: 'Size of one of them.' },
  },
  setup(ctx) {
    const { config } = ctx;
    const table = ctx.table('private', json<string>());
    const keepers = new Map<string, PrivateKeeper>();
    ctx.provide(privateStorage, { delegate: (name, ns, keeper) => void keepers.set(`${name} ${ns}`, keeper) });

    /** One kind of element at a time; several of that kind are one entry. */
    const kindIn = (payload: Element): { elements: Element[]; first: Element } => {
      const elements = payload.elements();
      const [first] = elements;
      if (first === undefined || first.ns === NS.privateStorage || first.ns === '')
        throw new StanzaError(first === undefined ? 'bad-request' : 'not-acceptable', {
          text: 'An element with a namespace of its own is needed.',
        });
      return { elements, first };
    };

    const get = ({ account, payload }: IqCall): Awaitable<Element> => {
      const { elements, first } = kindIn(payload);
      if (elements.length > 1) throw new StanzaError('not-acceptable', { text: 'Ask for one element at a time.' });
      const empty = el(first.name, { xmlns: first.ns });
      const query = (...content: Element[]): Element => el('query', { xmlns: NS.privateStorage }, ...content);
      const keeper = keepers.get(keyOf(first));
      if (keeper !== undefined) return whenReady(keeper.get(account), (element) => query(element ?? empty));
      return whenReady(table.get(account.id, keyOf(first)), (text) =>
        text === undefined ? query(empty) : query(...parseElement(`<r>${text}</r>`).elements()),
      );
    };

    const set = ({ account, payload }: IqCall): Awaitable<void> => {
      const { elements } = kindIn(payload);
      const kinds = new Map<string, Element[]>();
      for (const element of elements) {
        if (element.ns === NS.privateStorage || element.ns === '') throw new StanzaError('not-acceptable');
        const kind = kinds.get(keyOf(element));
        if (kind === undefined) kinds.set(keyOf(element), [element]);
        else kind.push(element);
      }
      return whenReady(table.list(account.id), (rows) => {
        const there = new Set(rows.map(({ key }) => key));
        const texts = new Map<string, string>();
        for (const [key, list] of kinds) {
          if (keepers.has(key)) continue;
          const text = list.map((element) => serialize(element, NOWHERE)).join('');
          if (utf8Encode(text).length > config.maxElementSize)
            throw new StanzaError('not-acceptable', { text: `An element holds at most ${config.maxElementSize} bytes.` });
          texts.set(key, text);
          there.add(key);
        }
        if (there.size > config.maxElements)
          throw new StanzaError('resource-constraint', { type: 'wait', text: `An account stores at most ${config.maxElements} elements.` });
        const kept = forEachReady(kinds, ([key, [first]]) => (first === undefined ? undefined : keepers.get(key)?.set(account, first)));
        return whenReady(kept, () => {
          for (const [key, text] of texts) table.set(account.id, key, text);
        });
      });
    };
    ctx.iq('get', 'account', QUERY, get);
    ctx.iq('set', 'account', QUERY, set);
    // §3: it is nobody else's, whoever is (not) there.
    ctx.on(iqFromClient, 'guard', ({ from, stanza, to }) => {
      if (to !== undefined && to.local !== '' && to.bare !== from.bare && stanza.has('query', NS.privateStorage))
        throw new StanzaError('forbidden');
    });
  },
});
