// A push service on this machine (RFC 8030), and the devices behind it, which read what it is given by RFC 8291 with code of their own.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { importJWK, jwtVerify } from 'jose';
import { PATIENCE_MS } from './process.ts';

const { subtle } = globalThis.crypto;
const utf8 = new TextEncoder();
const url64 = (bytes: ArrayBuffer | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString('base64url');

/** What a service worker would be given. */
export interface Told {
  readonly payload: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of the encrypted body. */
  readonly size: number;
  /** Claims of the token that the server has signed. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** One subscribed device: its keys, and what arrived for it. */
export class PushDevice {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
  /** What arrived and was not taken. */
  readonly inbox: Told[] = [];
  /** Requests so far, refused ones included. */
  requests = 0;
  /** Answers for the next requests, the last one for all that follow: a status, with a Retry-After in seconds, or silence. */
  answers: Array<number | { status: number; retryAfter: number } | 'silence'> = [201];
  readonly #key: CryptoKey;
  readonly #point: Uint8Array;
  readonly #secret: Uint8Array;
  #wake: () => void = () => {};

  private constructor(endpoint: string, key: CryptoKey, point: Uint8Array, secret: Uint8Array) {
    this.endpoint = endpoint;
    this.#key = key;
    this.#point = point;
    this.#secret = secret;
    this.p256dh = url64(point);
    this.auth = url64(secret);
  }

  static async make(endpoint: string): Promise<PushDevice> {
    const pair = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']);
    const point = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
    return new PushDevice(endpoint, pair.privateKey, point, globalThis.crypto.getRandomValues(new Uint8Array(16)));
  }

  /** The registration as a client sends it. */
  register(content: string, device?: string): string {
    const name = device === undefined ? '' : ` device='${device}'`;
    return `<register xmlns='urn:parley:push:0' endpoint='${this.endpoint}' p256dh='${this.p256dh}' auth='${this.auth}' content='${content}'${name}/>`;
  }

  /** The next one that fits. */
  async next(fits: (told: Told) => boolean = () => true): Promise<Told> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.inbox.findIndex(fits);
      if (at >= 0) return this.inbox.splice(at, 1)[0] as Told;
      if (Date.now() > end) throw new Error(`no push came; there is: ${JSON.stringify(this.inbox.map((told) => told.payload))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, end - Date.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  arrived(told: Told): void {
    this.inbox.push(told);
    this.#wake();
  }

  /** RFC 8188 §2, RFC 8291 §3. */
  async decrypt(body: Uint8Array): Promise<string> {
    const salt = body.subarray(0, 16);
    const recordSize = Buffer.from(body).readUInt32BE(16);
    const idLength = body[20] ?? 0;
    const sender = body.subarray(21, 21 + idLength);
    const sealed = body.subarray(21 + idLength);
    if (idLength !== 65 || sealed.length > recordSize) throw new Error('not one record with the key of the sender');
    const senderKey = await subtle.importKey('raw', new Uint8Array(sender), { name: 'ECDH', namedCurve: 'P-256' }, false, []);
    const shared = await subtle.deriveBits({ name: 'ECDH', public: senderKey }, this.#key, 256);
    const info = Buffer.concat([utf8.encode('WebPush: info\0'), this.#point, sender]);
    const derive = async (secret: ArrayBuffer, saltBytes: Uint8Array, context: Uint8Array, bits: number): Promise<ArrayBuffer> => {
      const material = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
      const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(saltBytes), info: new Uint8Array(context) };
      return subtle.deriveBits(algorithm, material, bits);
    };
    const ikm = await derive(shared, this.#secret, info, 256);
    const key = await derive(ikm, salt, utf8.encode('Content-Encoding: aes128gcm\0'), 128);
    const nonce = await derive(ikm, salt, utf8.encode('Content-Encoding: nonce\0'), 96);
    const aes = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
    const plain = new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv: nonce }, aes, new Uint8Array(sealed)));
    let end = plain.length - 1;
    while (end >= 0 && plain[end] === 0) end--;
    if (plain[end] !== 2) throw new Error('the last record has no delimiter');
    return new TextDecoder('utf-8', { fatal: true }).decode(plain.subarray(0, end));
  }
}

/** The service. A message that is not encrypted, not signed, or signed by another key than the one subscribed with is refused. */
export class PushService {
  readonly #server: Server;
  readonly #devices = new Map<string, PushDevice>();
  /** What was wrong with requests. */
  readonly wrong: string[] = [];
  /** Each request path that came. */
  readonly paths: string[] = [];
  /** The key that devices have subscribed with; requests by another one are refused. */
  serverKey: string | undefined;
  origin = '';

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<PushService> {
    const server = createServer();
    const service = new PushService(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        const path = request.url ?? '';
        service.paths.push(path);
        const device = service.#devices.get(path);
        if (request.method !== 'POST' || device === undefined) return void response.writeHead(404).end();
        device.requests++;
        const answer = device.answers.length > 1 ? device.answers.shift() : device.answers[0];
        if (answer === 'silence' || answer === undefined) return;
        const status = typeof answer === 'number' ? answer : answer.status;
        if (status !== 201) {
          response.writeHead(status, typeof answer === 'number' ? {} : { 'retry-after': String(answer.retryAfter) }).end();
          return;
        }
        service.#read(device, request.headers, Buffer.concat(chunks)).then(
          () => response.writeHead(201, { location: `${service.origin}/message/1` }).end(),
          (error: unknown) => {
            service.wrong.push(error instanceof Error ? error.message : String(error));
            response.writeHead(403).end();
          },
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    service.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return service;
  }

  async subscribe(): Promise<PushDevice> {
    const path = `/push/${url64(globalThis.crypto.getRandomValues(new Uint8Array(12)))}`;
    const device = await PushDevice.make(`${this.origin}${path}`);
    this.#devices.set(path, device);
    return device;
  }

  async #read(device: PushDevice, headers: IncomingHttpHeaders, body: Buffer): Promise<void> {
    if (headers['content-encoding'] !== 'aes128gcm') throw new Error(`the content encoding is ${headers['content-encoding']}`);
    if (!/^\d+$/.test(String(headers['ttl']))) throw new Error('there is no TTL');
    if (!/^(very-low|low|normal|high)$/.test(String(headers['urgency']))) throw new Error('there is no urgency');
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(String(headers['topic']))) throw new Error('the topic is none (RFC 8030 §5.4)');
    if (body.length > 4096) throw new Error('the body is too long (RFC 8291 §4)');
    const [, token = '', key = ''] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(headers.authorization ?? '') ?? [];
    if (this.serverKey !== undefined && key !== this.serverKey) throw new Error('the key is not the one subscribed with');
    const point = Buffer.from(key, 'base64url');
    const jwk = { kty: 'EC', crv: 'P-256', x: url64(point.subarray(1, 33)), y: url64(point.subarray(33)) };
    const verified = await jwtVerify(token, await importJWK(jwk, 'ES256'), { audience: this.origin, algorithms: ['ES256'] });
    if ((verified.payload.exp ?? 0) > Date.now() / 1000 + 86_400) throw new Error('the token is good for more than a day');
    device.arrived({
      payload: JSON.parse(await device.decrypt(body)) as Record<string, unknown>,
      headers,
      size: body.length,
      claims: verified.payload,
    });
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
