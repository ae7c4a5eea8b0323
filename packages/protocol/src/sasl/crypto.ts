/** The port to the runtime's cryptography, and the one idiom that keeps synchronous runtimes free of promises. */

export type Awaitable<T> = T | Promise<T>;
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-512';

export interface Crypto {
  hash(alg: HashName, data: Uint8Array): Awaitable<Uint8Array>;
  hmac(alg: HashName, key: Uint8Array, data: Uint8Array): Awaitable<Uint8Array>;
  /** `length` in bytes. */
  pbkdf2(alg: HashName, password: Uint8Array, salt: Uint8Array, iterations: number, length: number): Promise<Uint8Array>;
  randomBytes(length: number): Uint8Array;
  /** False for unequal lengths, too. */
  timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

/** Goes on with a value at once when it is there, and after the promise when it is not. */
export function then<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
