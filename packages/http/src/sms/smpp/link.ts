/** One bound connection to an SMSC: requests find their answers, silence ends it. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SmsError } from '../provider.ts';
import { bindBody, COMMAND, encodePdu, type Pdu, PduReader, STATUS } from './pdu.ts';

export interface SmppWhere {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Further trust anchors, PEM. */
  readonly ca?: string | undefined;
}

/** `smpp://host:2775` or `smpps://host:3550` (TLS); undefined when it cannot be one. */
export function smppServer(text: string): Omit<SmppWhere, 'ca'> | undefined {
  const match = /^(smpps?):\/\/(\[[0-9a-fA-F:]+\]|[^\s:/@?#]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null) return undefined;
  const secure = match[1] === 'smpps';
  const port = Number(match[3] ?? (secure ? 3550 : 2775));
  return port < 1 || port > 65_535 ? undefined : { host: (match[2] as string).replace(/^\[|\]$/g, ''), port, secure };
}

export interface SmppLinkOptions extends SmppWhere {
  readonly user: string;
  readonly password: string;
  readonly systemType: string;
  /** How long an answer may take, and a connection to be bound. */
  readonly answerMs: number;
  /** How often a quiet connection is asked whether it lives. */
  readonly enquireMs: number;
  readonly onDeliver: (body: Buffer) => void;
  /** Once, when it is of no use any more. */
  readonly onEnd: (reason: SmsError) => void;
}

/** Requests that wait for their answer; an SMSC of the usual kind takes ten at a time. */
const MOST_WAITING = 50;
const LAST_SEQUENCE = 0x7fff_ffff;

export class SmppLink {
  readonly #options: SmppLinkOptions;
  readonly #socket: Socket;
  readonly #reader = new PduReader();
  readonly #waiting = new Map<number, { command: number; take: (pdu: Pdu) => void; fail: (error: SmsError) => void }>();
  #sequence = 0;
  #enquiry: ReturnType<typeof setInterval> | undefined;
  #ended = false;
  /** Resolves when the SMSC knows us. */
  readonly bound: Promise<void>;

  constructor(options: SmppLinkOptions) {
    this.#options = options;
    const { host, port, secure, ca } = options;
    this.#socket = secure
      ? connectTls({ host, port, servername: host, minVersion: 'TLSv1.2', ...(ca === undefined ? undefined : { ca }) })
      : connectTcp({ host, port });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.once('error', (error: NodeJS.ErrnoException) => this.end(`The connection broke (${error.code ?? error.message}).`));
    this.#socket.once('close', () => this.end('The connection was closed.'));
    const connected = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => this.end('It did not answer in time.'), options.answerMs);
      this.#socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(late);
        resolve();
      });
      this.#socket.once('close', () => {
        clearTimeout(late);
        reject(new SmsError('failed', 'It cannot be reached.'));
      });
    });
    this.bound = connected.then(() => this.#bind());
    this.bound.catch((error: unknown) => this.end(error instanceof Error ? error.message : 'It could not be bound.'));
  }

  async #bind(): Promise<void> {
    const { status } = await this.request(COMMAND.bindTransceiver, bindBody(this.#options));
    if (status === STATUS.invalidPassword || status === STATUS.invalidSystemId || status === STATUS.bindFailed)
      throw new SmsError('failed', 'It does not accept user and password.');
    if (status !== STATUS.ok) throw new SmsError('failed', `It refused the bind with status 0x${status.toString(16)}.`);
    this.#enquiry = setInterval(() => {
      // Whoever does not answer is not there: the request ends the link.
      this.request(COMMAND.enquireLink, Buffer.alloc(0)).catch(() => this.end('It did not answer an enquiry.'));
    }, this.#options.enquireMs);
    this.#enquiry.unref();
  }

  /** One request and its answer. Rejects with an SmsError. */
  request(command: number, body: Buffer): Promise<Pdu> {
    if (this.#ended) return Promise.reject(new SmsError('failed', 'The connection is closed.'));
    if (this.#waiting.size >= MOST_WAITING) return Promise.reject(new SmsError('failed', 'Too many messages wait for its answer.'));
    this.#sequence = this.#sequence >= LAST_SEQUENCE ? 1 : this.#sequence + 1;
    const sequence = this.#sequence;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(sequence);
        reject(new SmsError('failed', 'It did not answer in time.'));
      }, this.#options.answerMs);
      const settled = (): void => {
        clearTimeout(late);
        this.#waiting.delete(sequence);
      };
      this.#waiting.set(sequence, {
        command,
        take: (pdu) => {
          settled();
          resolve(pdu);
        },
        fail: (error) => {
          settled();
          reject(error);
        },
      });
      this.#socket.write(encodePdu({ command, status: 0, sequence, body }));
    });
  }

  #answer(command: number, { sequence }: Pdu, body = Buffer.alloc(0), status: number = STATUS.ok): void {
    this.#socket.write(encodePdu({ command, status, sequence, body }));
  }

  #read(chunk: Buffer): void {
    let pdus: Pdu[];
    try {
      pdus = this.#reader.push(chunk);
    } catch {
      this.end('It does not speak SMPP.');
      return;
    }
    for (const pdu of pdus) {
      if (this.#ended) return;
      this.#take(pdu);
    }
  }

  #take(pdu: Pdu): void {
    switch (pdu.command) {
      case COMMAND.enquireLink:
        this.#answer(COMMAND.enquireLinkResp, pdu);
        return;
      case COMMAND.deliverSm:
        // §4.6.2: the message_id is empty.
        this.#answer(COMMAND.deliverSmResp, pdu, Buffer.from([0]));
        this.#options.onDeliver(pdu.body);
        return;
      case COMMAND.unbind:
        this.#answer(COMMAND.unbindResp, pdu);
        this.end('It has ended the session.');
        return;
    }
    if (pdu.command >= 0x8000_0000) {
      const waiting = this.#waiting.get(pdu.sequence);
      // §4.3: a generic_nack answers anything.
      if (waiting !== undefined && (pdu.command === COMMAND.genericNack || pdu.command === waiting.command + 0x8000_0000))
        waiting.take(pdu);
      return;
    }
    this.#answer(COMMAND.genericNack, pdu, Buffer.alloc(0), STATUS.invalidCommand);
  }

  /** Says goodbye when there is somebody to say it to. */
  close(): void {
    if (!this.#ended && this.#enquiry !== undefined)
      this.#socket.write(encodePdu({ command: COMMAND.unbind, status: 0, sequence: this.#sequence + 1, body: Buffer.alloc(0) }));
    this.end('It was closed.', true);
  }

  /** Ends it; every request that waits is told. Does nothing the second time. */
  end(reason: string, gently = false): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#enquiry);
    if (gently) this.#socket.destroySoon();
    else this.#socket.destroy();
    const error = new SmsError('failed', reason);
    for (const { fail } of [...this.#waiting.values()]) fail(error);
    this.#options.onEnd(error);
  }
}
