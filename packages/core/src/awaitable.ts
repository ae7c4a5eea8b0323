import type { Awaitable } from '@parley/storage';

/** Goes on with a value at once when it is there, and after the promise when it is not. */
export function whenReady<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
