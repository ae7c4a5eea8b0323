/** XEP-0055: finding people on this server, among those who want to be found. */
import { accountRemoved, defineFeature, HourlyLimit, json } from '@parley/core';
import {
  decodeSearchRequest,
  encodeSearchFields,
  encodeSearchResult,
  Jid,
  NS,
  type PersonFound,
  SEARCH_FIELDS,
  type SearchTerms,
  StanzaError,
} from '@parley/protocol';
import { el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { blockLists } from '../blocking/service.ts';
import { asksEnough, foldAll, isFound, LEAST_LETTERS } from './rules.ts';

const PERSON = 'person';
const MOST_FOUND = 20;
const FIELD_LENGTH = 128;
/** People looked at without a pause. */
const SLICE = 200;
const CHANGES_PER_HOUR = 60;

export default defineFeature({
  name: 'user-search',
  about: 'People who want to be found can be found by name by the other people of the server.',
  implements: [
    { xep: 55, version: '1.3', status: 'complete', note: 'only where the operator allows it, and only people who want to be found' },
  ],
  options: {
    allowed: { reload: 'cold', type: 'boolean', default: false, about: 'People may be looked for at all.' },
    perHour: { reload: 'hot', type: 'integer', default: 60, min: 1, max: 10_000, about: 'Searches of one account in an hour.' },
  },
  setup(ctx) {
    // Nothing is announced and nothing answered where it is not allowed.
    if (!ctx.config.allowed) return;
    const { host } = ctx;
    ctx.advertise(NS.search);
    ctx.advertise(NS.userSearch);
    const table = ctx.table('user_search', json<SearchTerms>());
    const searches = new HourlyLimit(ctx.config.perHour);
    const changes = new HourlyLimit(CHANGES_PER_HOUR);
    ctx.onReload(() => {
      searches.perHour = ctx.config.perHour;
    });
    const bounded = (limit: HourlyLimit, account: number): void => {
      if (limit.take(String(account), ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too many searches. Try again later.' });
    };

    ctx.iq('get', 'host', { name: 'query', ns: NS.search }, () =>
      encodeSearchFields(`Fill in one or more fields, with ${LEAST_LETTERS} letters or more in each.`),
    );
    ctx.iq('set', 'host', { name: 'query', ns: NS.search }, async ({ from, account, payload }) => {
      bounded(searches, account.id);
      const request = decodeSearchRequest(payload);
      if (request === undefined) throw new StanzaError('bad-request', { text: 'The search is not valid.' });
      const terms = foldAll(request.terms);
      if (!asksEnough(terms))
        throw new StanzaError('not-acceptable', { type: 'modify', text: `Each field needs ${LEAST_LETTERS} letters or more.` });
      const blocks = ctx.find(blockLists);
      const found: PersonFound[] = [];
      let looked = 0;
      for (const id of await table.owners(PERSON)) {
        // Others have their turn in between, however many people there are.
        if (++looked % SLICE === 0) await new Promise<void>((resolve) => ctx.clock.after(1, resolve));
        if (found.length >= MOST_FOUND) break;
        const person = await table.get(id, PERSON);
        if (person === undefined || !isFound(foldAll(person), terms)) continue;
        const other = await ctx.accounts.byId(id);
        if (other === undefined || other.disabled) continue;
        const address = Jid.of(other.localpart, host);
        if ((await blocks?.between(account, from.jid, other, address)) === true) continue;
        found.push({ jid: address.bare, ...person });
      }
      return encodeSearchResult(found, request.form);
    });

    ctx.iq('get', 'account', { name: 'searchable', ns: NS.userSearch }, ({ account }) =>
      whenReady(table.get(account.id, PERSON), (person) =>
        el('searchable', { xmlns: NS.userSearch, visible: person !== undefined, ...person }),
      ),
    );
    ctx.iq('set', 'account', { name: 'searchable', ns: NS.userSearch }, ({ account, payload }) => {
      bounded(changes, account.id);
      const visible = payload.attr('visible');
      if (visible === 'false' || visible === '0') return table.delete(account.id, PERSON);
      const person: SearchTerms = {};
      for (const name of SEARCH_FIELDS) {
        const text = payload.attr(name)?.trim();
        if (text === undefined || text === '') continue;
        if (text.length > FIELD_LENGTH) throw new StanzaError('bad-request', { text: `A name has at most ${FIELD_LENGTH} characters.` });
        person[name] = text;
      }
      if ((visible !== 'true' && visible !== '1') || Object.keys(person).length === 0)
        throw new StanzaError('bad-request', { text: 'Who wants to be found gives a name to be found by.' });
      table.set(account.id, PERSON, person);
    });
    ctx.on(accountRemoved, 'clean', ({ account }) => table.deleteOwner(account.id));
  },
});
