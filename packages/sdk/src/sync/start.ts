import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Session, Unacked } from '../connection/session.ts';
import type { Context } from '../context.ts';
import type { Outbox } from '../conversations/outbox.ts';
import type { ConversationRegistry } from '../conversations/registry.ts';
import type { Settings } from '../conversations/settings.ts';
import { ChatError } from '../errors.ts';
import type { GroupBook } from '../groups/groups.ts';
import type { ContactBook } from '../people/contacts.ts';
import type { PresenceBook } from '../people/presence.ts';
import { measureClock } from './clock.ts';
import type { Features } from './features.ts';
import { CURSOR, type Sync } from './sync.ts';

/** What a new session brings up to date. */
export interface StartParts {
  readonly context: Context;
  readonly contacts: ContactBook;
  readonly presences: PresenceBook;
  readonly features: Features;
  readonly settings: Settings;
  readonly groups: GroupBook;
  readonly sync: Sync;
  readonly outbox: Outbox;
  readonly registry: ConversationRegistry;
  /** Keeps how far the clock of this device is from the server's. */
  clock(offsetMs: number): Promise<void>;
}

/** Everything that a new session asks and says, in its order. */
export async function start(session: Session, lost: readonly Unacked[], parts: StartParts): Promise<void> {
  const { context, contacts, features, groups, outbox, settings, sync } = parts;
  const current = (): boolean => context.connection.session === session;
  /** What may fail without taking the rest with it; a server that does not know a feature is no error. */
  const optional = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => {
      if (!(error instanceof ChatError) || error.condition === undefined) context.report(error);
    });
  void optional(session.iq(el('iq', { type: 'set' }, el('enable', { xmlns: NS.carbons }))));
  void optional(measureClock(session, context.platform).then((offsetMs) => parts.clock(offsetMs)));
  // What the server can do changes seldom: only a fresh device waits for the answer.
  const asked = optional(features.fetch(session));
  const fresh = (await context.store.value(CURSOR)) === undefined;
  await Promise.all([contacts.fetch(session).catch((error: unknown) => context.report(error)), ...(fresh ? [asked] : [])]);
  if (!current()) return;
  // Before presence, so that what waits comes in one order.
  if (context.features().groups !== undefined) await optional(groups.enable(session));
  if (!current()) return;
  session.send(el('presence'));
  outbox.began(session, lost);
  outbox.uploads.resume();
  for (const state of parts.registry.values()) outbox.sendMarker(state);
  await asked;
  if (current() && context.features().groups !== undefined) await optional(groups.fetch(session));
  // What was decided on other devices, and on a fresh one the whole picture.
  if (current() && context.features().conversations) {
    await optional(sync.seed(session, () => settings.fetch(session, parts.registry.values())));
  }
  if (!current()) return;
  await sync.catchUp(session, contacts.ids());
  if (current() && session.online) parts.presences.assumeAway(contacts.seen());
}
