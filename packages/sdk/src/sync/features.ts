import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ignoreRefusal } from '../errors.ts';
import { Cell } from '../observable.ts';
import type { ServerFeatures } from '../types.ts';

const KEPT = 'server.features';
/** Services of the domain that are asked what they are. */
const MAX_SERVICES = 20;
const MAX_FEATURES = 500;

/** docs/protocol/groups.md */
export const GROUPS = 'urn:parley:groups:0';
/** docs/protocol/push.md */
export const PUSH = 'urn:parley:push:0';
/** XEP-0494 */
export const DEVICES = 'urn:xmpp:cam:0';
const MUC = 'http://jabber.org/protocol/muc';

const NOTHING: ServerFeatures = Object.freeze({
  conversations: false,
  groups: undefined,
  push: false,
  textSearch: false,
  avatars: false,
  devices: false,
  disappearing: false,
});

/** What the server can do (XEP-0030), asked at each new session and kept for times without a network. */
export class Features {
  readonly cell = new Cell<ServerFeatures>(NOTHING);
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async load(): Promise<void> {
    const kept = await this.#context.store.value(KEPT);
    if (typeof kept === 'object' && kept !== null) this.cell.set(Object.freeze({ ...NOTHING, ...(kept as Partial<ServerFeatures>) }));
  }

  clear(): void {
    this.cell.set(NOTHING);
  }

  /** Asks anew. Rejects when the connection breaks. */
  async fetch(session: Session): Promise<ServerFeatures> {
    const [account, host, conference] = await Promise.all([
      this.#info(session, undefined),
      this.#info(session, session.domain),
      this.#conference(session),
    ]);
    const next: ServerFeatures = Object.freeze({
      conversations: account.has(NS.conversations),
      groups: account.has(GROUPS) ? conference : undefined,
      push: account.has(PUSH) || host.has(PUSH),
      textSearch: account.has('urn:xmpp:fulltext:0'),
      avatars: account.has('http://jabber.org/protocol/pubsub#publish'),
      devices: account.has(DEVICES) || host.has(DEVICES),
      disappearing: account.has('urn:xmpp:ephemeral:0') || host.has('urn:xmpp:ephemeral:0'),
    });
    const before = this.cell.snapshot();
    const same = (Object.keys(next) as (keyof ServerFeatures)[]).every((key) => before[key] === next[key]);
    if (!same) {
      this.cell.set(next);
      const { groups, ...others } = next;
      await this.#context.store.commit({ values: { [KEPT]: groups === undefined ? others : { ...others, groups } } });
    }
    return this.cell.snapshot();
  }

  async #info(session: Session, to: string | undefined): Promise<ReadonlySet<string>> {
    try {
      const result = await session.iq(el('iq', { type: 'get', to: to ?? session.bare }, el('query', { xmlns: NS.discoInfo })));
      const query = result.child('query', NS.discoInfo);
      const names = query?.childrenNamed('feature', NS.discoInfo).slice(0, MAX_FEATURES) ?? [];
      return new Set(names.map((feature) => feature.attr('var') ?? ''));
    } catch (error) {
      ignoreRefusal(error);
      return new Set();
    }
  }

  /** The domain that group chats live on (XEP-0045 §6.1). */
  async #conference(session: Session): Promise<string | undefined> {
    try {
      const result = await session.iq(el('iq', { type: 'get', to: session.domain }, el('query', { xmlns: NS.discoItems })));
      const items = result.child('query', NS.discoItems)?.childrenNamed('item', NS.discoItems) ?? [];
      const domains = items.flatMap((item) => (item.attr('node') === undefined ? (item.attr('jid') ?? []) : [])).slice(0, MAX_SERVICES);
      const found = await Promise.all(domains.map(async (domain) => ((await this.#info(session, domain)).has(MUC) ? domain : undefined)));
      return found.find((domain) => domain !== undefined);
    } catch (error) {
      ignoreRefusal(error);
      return undefined;
    }
  }
}
