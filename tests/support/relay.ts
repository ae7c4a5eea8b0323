// A TCP relay before a server, whose connections can be cut without either side being told in XML: a phone in a tunnel.
import { connect, createServer, type Server, type Socket } from 'node:net';

interface RelayState {
  open: boolean;
  turns: number;
  serverSpoke: boolean;
}

export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #state: RelayState;

  private constructor(server: Server, port: number, sockets: Set<Socket>, state: RelayState) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
    this.#state = state;
  }

  /** Relays a free port of 127.0.0.1 to `port` of 127.0.0.1. `delayMs`: each way. */
  static async to(port: number, delayMs = 0): Promise<Relay> {
    const sockets = new Set<Socket>();
    const state: RelayState = { open: true, turns: 0, serverSpoke: true };
    const server = createServer((near) => {
      if (!state.open) {
        near.destroy();
        return;
      }
      const far = connect(port, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
        if (delayMs === 0) socket.pipe(other);
        else {
          socket.on('data', (bytes) => setTimeout(() => void (other.destroyed || other.write(bytes)), delayMs));
          socket.on('end', () => setTimeout(() => other.end(), delayMs));
        }
      }
      near.on('data', () => {
        if (state.serverSpoke) state.turns++;
        state.serverSpoke = false;
      });
      far.on('data', () => {
        state.serverSpoke = true;
      });
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a listening TCP server has a port');
    return new Relay(server, address.port, sockets, state);
  }

  /** Cuts every connection (RST to both sides) and refuses new ones until {@link mend}. */
  cut(): void {
    this.#state.open = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
  /** How often the client has spoken after the server had: round trips, whatever the time they took. */
  get turns(): number {
    return this.#state.turns;
  }
  /** Counts from here; the next thing that the client says is the first. */
  countTurns(): void {
    this.#state.turns = 0;
    this.#state.serverSpoke = true;
  }
  mend(): void {
    this.#state.open = true;
  }
  close(): void {
    this.cut();
    this.#server.close();
  }
}
