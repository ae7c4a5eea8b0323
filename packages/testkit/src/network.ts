/** A simulated connection: two byte streams that arrive in pieces of any size, when the simulation says, or never. */
import type { Connection, ConnectionAcceptor, ConnectionHandler } from '@parley/core/ports';
import type { SeededRandom } from './random.ts';

export interface ClientSide {
  receive(bytes: Uint8Array): void;
  closed(): void;
}

export class SimulatedConnection implements Connection {
  readonly framing = 'tcp' as const;
  readonly remoteAddress = '192.0.2.1';
  readonly secure = true;
  readonly canStartTls = false;
  readonly #random: SeededRandom;
  readonly #client: ClientSide;
  #handler: ConnectionHandler | undefined;
  #toServer: Uint8Array[] = [];
  #toClient: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #closing = false;
  #open = true;

  constructor(acceptor: ConnectionAcceptor, client: ClientSide, random: SeededRandom) {
    this.#random = random;
    this.#client = client;
    this.#handler = acceptor.accept(this);
  }

  get open(): boolean {
    return this.#open;
  }
  /** Something is on its way in either direction. */
  get busy(): boolean {
    return this.#open && ((this.#toServer.length > 0 && !this.#paused) || this.#toClient.length > 0 || this.#closing);
  }

  // --- the server's side ---
  channelBinding(): undefined {
    return undefined;
  }
  write(bytes: Uint8Array): void {
    if (!this.#open || this.#closing) return;
    this.#toClient.push(bytes.slice());
    this.#queued += bytes.length;
  }
  get queuedBytes(): number {
    return this.#queued;
  }
  startTls(): void {
    throw new Error('the simulated network is secure already');
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
  }
  close(): void {
    this.#closing = true;
  }
  destroy(): void {
    this.cut();
  }

  // --- the client's side ---
  send(bytes: Uint8Array): void {
    if (this.#open) this.#toServer.push(bytes.slice());
  }

  // --- the network ---
  /** Moves one piece in one direction. */
  step(): void {
    if (!this.#open) return;
    const up = this.#toServer.length > 0 && !this.#paused;
    const down = this.#toClient.length > 0;
    if (up && (!down || this.#random.chance(0.5))) {
      const piece = this.#take(this.#toServer);
      this.#handler?.receive(piece);
    } else if (down) {
      const piece = this.#take(this.#toClient);
      this.#queued -= piece.length;
      this.#client.receive(piece);
      if (this.#queued === 0) this.#handler?.drained();
    } else if (this.#closing) this.cut();
  }

  #take(queue: Uint8Array[]): Uint8Array {
    const first = queue[0] as Uint8Array;
    const whole = this.#random.chance(0.7) || first.length === 1;
    if (whole) {
      queue.shift();
      return first;
    }
    const at = 1 + this.#random.int(first.length - 1);
    queue[0] = first.subarray(at);
    return first.subarray(0, at);
  }

  /** The line breaks: what is on its way is lost, both ends are told. */
  cut(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#toServer = [];
    this.#toClient = [];
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed();
    this.#client.closed();
  }

  /** The server's process died: only the client is told. */
  serverDied(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#handler = undefined;
    this.#client.closed();
  }
}
