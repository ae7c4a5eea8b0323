import { defineFeature, type IqCall } from '@parley/core';
import { type DataForm, type DiscoInfo, type DiscoItem, encodeDiscoInfo, encodeDiscoItems, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { rosters } from '../roster/service.ts';
import { ACCOUNT_IDENTITY, HOST_IDENTITY, sortedFeatures } from './rules.ts';
import { type AccountDisco, disco, type HostNodes } from './service.ts';

const INFO = { name: 'query', ns: NS.discoInfo };
const ITEMS = { name: 'query', ns: NS.discoItems };

export default defineFeature({
  name: 'disco',
  about: 'Tells clients what this server and its accounts can do.',
  implements: [
    { xep: 30, version: '2.5.0', status: 'complete' },
    { xep: 128, version: '1.0.1', status: 'complete' },
  ],
  advertises: [NS.discoInfo, NS.discoItems],
  advertisesOnAccounts: [NS.discoInfo, NS.discoItems],
  needs: [rosters],
  provides: [disco],
  options: {},
  setup(ctx) {
    const nodes: Array<(node: string) => boolean> = [];
    const forms: DataForm[] = [];
    const more: AccountDisco[] = [];
    const hostNodes: HostNodes[] = [];
    const hostInfo = (): DiscoInfo => ({
      identities: [HOST_IDENTITY],
      features: sortedFeatures(ctx.advertised('host')),
      forms: forms.length === 0 ? undefined : forms,
    });
    ctx.provide(disco, {
      hostInfo,
      alsoAt: (known) => nodes.push(known),
      onAccounts: (one) => {
        more.push(one);
        return () => void more.splice(more.indexOf(one), 1);
      },
      onHost: (one) => {
        hostNodes.push(one);
        return () => void hostNodes.splice(hostNodes.indexOf(one), 1);
      },
      addForm: (form) => {
        forms.push(form);
        return () => void forms.splice(forms.indexOf(form), 1);
      },
    });

    const nodeOf = (payload: Element): string => payload.attr('node') ?? '';
    const accountInfo = ({ account, from, payload }: IqCall): Awaitable<Element> => {
      const node = nodeOf(payload);
      if (node !== '')
        return whenReady(
          firstOf(more, (one) => one.node(account, from.bare, node)),
          (info) => {
            if (info === undefined) throw new StanzaError('item-not-found');
            return encodeDiscoInfo(info);
          },
        );
      const identities = [ACCOUNT_IDENTITY, ...more.flatMap((one) => one.identities)];
      return encodeDiscoInfo({ identities, features: sortedFeatures(ctx.advertised('account')) });
    };
    const accountItems = ({ account, from, payload }: IqCall): Awaitable<Element> => {
      const node = nodeOf(payload);
      if (node !== '')
        return whenReady(
          firstOf(more, (one) => one.nodeItems(account, from.bare, node)),
          (items) => {
            if (items === undefined) throw new StanzaError('item-not-found');
            return encodeDiscoItems({ node, items: [...items] });
          },
        );
      const items: DiscoItem[] = [];
      const all = forEachReady(more, (one) => whenReady(one.items(account, from.bare), (list) => void items.push(...list)));
      return whenReady(all, () => encodeDiscoItems({ items }));
    };
    /** Strangers get what they would get of an account that is not there (XEP-0030 §8). */
    const toContacts =
      (answer: (call: IqCall) => Awaitable<Element>) =>
      (call: IqCall): Awaitable<Element> =>
        whenReady(ctx.use(rosters).isSubscriber(call.account, call.from.bare), (allowed) => {
          if (!allowed) throw new StanzaError('service-unavailable');
          return answer(call);
        });

    ctx.iq('get', 'host', INFO, ({ from, payload }) => {
      const node = nodeOf(payload);
      for (const one of node === '' ? [] : hostNodes) {
        const info = one.node(from, node);
        if (info !== undefined) return encodeDiscoInfo({ ...info, node });
      }
      if (node !== '' && !nodes.some((known) => known(node))) throw new StanzaError('item-not-found');
      return encodeDiscoInfo({ ...hostInfo(), node: node === '' ? undefined : node });
    });
    ctx.iq('get', 'host', ITEMS, ({ from, payload }) => {
      const node = nodeOf(payload);
      for (const one of node === '' ? [] : hostNodes) {
        const items = one.items(from, node);
        if (items !== undefined) return encodeDiscoItems({ node, items: [...items] });
      }
      if (node !== '') throw new StanzaError('item-not-found');
      return encodeDiscoItems({ items: ctx.services().map(({ jid, name }) => ({ jid, name })) });
    });
    ctx.iq('get', 'account', INFO, accountInfo);
    ctx.iq('get', 'account', ITEMS, accountItems);
    ctx.iq('get', 'contact', INFO, toContacts(accountInfo));
    ctx.iq('get', 'contact', ITEMS, toContacts(accountItems));
  },
});

/** The first answer that is one. */
function firstOf<S, T>(sources: readonly S[], ask: (source: S) => Awaitable<T | undefined>, from = 0): Awaitable<T | undefined> {
  const source = sources[from];
  if (source === undefined) return undefined;
  return whenReady(ask(source), (answer) => answer ?? firstOf(sources, ask, from + 1));
}
