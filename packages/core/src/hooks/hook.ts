/**
 * Hooks: places where features may act. A hook is a typed value that one imports; its stages are the
 * order of the calls, and each says what becomes of the stanza when a handler there crashes.
 */

/** What becomes of the stanza when a handler at this stage throws something unexpected. */
export type OnCrash = 'reject' | 'skip';

/** A place where features may act. The order of the keys of `stages` is the order of the calls. */
export interface Hook<Event, Stage extends string = string> {
  readonly name: string;
  readonly stages: { readonly [S in Stage]: OnCrash };
  readonly _event?: (event: Event) => void;
}

/** Declares a hook: `defineHook<Event>()('message.from-client', { guard: 'reject', watch: 'skip' })`. */
export const defineHook =
  <Event>() =>
  <const S extends Record<string, OnCrash>>(name: string, stages: S): Hook<Event, keyof S & string> => ({ name, stages });

/** A handler's answer that ends the walk: the stanza is taken care of. */
export const HANDLED: unique symbol = Symbol('handled');
export type Verdict = void | typeof HANDLED;
export type Handler<Event> = (event: Event) => Verdict | Promise<Verdict>;

interface Registered {
  readonly feature: string;
  readonly stage: string;
  readonly order: number;
  readonly onCrash: OnCrash;
  readonly handle: Handler<never>;
}

/** Errors that are answers, not crashes (`StanzaError`): they always reach the caller. */
export type IsAnswer = (error: unknown) => boolean;
/** Told of each crash: `carbons_copy_failed`. */
export type CrashReport = (feature: string, stage: string, error: unknown) => void;

/** Holds the handlers of every hook and walks them. No promise is made unless a handler returned one. */
export class Hooks {
  readonly #lists = new Map<string, Registered[]>();
  readonly #isAnswer: IsAnswer;
  readonly #report: CrashReport;
  /** Rises with each registration and undo, so that what was computed from the handlers can be kept until then. */
  version = 0;

  constructor(isAnswer: IsAnswer, report: CrashReport) {
    this.#isAnswer = isAnswer;
    this.#report = report;
  }

  /** Registers a handler; handlers of one stage run in the order of registration. Answers the undo. */
  on<E, S extends string>(hook: Hook<E, S>, stage: S, feature: string, handle: Handler<E>): () => void {
    const order = Object.keys(hook.stages).indexOf(stage);
    if (order < 0) throw new TypeError(`hook ${hook.name} has no stage ${stage}; it has ${Object.keys(hook.stages).join(', ')}`);
    const entry: Registered = { feature, stage, order, onCrash: hook.stages[stage], handle: handle as Handler<never> };
    const list = this.#lists.get(hook.name) ?? [];
    let at = list.length;
    while (at > 0 && (list[at - 1] as Registered).order > order) at--;
    // Lists are replaced, never changed in place, so that a walk under way is not disturbed.
    this.#lists.set(hook.name, [...list.slice(0, at), entry, ...list.slice(at)]);
    this.version++;
    return () => {
      this.version++;
      this.#lists.set(
        hook.name,
        (this.#lists.get(hook.name) ?? []).filter((one) => one !== entry),
      );
    };
  }

  /** True when nobody listens, so that the caller need not build the event. */
  idle<E, S extends string>(hook: Hook<E, S>): boolean {
    const list = this.#lists.get(hook.name);
    return list === undefined || list.length === 0;
  }

  /** Walks the handlers. Throws (or rejects) with an answer, or with the crash of a stage that says 'reject'. */
  run<E, S extends string>(hook: Hook<E, S>, event: E): Verdict | Promise<Verdict> {
    const list = this.#lists.get(hook.name);
    if (list === undefined) return;
    for (let i = 0; i < list.length; i++) {
      const entry = list[i] as Registered;
      try {
        const verdict = (entry.handle as Handler<E>)(event);
        if (verdict === undefined) continue;
        if (verdict === HANDLED) return HANDLED;
        return this.#runOn(list, i, event, verdict);
      } catch (error) {
        this.#crashed(entry, error);
      }
    }
  }

  async #runOn<E>(list: readonly Registered[], from: number, event: E, first: Promise<Verdict>): Promise<Verdict> {
    let pending: Verdict | Promise<Verdict> = first;
    for (let i = from; i < list.length; i++) {
      const entry = list[i] as Registered;
      try {
        if (i !== from) pending = (entry.handle as Handler<E>)(event);
        if ((await pending) === HANDLED) return HANDLED;
      } catch (error) {
        this.#crashed(entry, error);
      }
    }
  }

  #crashed(entry: Registered, error: unknown): void {
    if (this.#isAnswer(error)) throw error;
    this.#report(entry.feature, entry.stage, error);
    if (entry.onCrash === 'reject') throw error;
  }
}
