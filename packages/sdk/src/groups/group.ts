import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import type { Journal } from '../conversations/journal.ts';
import type { ConversationState } from '../conversations/state.ts';
import { ChatError, ignoreRefusal } from '../errors.ts';
import { bareOf } from '../messages/facts.ts';
import { roleOf } from '../messages/group-facts.ts';
import { MAX_NAME_LENGTH, MAX_TIMER_SECONDS } from '../messages/limits.ts';
import { Cell } from '../observable.ts';
import { GROUPS } from '../sync/features.ts';
import type { BlobLike, Group, GroupDelivery, GroupMember, GroupRole } from '../types.ts';
import { configuration, MUC_ADMIN, MUC_OWNER } from './form.ts';

/** As many members as are shown. */
const MAX_MEMBERS = 10_000;
/** Pictures of groups travel in one stanza. */
const MAX_PICTURE_BYTES = 100_000;
const ROLES = ['owner', 'admin', 'member'] as const;

/** The connection, or `offline`. */
export function online(context: Context): Session {
  const { session } = context.connection;
  if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
  return session;
}

/** What can be done with one group: affiliations, configuration and picture of its room (XEP-0045, XEP-0486). */
export class GroupRef implements Group {
  readonly #context: Context;
  readonly #journal: Journal;
  readonly #state: ConversationState;
  readonly members: Cell<readonly GroupMember[] | undefined>;
  #asking: Promise<void> | undefined;
  #again = false;

  constructor(context: Context, journal: Journal, state: ConversationState) {
    this.#context = context;
    this.#journal = journal;
    this.#state = state;
    this.members = new Cell<readonly GroupMember[] | undefined>(undefined, (watched) => {
      if (watched) this.refresh();
    });
  }

  /** Asks for the members again, when somebody looks. */
  refresh(): void {
    if (!this.members.watched || this.#context.connection.session?.online !== true) return;
    // What changed while an answer was on its way may not be in it.
    this.#again = this.#asking !== undefined;
    this.#asking ??= this.#ask()
      .catch((error: unknown) => this.#context.report(error))
      .finally(() => {
        this.#asking = undefined;
        if (this.#again) this.refresh();
      });
  }

  async #ask(): Promise<void> {
    const session = online(this.#context);
    const [, ...lists] = await Promise.all([this.#info(session), ...ROLES.map((role) => this.#affiliated(session, role))]);
    const members = lists.flat().slice(0, MAX_MEMBERS);
    if (members.length === 0) return;
    this.members.set(Object.freeze(members));
    const { group } = this.#state.record;
    const own = members.find(({ mine }) => mine);
    if (group !== undefined && own !== undefined && own.role !== group.affiliation) {
      await this.#journal.changeConversation(this.#state, { group: { ...group, affiliation: own.role } });
    }
  }

  async #affiliated(session: Session, role: GroupRole): Promise<GroupMember[]> {
    const { me } = this.#context;
    try {
      const query = el('query', { xmlns: MUC_ADMIN }, el('item', { affiliation: role }));
      const result = await session.iq(el('iq', { type: 'get', to: this.#state.id }, query));
      const items = result.child('query', MUC_ADMIN)?.childrenNamed('item', MUC_ADMIN) ?? [];
      return items.flatMap((item) => {
        const id = bareOf(item.attr('jid') ?? '');
        return id === '' ? [] : [Object.freeze({ id, mine: id === me, role, nick: item.attr('nick')?.slice(0, MAX_NAME_LENGTH) })];
      });
    } catch (error) {
      ignoreRefusal(error);
      return [];
    }
  }

  async #affiliate(items: readonly { readonly jid: string; readonly affiliation: GroupRole }[]): Promise<void> {
    const query = el('query', { xmlns: MUC_ADMIN }, ...items.map((item) => el('item', { ...item })));
    await online(this.#context).iq(el('iq', { type: 'set', to: this.#state.id }, query));
    this.refresh();
  }

  add(ids: readonly string[]): Promise<void> {
    return this.#affiliate(ids.map((jid) => ({ jid, affiliation: 'member' })));
  }

  remove(id: string): Promise<void> {
    return this.#affiliate([{ jid: id, affiliation: 'none' }]);
  }

  setRole(id: string, role: 'owner' | 'admin' | 'member'): Promise<void> {
    return this.#affiliate([{ jid: id, affiliation: role }]);
  }

  async change({ name, description }: { readonly name?: string; readonly description?: string }): Promise<void> {
    const fields: Record<string, string> = {};
    if (name !== undefined) {
      if (name.trim() === '') throw new ChatError('invalid-argument', 'A group needs a name');
      fields['muc#roomconfig_roomname'] = name.trim().slice(0, MAX_NAME_LENGTH);
    }
    if (description !== undefined) fields['muc#roomconfig_roomdesc'] = description.trim().slice(0, MAX_NAME_LENGTH);
    const session = online(this.#context);
    await session.iq(el('iq', { type: 'set', to: this.#state.id }, el('query', { xmlns: MUC_OWNER }, configuration(fields))));
    const { group } = this.#state.record;
    if (group === undefined) return;
    const next = {
      ...group,
      ...(name === undefined ? {} : { name: name.trim() }),
      ...(description === undefined ? {} : { description: description.trim() }),
    };
    await this.#journal.changeConversation(this.#state, { group: next });
  }

  async setPicture(picture: BlobLike | undefined): Promise<void> {
    const card = await pictureCard(picture);
    await online(this.#context).iq(el('iq', { type: 'set', to: this.#state.id }, card));
  }

  async leave(): Promise<void> {
    const session = online(this.#context);
    await session.iq(el('iq', { type: 'set', to: this.#state.id }, el('query', { xmlns: NS.register }, el('remove'))));
    const { group } = this.#state.record;
    if (group !== undefined) await this.#journal.changeConversation(this.#state, { group: { ...group, affiliation: 'none' } });
  }

  async delivery(messageId: string): Promise<readonly GroupDelivery[]> {
    const record = await this.#context.store.message(messageId);
    if (record === undefined || record.serverId === undefined) throw new ChatError('not-found', 'The group does not have this message');
    const query = el('delivery', { xmlns: GROUPS, id: record.serverId });
    const result = await online(this.#context).iq(el('iq', { type: 'get', to: this.#state.id }, query));
    const members = result.child('delivery', GROUPS)?.childrenNamed('member', GROUPS) ?? [];
    return members.slice(0, MAX_MEMBERS).map((member) => ({
      personId: bareOf(member.attr('jid') ?? ''),
      delivered: member.attr('delivered') === 'true',
      read: member.attr('read') === 'true',
    }));
  }

  /** Name and description, as the room tells them (XEP-0045 §6.4). */
  async #info(session: Session): Promise<void> {
    try {
      const result = await session.iq(el('iq', { type: 'get', to: this.#state.id }, el('query', { xmlns: NS.discoInfo })));
      const query = result.child('query', NS.discoInfo);
      const fields = query?.child('x', NS.dataForms)?.childrenNamed('field', NS.dataForms) ?? [];
      const field = fields.find((one) => one.attr('var') === 'muc#roominfo_description')?.childText('value', NS.dataForms);
      const told = query
        ?.childrenNamed('identity', NS.discoInfo)
        .find((one) => one.attr('category') === 'conference')
        ?.attr('name');
      const { group } = this.#state.record;
      if (group === undefined) return;
      const description = (field ?? group.description ?? '').slice(0, MAX_NAME_LENGTH);
      const name = (told === undefined || told === '' ? group.name : told).slice(0, MAX_NAME_LENGTH);
      if (description === (group.description ?? '') && name === group.name) return;
      await this.#journal.changeConversation(this.#state, { group: { ...group, name, description } });
    } catch (error) {
      ignoreRefusal(error);
    }
  }
}

/** A vCard with nothing but a picture (XEP-0054, XEP-0486). */
export async function pictureCard(picture: BlobLike | undefined): Promise<Element> {
  if (picture === undefined) return el('vCard', { xmlns: NS.vcard });
  if (picture.size > MAX_PICTURE_BYTES) throw new ChatError('too-large', 'The picture is too large', { maxBytes: MAX_PICTURE_BYTES });
  const bytes = new Uint8Array(await picture.arrayBuffer());
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return el('vCard', { xmlns: NS.vcard }, el('PHOTO', null, el('TYPE', null, picture.type), el('BINVAL', null, btoa(binary))));
}

/** What a `<group/>` says of a group; undefined when it is none. */
export function decodeGroup(element: Element):
  | {
      readonly id: string;
      readonly name: string;
      readonly nick: string;
      readonly affiliation: GroupRole;
      readonly avatar: string | undefined;
      /** Seconds (XEP-0466). */
      readonly timer: number;
    }
  | undefined {
  const id = bareOf(element.attr('jid') ?? '');
  if (!id.includes('@')) return undefined;
  return {
    id,
    name: (element.attr('name') ?? '').slice(0, MAX_NAME_LENGTH),
    nick: (element.attr('nick') ?? '').slice(0, MAX_NAME_LENGTH),
    affiliation: roleOf(element.attr('affiliation')) ?? 'none',
    avatar: /^[0-9a-f]{40}$/.exec(element.attr('avatar') ?? '')?.[0],
    timer: Math.min(MAX_TIMER_SECONDS, Number(/^\d{1,10}$/.exec(element.attr('timer') ?? '')?.[0] ?? 0)),
  };
}
