import type { ChatEventName, ChatEvents, Observable, Unsubscribe } from './types.ts';

/** Makes `undo` run once, by call or by `using`. */
export function unsubscriber(undo: () => void): Unsubscribe {
  let done = false;
  const run = (): void => {
    if (done) return;
    done = true;
    undo();
  };
  return Object.assign(run, { [Symbol.dispose]: run });
}

/** A listener that throws must not stop the others nor the SDK: its error surfaces as the runtime's unhandled error. */
export function callSafely(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A value that can be watched; `set` with the same object tells nobody. */
export class Cell<T> implements Observable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();
  readonly #onDemand: ((watched: boolean) => void) | undefined;

  /** `onDemand` hears when the first listener comes and the last one goes. */
  constructor(value: T, onDemand?: (watched: boolean) => void) {
    this.#value = value;
    this.#onDemand = onDemand;
  }

  readonly snapshot = (): T => this.#value;

  readonly subscribe = (listener: () => void): Unsubscribe => {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) this.#onDemand?.(true);
    return unsubscriber(() => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#onDemand?.(false);
    });
  };

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) callSafely(listener);
  }
}

/** The client's events, typed by name. */
export class Emitter {
  readonly #listeners = new Map<ChatEventName, Set<(payload: never) => void>>();

  on<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    const entry = (payload: ChatEvents[E]): void => listener(payload);
    set.add(entry);
    return unsubscriber(() => set.delete(entry));
  }

  once<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe {
    const off = this.on(event, (payload) => {
      off();
      listener(payload);
    });
    return off;
  }

  emit<E extends ChatEventName>(event: E, payload: ChatEvents[E]): void {
    const set = this.#listeners.get(event);
    if (set === undefined) return;
    Object.freeze(payload);
    for (const listener of [...set] as ((payload: ChatEvents[E]) => void)[]) callSafely(() => listener(payload));
  }
}
