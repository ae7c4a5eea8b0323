// A minimal TURN client over UDP (RFC 5389, RFC 5766): asks for a relay, lets one peer in, and sends and receives through it.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { PATIENCE_MS } from '../../support/process.ts';

const COOKIE = 0x2112a442;
const REQUEST = { allocate: 0x0003, createPermission: 0x0008, send: 0x0016, data: 0x0017 };
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  peer: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  transport: 0x0019,
};

export interface Address {
  readonly host: string;
  readonly port: number;
}
interface StunMessage {
  readonly type: number;
  readonly transaction: string;
  readonly attributes: ReadonlyMap<number, Buffer>;
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** XOR-mapped IPv4 address (RFC 5389 §15.2). */
function xorAddress({ host, port }: Address): Buffer {
  const value = Buffer.alloc(8);
  value[1] = 1;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  const parts = host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  value.writeUInt32BE((parts ^ COOKIE) >>> 0, 4);
  return value;
}
function readXorAddress(value: Buffer): Address {
  const address = (value.readUInt32BE(4) ^ COOKIE) >>> 0;
  return { host: [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.'), port: value.readUInt16BE(2) ^ (COOKIE >>> 16) };
}

function read(packet: Buffer): StunMessage {
  const attributes = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= packet.length; ) {
    const length = packet.readUInt16BE(at + 2);
    attributes.set(packet.readUInt16BE(at), packet.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return { type: packet.readUInt16BE(0), transaction: packet.subarray(8, 20).toString('hex'), attributes };
}

export class TurnClient {
  readonly #socket: Socket;
  readonly #server: Address;
  readonly #answers = new Map<string, (message: StunMessage) => void>();
  #credentials: { username: string; realm: string; nonce: Buffer; key: Buffer } | undefined;
  /** Called with what a peer has sent through the relay. */
  onData: (data: Buffer, peer: Address) => void = () => {};

  private constructor(socket: Socket, server: Address) {
    this.#socket = socket;
    this.#server = server;
    socket.on('message', (packet: Buffer) => {
      const message = read(packet);
      if (message.type === REQUEST.data) {
        const [data, peer] = [message.attributes.get(ATTRIBUTE.data), message.attributes.get(ATTRIBUTE.peer)];
        if (data !== undefined && peer !== undefined) this.onData(data, readXorAddress(peer));
        return;
      }
      this.#answers.get(message.transaction)?.(message);
    });
  }

  static async open(server: Address): Promise<TurnClient> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new TurnClient(socket, server);
  }

  /** Answers the relayed address, or the error code of the server (401, 403, 441 …). */
  async allocate(username: string, password: string): Promise<Address | number> {
    const transport = attribute(ATTRIBUTE.transport, Buffer.from([17, 0, 0, 0]));
    const challenge = await this.#ask(REQUEST.allocate, [transport]);
    const [realm, nonce] = [challenge.attributes.get(ATTRIBUTE.realm), challenge.attributes.get(ATTRIBUTE.nonce)];
    if (realm === undefined || nonce === undefined) throw new Error(`no challenge came, but ${challenge.type}`);
    const name = realm.toString();
    this.#credentials = { username, realm: name, nonce, key: createHash('md5').update(`${username}:${name}:${password}`).digest() };
    const answer = await this.#ask(REQUEST.allocate, [transport]);
    const relayed = answer.attributes.get(ATTRIBUTE.relayed);
    if (relayed !== undefined) return readXorAddress(relayed);
    const error = answer.attributes.get(ATTRIBUTE.error);
    return error === undefined ? 0 : (error[2] ?? 0) * 100 + (error[3] ?? 0);
  }

  /** Lets this peer send through the relay. */
  async permit(peer: Address): Promise<void> {
    const answer = await this.#ask(REQUEST.createPermission, [attribute(ATTRIBUTE.peer, xorAddress(peer))]);
    if (answer.type !== (REQUEST.createPermission | 0x0100)) throw new Error(`no permission: ${answer.type.toString(16)}`);
  }

  send(data: Buffer, peer: Address): void {
    this.#write(REQUEST.send, randomBytes(12), [attribute(ATTRIBUTE.peer, xorAddress(peer)), attribute(ATTRIBUTE.data, data)]);
  }

  close(): void {
    this.#socket.close();
  }

  #ask(type: number, attributes: readonly Buffer[]): Promise<StunMessage> {
    const transaction = randomBytes(12);
    const id = transaction.toString('hex');
    return new Promise((resolve, reject) => {
      // UDP may lose it, so it is said again.
      const again = setInterval(() => this.#write(type, transaction, attributes, true), 500);
      const late = setTimeout(() => done(() => reject(new Error('the TURN server does not answer'))), PATIENCE_MS);
      const done = (then: () => void): void => {
        clearInterval(again);
        clearTimeout(late);
        this.#answers.delete(id);
        then();
      };
      this.#answers.set(id, (message) => done(() => resolve(message)));
      this.#write(type, transaction, attributes, true);
    });
  }

  #write(type: number, transaction: Buffer, attributes: readonly Buffer[], sign = false): void {
    const all = [...attributes];
    const credentials = sign ? this.#credentials : undefined;
    if (credentials !== undefined)
      all.push(
        attribute(ATTRIBUTE.username, Buffer.from(credentials.username)),
        attribute(ATTRIBUTE.realm, Buffer.from(credentials.realm)),
        attribute(ATTRIBUTE.nonce, credentials.nonce),
      );
    const head = (length: number): Buffer => {
      const bytes = Buffer.alloc(20);
      bytes.writeUInt16BE(type);
      bytes.writeUInt16BE(length, 2);
      bytes.writeUInt32BE(COOKIE, 4);
      bytes.set(transaction, 8);
      return bytes;
    };
    const body = Buffer.concat(all);
    let packet = Buffer.concat([head(body.length), body]);
    if (credentials !== undefined) {
      // The length that is signed counts the signature (RFC 5389 §15.4).
      const mac = createHmac('sha1', credentials.key)
        .update(Buffer.concat([head(body.length + 24), body]))
        .digest();
      packet = Buffer.concat([head(body.length + 24), body, attribute(ATTRIBUTE.integrity, mac)]);
    }
    this.#socket.send(packet, this.#server.port, this.#server.host);
  }
}
