// Devices over real TCP connections that send as fast as they may, come back when the line breaks, and write down what they are shown.
import { createConnection, type Socket } from 'node:net';
import { type History, ScriptedDevice } from '@parley/testkit';
import type { TestServer } from '../support/server.ts';

export class LoadedDevice {
  readonly device: ScriptedDevice;
  readonly #server: TestServer;
  #socket: Socket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #away = false;

  constructor(server: TestServer, history: History, user: string, resource: string, password: string) {
    this.#server = server;
    const account = `${user}@${server.domain}`;
    this.device = new ScriptedDevice({ account, resource, domain: server.domain, password, history, takesGroups: true });
    this.#connect();
  }

  #connect(): void {
    if (this.#stopped) return;
    const socket = createConnection({ port: this.#server.ports.xmpp, host: this.#server.host });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('connect', () =>
      this.device.connected({ send: (bytes) => void (socket.destroyed || socket.write(bytes)), cut: () => void socket.destroy() }),
    );
    socket.on('data', (bytes: Buffer) => {
      if (this.#socket === socket) this.device.receive(bytes);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.device.closed();
      if (!this.#away) this.#retry = setTimeout(() => this.#connect(), 50);
    });
  }

  /** The line breaks; the device comes back by itself. */
  cut(): void {
    this.#socket?.destroy();
  }

  /** The line breaks, and there is no network until `comeBack`. */
  goAway(): void {
    this.#away = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }
  comeBack(): void {
    this.#away = false;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }
}
