import type { Awaitable } from '@parley/storage';

/** Goes on with the value: at once when it is there, later when it has to be waited for. Makes no promise of its own. */
export function whenReady<T, R>(value: Awaitable<T>, use: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** Runs a step for each item and answers a promise only when one of the steps gave one. */
export function forEachReady<T>(items: Iterable<T>, step: (item: T) => Awaitable<void>): Awaitable<void> {
  let waiting: Promise<void>[] | undefined;
  for (const item of items) {
    const done = step(item);
    if (done instanceof Promise) (waiting ??= []).push(done);
  }
  return waiting === undefined ? undefined : Promise.all(waiting).then(() => undefined);
}
