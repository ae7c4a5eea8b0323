import { defineSlot, type FeatureContext, HourlyLimit, presenceFromClient, type Session, sessionEnded } from '@parley/core';
import { type Caps, capsHash, capsVer, decodeCaps, decodeDiscoInfo, discoInfoQuery, NS, StanzaError } from '@parley/protocol';
import { StorageError } from '@parley/storage';
import { type KnownCaps, setOf, type Told } from './known.ts';
import { added, interestsIn, NO_INTERESTS, sharedKey } from './rules.ts';
import type { ClientCaps } from './service.ts';

/** A client that never answers must not keep the others that say the same waiting for long. */
const ANSWER_MS = 15_000;
const NOTHING: Told = { by: '', interests: NO_INTERESTS };
const told = defineSlot<Told>('caps', 'resume', NOTHING);

/** Reads the capabilities of clients, asking each combination once (XEP-0115 §6.2). */
export function followClients(ctx: FeatureContext<{ maxNewPerHour: number }>, known: KnownCaps): ClientCaps {
  const handlers: Array<(session: Session, added: ReadonlySet<string>, first: boolean) => void> = [];
  /** Sessions that wait for the answer about one hash; the first of them was asked. */
  const waiting = new Map<string, Set<Session>>();
  /** Nobody may fill the cache with hashes of no use to anybody else. */
  const fresh = new HourlyLimit(ctx.config.maxNewPerHour);
  ctx.onReload(() => {
    fresh.perHour = ctx.config.maxNewPerHour;
  });

  const learn = (session: Session, now: Told): void => {
    if (session.ended || !session.available) return;
    const before = session.get(told);
    session.set(told, now);
    const news = added(before.interests, now.interests);
    if (news.size > 0) for (const handle of handlers) handle(session, news, before === NOTHING);
  };

  /** Asks; answers what the client wants, or undefined when it does not say or says something else than its hash. */
  const ask = async (session: Session, caps: Caps): Promise<{ interests: string[]; verified: boolean } | undefined> => {
    const answer = await ctx.ask(session, discoInfoQuery(`${caps.node}#${caps.ver}`), { timeoutMs: ANSWER_MS });
    const info = decodeDiscoInfo(answer);
    if (info === undefined) return undefined;
    const hash = capsHash(caps.hash);
    const ver = hash === undefined ? undefined : await capsVer(ctx.crypto, info, hash);
    return { interests: interestsIn(info), verified: ver === caps.ver };
  };

  const askFor = (session: Session, caps: Caps, key: string | undefined, by: string): void => {
    if (key !== undefined) {
      const others = waiting.get(key);
      if (others !== undefined) {
        others.add(session);
        return;
      }
      waiting.set(key, new Set());
    }
    ask(session, caps)
      .then((answer) => {
        const others = key === undefined ? [] : [...(waiting.get(key) ?? [])];
        if (key !== undefined) waiting.delete(key);
        const shared = key !== undefined && answer?.verified === true;
        // What cannot be verified is believed of the client that said it, and of nobody else (§5.4).
        if (answer !== undefined) {
          const now = ctx.clock.now();
          const keep = shared && fresh.take(session.bare, now) === 0;
          const entry = keep ? known.set(key, answer.interests, now) : { by, interests: setOf(answer.interests) };
          // It may say something else by now, which was known at once.
          const current = currentCaps(session);
          if (current?.ver === caps.ver && current.node === caps.node) learn(session, entry);
          if (shared) {
            for (const other of others) if (currentCaps(other)?.ver === caps.ver) learn(other, entry);
            return;
          }
        }
        for (const other of others) look(other);
      })
      .catch((error: unknown) => {
        const others = key === undefined ? [] : [...(waiting.get(key) ?? [])];
        if (key !== undefined) waiting.delete(key);
        if (!(error instanceof StanzaError) && !(error instanceof StorageError)) ctx.log.error('caps_not_learnt', { error });
        // The next one of those who say the same is asked instead.
        for (const other of others) look(other);
      });
  };

  const currentCaps = (session: Session): Caps | undefined => {
    const { presence } = session;
    return presence?.has('c', NS.caps) ? decodeCaps(presence.child('c', NS.caps)) : undefined;
  };

  const look = (session: Session): void => {
    const caps = currentCaps(session);
    if (caps === undefined || session.ended) return;
    const key = sharedKey(caps);
    const by = key ?? `${caps.node}#${caps.ver}`;
    if (session.get(told).by === by) return;
    const there = key === undefined ? undefined : known.get(key, ctx.clock.now());
    if (there !== undefined) learn(session, there);
    else askFor(session, caps, key, by);
  };

  ctx.on(presenceFromClient, 'watch', ({ from, available }) => {
    if (available) look(from);
    else if (from.get(told) !== NOTHING) from.set(told, NOTHING);
  });
  ctx.on(sessionEnded, 'clean', ({ session }) => {
    for (const others of waiting.values()) others.delete(session);
  });

  return {
    interestsOf(session) {
      const now = session.get(told);
      if (now !== NOTHING || !session.available) return now.interests;
      // A session that was taken over from elsewhere brings its presence along, and what that means is known.
      const caps = currentCaps(session);
      const key = caps === undefined ? undefined : sharedKey(caps);
      const there = key === undefined ? undefined : known.get(key, ctx.clock.now());
      if (there !== undefined) session.set(told, there);
      return there?.interests ?? now.interests;
    },
    onInterests: (handle) => void handlers.push(handle),
  };
}
