/** Counting connections: how many there may be in all, and from one address. */

/** The limits that every transport shares. */
export interface TransportLimits {
  /** Connections of all listeners together. */
  readonly connections: number;
  /** Connections from one address (IPv6: one /64); loopback is exempt, a proxy lives there. 0 for no limit. */
  readonly connectionsPerAddress: number;
  /** Bytes a second that one connection may send, averaged; reading pauses above. 0 for no limit. */
  readonly bytesPerSecond: number;
  /** Time for a TLS handshake, ms. */
  readonly tlsHandshakeMs: number;
  /** Time that a closing connection has to take what is queued, ms. */
  readonly closeMs: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  connections: 50_000,
  connectionsPerAddress: 500,
  bytesPerSecond: 1_048_576,
  tlsHandshakeMs: 10_000,
  closeMs: 2_000,
};

/** The address as limits and logs see it: IPv4 in IPv6 notation becomes plain IPv4, a zone is dropped. */
export function normalAddress(address: string | undefined): string {
  if (address === undefined) return '';
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  const zone = plain.indexOf('%');
  return zone < 0 ? plain : plain.slice(0, zone);
}

/** True for addresses of this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address === 'localhost';
}

/** What a limit by address counts under: the address, or the /64 of an IPv6 one, which is what one customer of a provider has. */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const missing = address.includes('::') ? 8 - left.length - right.length : 0;
  const groups = [...left, ...new Array<string>(Math.max(0, missing)).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** One for the whole process: every listener asks it before it takes a connection. */
export class ConnectionGate {
  readonly #limits: Pick<TransportLimits, 'connections' | 'connectionsPerAddress'>;
  readonly #perAddress = new Map<string, number>();
  #open = 0;
  #refused = 0;

  constructor(limits: Pick<TransportLimits, 'connections' | 'connectionsPerAddress'>) {
    this.#limits = limits;
  }

  /** Takes a place, or answers false when there is none. Every true is to be followed by one `leave`. */
  enter(address: string): boolean {
    const cap = isLoopback(address) ? 0 : this.#limits.connectionsPerAddress;
    const key = addressKey(address);
    const count = this.#perAddress.get(key) ?? 0;
    if (this.#open >= this.#limits.connections || (cap > 0 && count >= cap)) {
      this.#refused++;
      return false;
    }
    this.#perAddress.set(key, count + 1);
    this.#open++;
    return true;
  }

  leave(address: string): void {
    const key = addressKey(address);
    const count = this.#perAddress.get(key);
    if (count === undefined) return;
    if (count === 1) this.#perAddress.delete(key);
    else this.#perAddress.set(key, count - 1);
    this.#open--;
  }

  get open(): number {
    return this.#open;
  }

  /** How many were turned away since the start. */
  get refused(): number {
    return this.#refused;
  }
}
