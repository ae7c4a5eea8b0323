import { type Element, el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import type { Journal } from '../conversations/journal.ts';
import type { ConversationState } from '../conversations/state.ts';
import { ChatError } from '../errors.ts';
import { bareOf } from '../messages/facts.ts';
import { MAX_NAME_LENGTH } from '../messages/limits.ts';
import { parseUser } from '../people/contacts.ts';
import { GROUPS } from '../sync/features.ts';
import { ROOM_CURSOR } from '../sync/sync.ts';
import type { BlobLike, Conversation, Groups, Notice } from '../types.ts';
import { configuration, MUC_OWNER } from './form.ts';
import { decodeGroup, GroupRef, online } from './group.ts';

/** Groups whose newest messages a fresh device reads at once; the others are read when they are opened. */
const READ_AT_ONCE = 30;
const MAX_GROUPS = 5_000;

/** What the groups need of the rooms around them. */
export interface GroupsHost {
  readonly context: Context;
  readonly journal: Journal;
  states(): Iterable<ConversationState>;
  conversation(id: string): Conversation;
  /** A group has this picture now; '' is none. */
  picture(id: string, hash: string): void;
  /** Reads the newest messages of a group this device knows nothing of. */
  read(session: Session, state: ConversationState): Promise<void>;
}

/** The account's groups (docs/protocol/groups.md): taken without joining, listed, made. */
export class GroupBook implements Groups {
  readonly #host: GroupsHost;
  readonly #refs = new Map<ConversationState, GroupRef>();

  constructor(host: GroupsHost) {
    this.#host = host;
  }

  ref(state: ConversationState): GroupRef {
    let ref = this.#refs.get(state);
    if (ref === undefined) {
      ref = new GroupRef(this.#host.context, this.#host.journal, state);
      this.#refs.set(state, ref);
    }
    return ref;
  }

  clear(): void {
    this.#refs.clear();
  }

  /** Takes the messages of all groups from here on; before the initial presence. */
  async enable(session: Session): Promise<void> {
    const after = await this.#host.context.store.value(ROOM_CURSOR);
    const result = await session.iq(
      el('iq', { type: 'set' }, el('enable', { xmlns: GROUPS, after: typeof after === 'string' ? after : undefined })),
    );
    const begins = result.child('enabled', GROUPS)?.attr('after');
    // A device that asks for the first time begins now; the next time it says so itself.
    if (after === undefined && begins !== undefined) await this.#host.context.store.commit({ values: { [ROOM_CURSOR]: begins } });
  }

  /** Reads the list, and the newest messages of groups that are new here. */
  async fetch(session: Session): Promise<void> {
    const { journal, context } = this.#host;
    const result = await session.iq(el('iq', { type: 'get' }, el('groups', { xmlns: GROUPS })));
    const list = (result.child('groups', GROUPS)?.childrenNamed('group', GROUPS) ?? [])
      .slice(0, MAX_GROUPS)
      .flatMap((one) => decodeGroup(one) ?? []);
    const fresh: ConversationState[] = [];
    for (const { id, timer, ...group } of list) {
      const state = context.conversationState(id);
      const before = state.record.group;
      if (before === undefined || before.affiliation === 'none') fresh.push(state);
      await this.#keep(state, { ...before, ...group }, timer);
    }
    // Out of those it is no longer in, whoever said so while this device was away.
    const listed = new Set(list.map(({ id }) => id));
    for (const state of this.#host.states()) {
      const { group } = state.record;
      if (group !== undefined && group.affiliation !== 'none' && !listed.has(state.id)) {
        await journal.changeConversation(state, { group: { ...group, affiliation: 'none' } });
      }
    }
    for (const { id, avatar } of list) this.#host.picture(id, avatar ?? '');
    for (const state of fresh.slice(0, READ_AT_ONCE)) await this.#host.read(session, state);
    for (const ref of this.#refs.values()) ref.refresh();
  }

  async #keep(state: ConversationState, group: NonNullable<ConversationState['record']['group']>, timer: number): Promise<void> {
    const before = state.record.group;
    const same = before !== undefined && (Object.keys(group) as (keyof typeof group)[]).every((key) => before[key] === group[key]);
    // Nobody asks a group's members whether they may know that we are here.
    if (!same || (state.record.timer ?? 0) !== timer) await this.#host.journal.changeConversation(state, { group, answered: true, timer });
  }

  /** The server says that the account is in a group, or no more. True: the stanza was about that. */
  take(stanza: Element): boolean {
    const element = stanza.child('group', GROUPS);
    if (element === undefined) return false;
    const { context } = this.#host;
    const told = decodeGroup(element);
    // A group speaks for itself only.
    if (told === undefined || told.id !== bareOf(stanza.attr('from') ?? '')) return true;
    const { id, timer, ...group } = told;
    const state = context.conversationState(id);
    const before = state.record.group;
    const entered =
      group.affiliation !== 'none' && group.affiliation !== 'outcast' && (before === undefined || before.affiliation === 'none');
    const change = async (): Promise<void> => {
      await this.#keep(state, { ...before, ...group, name: group.name === '' ? (before?.name ?? '') : group.name }, timer);
      this.#host.picture(id, group.avatar ?? '');
      const { session } = context.connection;
      if (entered && session?.online === true) await this.#host.read(session, state);
      this.#refs.get(state)?.refresh();
    };
    change().catch((error: unknown) => context.report(error));
    return true;
  }

  /** Something happened in a group: whoever looks at the members sees it, and the own role follows. */
  changed(state: ConversationState, { kind, personId }: Notice): void {
    const { context, journal } = this.#host;
    const { group } = state.record;
    if (kind !== 'subject' && kind !== 'timer' && personId === context.me && group !== undefined && group.affiliation !== kind) {
      journal.changeConversation(state, { group: { ...group, affiliation: kind } }).catch((error: unknown) => context.report(error));
    }
    this.#refs.get(state)?.refresh();
  }

  async create(options: {
    readonly name: string;
    readonly members: readonly string[];
    readonly picture?: BlobLike | undefined;
  }): Promise<Conversation> {
    const { context, journal } = this.#host;
    const service = context.features().groups;
    if (service === undefined) throw new ChatError('not-supported', 'This server has no groups');
    const name = options.name.trim().slice(0, MAX_NAME_LENGTH);
    if (name === '') throw new ChatError('invalid-argument', 'A group needs a name');
    const members = options.members.map((id) => parseUser(id, context.domain)).filter((id) => id !== context.me);
    const session = online(context);
    // Nobody guesses it: to know the address is not enough to come in, but why tell.
    const id = `${context.newId().slice(0, 16)}@${service}`;
    const form = configuration({ 'muc#roomconfig_roomname': name, '{urn:parley:groups:0}members': members });
    await session.iq(el('iq', { type: 'set', to: id }, el('query', { xmlns: MUC_OWNER }, form)));
    const state = context.conversationState(id);
    const nick = state.record.group?.nick ?? context.me.slice(0, context.me.indexOf('@'));
    await journal.changeConversation(state, { group: { name, nick, affiliation: 'owner' }, answered: true });
    if (options.picture !== undefined) await this.ref(state).setPicture(options.picture);
    return this.#host.conversation(id);
  }
}
