import {
  accountCreated,
  accountRemoved,
  ConfigError,
  defineFeature,
  deviceForgotten,
  type ServiceStanza,
  type Session,
  sessionEnded,
  sessionRestored,
  sessionResumed,
} from '@parley/core';
import { encodeDiscoItems, Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { blockLists } from '../blocking/service.ts';
import { change, readList } from './admin.ts';
import { changeAffiliation } from './affiliations.ts';
import { canSearch, metadata, query, queryFields } from './archive.ts';
import { readCard, writeCard } from './avatar.ts';
import { reservedNick, roomInfo, roomItems, Searches, searchForm, serviceInfo, serviceItems } from './disco.ts';
import { HAT_COMMANDS, hatCommand } from './hats.ts';
import { Hub } from './hub.ts';
import { normalMessage } from './invitations.ts';
import { listOf, oneOf, restoreGroups, serveMembership } from './membership.ts';
import { groupMessage } from './messages.ts';
import { endVisits, presence, remove, selfPing } from './occupants.ts';
import { options } from './options.ts';
import { ownerRequest, readConfig } from './owner.ts';
import { privateMessage, Requests } from './private.ts';
import { register, registrationForm } from './registration.ts';
import { moderate } from './retraction.ts';
import { isMember } from './rules.ts';
import { Seen } from './seen.ts';
import { groups, roomTransfer } from './service.ts';
import { roomTransferOf } from './transfer.ts';
import { Trimmer } from './trim.ts';

const COMMANDS = 'http://jabber.org/protocol/commands';

type Call = ServiceStanza & { readonly session: Session };

function domainOf(host: string, config: { readonly host: string }): string {
  const domain = Jid.tryParse(`${config.host}.${host}`)?.domain;
  if (domain === undefined || !domain.endsWith(`.${host}`)) throw new ConfigError('features.muc.host is not the name of a host.');
  return domain;
}

export default defineFeature({
  name: 'muc',
  about: 'Group chats: rooms that any client can join, and groups whose members have every message without joining.',
  implements: [
    { xep: 45, version: '1.35.5', status: 'complete', note: 'for those who have accounts here' },
    { xep: 249, version: '1.2', status: 'complete' },
    { xep: 317, version: '0.3.1', status: 'complete' },
    { xep: 410, version: '1.1.0', status: 'complete' },
    { xep: 421, version: '1.0.1', status: 'complete' },
    { xep: 425, version: '0.3.0', status: 'complete' },
    { xep: 433, version: '0.1.0', status: 'complete', note: 'the public rooms of this server' },
    { xep: 463, version: '0.2.0', status: 'complete' },
    { xep: 486, version: '0.1.0', status: 'complete' },
    { xep: 500, version: '0.1.1', status: 'complete' },
  ],
  advertisesOnAccounts: [NS.groups],
  provides: [groups, roomTransfer],
  options,
  domains: (host, config) => [domainOf(host, config)],
  async setup(ctx) {
    const domain = domainOf(ctx.host, ctx.config);
    const hub = new Hub(ctx, domain);
    hub.seen = new Seen(hub);
    hub.trimmer = new Trimmer(hub);
    const requests = new Requests();
    const searches = new Searches();
    await hub.store.open();
    await forgetTemporary(hub);
    hub.blocks = ctx.find(blockLists);
    // People of other domains of the server come into these rooms, and those of this one go into theirs.
    const hubs = ctx.once('hubs', () => new Set<Hub>());
    hubs.add(hub);
    ctx.mailboxes.onSourcesTaken = (session, seq) => {
      for (const one of hubs) {
        one.seen.taken(session, seq);
        one.trimmer.taken(session);
      }
    };
    ctx.defer(() => {
      ctx.mailboxes.onSourcesTaken = undefined;
      hubs.delete(hub);
    });
    ctx.provide(groups, {
      of: (account) => listOf(hub, account),
      membership: (account, jid) => oneOf(hub, account, jid),
      onMessage: (handle) => hub.onMessage(handle),
      onTakenBack: (handle) => hub.onTakenBack(handle),
    });
    ctx.provide(roomTransfer, roomTransferOf(hub));
    serveMembership(hub, ctx);

    hub.service = ctx.service(
      domain,
      {
        presence: (call) => presence(hub, call),
        message: (call) => message(hub, call),
        iq: (call) => {
          const { type } = call.stanza;
          if (type === 'result' || type === 'error') return requests.answered(call);
          if (call.session === undefined) throw new StanzaError('service-unavailable');
          const { session } = call;
          return whenReady(request(hub, requests, searches, { ...call, session }), (answer) => {
            if (answer !== PASSED) hub.service.reply(call, answer ?? undefined);
          });
        },
      },
      { name: 'Group chats' },
    );

    ctx.on(sessionEnded, 'clean', ({ session }) => hub.listeners.end(session));
    // Presence was left out while the device was away: it comes in anew and is told everything.
    ctx.on(sessionResumed, 'watch', ({ session }) => {
      for (const mailbox of [...(session.sources?.list.keys() ?? [])]) {
        for (const one of hubs) {
          const room = one.byId(mailbox);
          const seat = room?.seat(session);
          if (room !== undefined && seat?.missed === true) remove(one, room, seat, { statuses: [333] });
        }
      }
    });
    // D14: a session outlives its process; its groups go on, its visits to rooms are over.
    const restored = new WeakSet<Session>();
    ctx.on(sessionRestored, 'watch', ({ session }) => {
      restored.add(session);
      return restoreGroups(hub, session);
    });
    ctx.on(sessionResumed, 'watch', ({ session }) => {
      if (restored.delete(session)) endVisits(session);
    });
    // D9: nothing waits for a device that was signed out.
    ctx.on(deviceForgotten, 'clean', ({ account, device }) => forgetDevice(hub, account, device));
    // R10: a namesake inherits nothing.
    const forget = async ({ localpart, domain }: AccountRecord): Promise<void> => {
      for (const one of hubs) await forgetPerson(one, `${localpart}@${domain}`);
    };
    ctx.on(accountRemoved, 'clean', ({ account }) => forget(account));
    ctx.on(accountCreated, 'watch', ({ account }) => forget(account));
  },
});

/** A temporary room ends when everybody has left: when the server stopped, everybody had. */
async function forgetTemporary(hub: Hub): Promise<void> {
  for (const id of await hub.store.temporary()) {
    const record = await hub.store.room(id);
    if (record === undefined) continue;
    hub.store.remove(record, undefined);
    hub.ctx.mailboxes.store.trim(id, Number.MAX_SAFE_INTEGER);
  }
}

async function forgetPerson(hub: Hub, bare: string): Promise<void> {
  for (const id of await hub.store.roomsOf(bare)) {
    const record = await hub.store.room(id);
    const room = record === undefined ? undefined : await hub.room(record.local);
    if (room === undefined) continue;
    const owners = room.owners();
    const wasMember = isMember(room.affiliationOf(bare));
    changeAffiliation(hub, room, { bare, affiliation: 'none' });
    // The room is not left without anybody who may decide: the oldest admin or member takes over.
    if (wasMember && owners.length === 1 && owners[0] === bare) succeed(hub, room);
  }
}

async function forgetDevice(hub: Hub, account: AccountRecord, device: string): Promise<void> {
  for (const id of await hub.store.roomsOf(`${account.localpart}@${account.domain}`)) {
    hub.ctx.mailboxes.store.removeCursor(id, `${account.id}/${device}`);
    hub.trimmer.changed(id);
  }
}

function succeed(hub: Hub, room: import('./room.ts').Room): void {
  const heirs = [...room.affiliations].filter(([, { affiliation }]) => affiliation === 'admin' || affiliation === 'member');
  heirs.sort(([, a], [, b]) => Number(b.affiliation === 'admin') - Number(a.affiliation === 'admin') || a.since - b.since);
  const [heir] = heirs;
  if (heir === undefined) return room.empty ? hub.drop(room) : undefined;
  const [bare, { account }] = heir;
  changeAffiliation(hub, room, { bare, affiliation: 'owner', ...(account === undefined ? undefined : { account }) });
}

function message(hub: Hub, call: ServiceStanza): void | Promise<void> {
  const { stanza, to, session } = call;
  if (stanza.type === 'error') return;
  if (session === undefined || to.local === '') throw new StanzaError('service-unavailable');
  const own: Call = { ...call, session };
  if (stanza.type === 'groupchat') return groupMessage(hub, own);
  if (to.resource !== '') return privateMessage(hub, own);
  return whenReady(normalMessage(hub, own), (handled) => {
    // §7.4: a room relays what is of type groupchat, and nothing else.
    if (!handled) throw new StanzaError('bad-request', { by: to.bare, text: 'A message to a room is of type groupchat.' });
  });
}

const PASSED = Symbol('passed on');

function request(hub: Hub, requests: Requests, searches: Searches, call: Call): Awaitable<Element | void | typeof PASSED> {
  const { stanza, to, session } = call;
  const [child] = stanza.children;
  const payload = child === undefined ? undefined : stanza.child(child.name, child.ns);
  if (payload === undefined) throw new StanzaError('bad-request');
  const key = `${stanza.type} ${payload.name} ${payload.ns}`;
  if (to.local === '') return serviceRequest(hub, searches, session, key, payload, to);
  if (to.resource !== '') {
    const room = hub.inMemory(to.local);
    const seat = room?.seat(session);
    // XEP-0410 §3.3: the answer is whether this device is there, not whether another of the same name answers.
    if (payload.name === 'ping' && payload.ns === NS.ping && (seat === undefined || seat.occupant.nick === to.resource))
      return selfPing(room, session, to.resource);
    return whenReady(hub.existing(to.local), (there): typeof PASSED => {
      // §6.6: what is asked of somebody by an outsider is no request for the room.
      if (!there.seats.has(session))
        throw new StanzaError(payload.ns === NS.discoInfo || payload.ns === NS.discoItems ? 'bad-request' : 'not-acceptable', {
          by: to.bare,
        });
      requests.passOn(hub, there, call);
      return PASSED;
    });
  }
  if (key === `set query ${NS.mucOwner}`) return ownerRequest(hub, call, payload);
  return whenReady(hub.known(to.local, session), (room) => roomRequest(hub, room, call, key, payload));
}

function serviceRequest(hub: Hub, searches: Searches, session: Session, key: string, payload: Element, to: Jid): Awaitable<Element | void> {
  if (to.resource !== '') throw new StanzaError('service-unavailable');
  switch (key) {
    case `get query ${NS.discoInfo}`:
      return serviceInfo(payload.attr('node') ?? '');
    case `get query ${NS.discoItems}`:
      if ((payload.attr('node') ?? '') !== '') throw new StanzaError('item-not-found');
      return serviceItems(hub, payload);
    case `get search ${NS.channelSearch}`:
      return payload.child('x', NS.dataForms) === undefined ? searchForm() : searches.run(hub, session, payload);
    case `get ping ${NS.ping}`:
      return;
    default:
      throw new StanzaError('service-unavailable');
  }
}

function roomRequest(hub: Hub, room: import('./room.ts').Room, call: Call, key: string, payload: Element): Awaitable<Element | void> {
  const { session } = call;
  const node = payload.attr('node') ?? '';
  switch (key) {
    case `get query ${NS.discoInfo}`:
      if (node === 'x-roomuser-item') return reservedNick(room, session);
      if (node !== '') throw new StanzaError('item-not-found', { by: room.bare });
      return roomInfo(room, { search: canSearch(hub), timers: hub.timers !== undefined });
    case `get query ${NS.discoItems}`:
      if (node === COMMANDS) return encodeDiscoItems({ node, items: HAT_COMMANDS.map((item) => ({ jid: room.bare, ...item })) });
      if (node !== '') throw new StanzaError('item-not-found', { by: room.bare });
      return roomItems(hub, room, session);
    case `get query ${NS.mucAdmin}`:
      return readList(hub, room, session, payload);
    case `set query ${NS.mucAdmin}`:
      return change(hub, room, call, payload);
    case `get query ${NS.mucOwner}`:
      return readConfig(hub, room, session);
    case `get query ${NS.register}`:
      return registrationForm(hub, room, session);
    case `set query ${NS.register}`:
      return register(hub, room, session, payload);
    case `get query ${NS.mam}`:
      return queryFields(hub, room, session);
    case `set query ${NS.mam}`:
      return query(hub, room, call, payload);
    case `get metadata ${NS.mam}`:
      return metadata(hub, room, session);
    case `get vCard ${NS.vcard}`:
      return readCard(hub, room, session);
    case `set vCard ${NS.vcard}`:
      return writeCard(hub, room, session, payload);
    case `set moderate ${NS.moderation}`:
      return moderate(hub, room, session, payload);
    case `set command ${COMMANDS}`:
      return hatCommand(hub, room, session, payload);
    case `get delivery ${NS.groups}`:
      return hub.seen.delivery(room, session, payload);
    case `get ping ${NS.ping}`:
      return;
    default:
      throw new StanzaError('service-unavailable', { by: room.bare });
  }
}
