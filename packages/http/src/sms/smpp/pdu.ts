/** SMPP 3.4 on the wire, as much of it as a sender of short messages needs (§ as in "Short Message Peer to Peer Protocol Specification v3.4"). */

/** §5.1.2.1. */
export const COMMAND = {
  genericNack: 0x8000_0000,
  submitSm: 0x0000_0004,
  submitSmResp: 0x8000_0004,
  deliverSm: 0x0000_0005,
  deliverSmResp: 0x8000_0005,
  unbind: 0x0000_0006,
  unbindResp: 0x8000_0006,
  bindTransceiver: 0x0000_0009,
  bindTransceiverResp: 0x8000_0009,
  enquireLink: 0x0000_0015,
  enquireLinkResp: 0x8000_0015,
} as const;

/** §5.1.3. */
export const STATUS = {
  ok: 0,
  invalidCommand: 0x03,
  invalidDestination: 0x0b,
  bindFailed: 0x0d,
  invalidPassword: 0x0e,
  invalidSystemId: 0x0f,
  messageQueueFull: 0x14,
  throttled: 0x58,
} as const;

/** One PDU: §3.2. */
export interface Pdu {
  readonly command: number;
  readonly status: number;
  readonly sequence: number;
  readonly body: Buffer;
}

export const HEADER_BYTES = 16;
/** A deliver_sm of the longest kind is far below. */
export const LONGEST_PDU = 16_384;

export function encodePdu({ command, status, sequence, body }: Pdu): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(command, 4);
  bytes.writeUInt32BE(status, 8);
  bytes.writeUInt32BE(sequence, 12);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Cuts a stream of bytes into PDUs. Throws RangeError at a length that cannot be: the connection is of no use then. */
export class PduReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Pdu[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const pdus: Pdu[] = [];
    while (this.#rest.length >= 4) {
      const length = this.#rest.readUInt32BE(0);
      if (length < HEADER_BYTES || length > LONGEST_PDU) throw new RangeError(`a PDU of ${length} bytes`);
      if (this.#rest.length < length) break;
      pdus.push({
        command: this.#rest.readUInt32BE(4),
        status: this.#rest.readUInt32BE(8),
        sequence: this.#rest.readUInt32BE(12),
        body: Buffer.from(this.#rest.subarray(HEADER_BYTES, length)),
      });
      this.#rest = this.#rest.subarray(length);
    }
    return pdus;
  }
}

const zero = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');
const bytes = (...values: number[]): Buffer => Buffer.from(values);

/** §4.1.5. */
export function bindBody({ user, password, systemType }: { user: string; password: string; systemType: string }): Buffer {
  return Buffer.concat([zero(user), zero(password), zero(systemType), bytes(0x34, 0, 0), zero('')]);
}

/** Type of number and numbering plan (§5.2.5, §5.2.6) of a sender: international, alphanumeric, or whatever the network makes of it. */
function sender(from: string): { ton: number; npi: number; address: string } {
  if (/^\+\d{5,20}$/.test(from)) return { ton: 1, npi: 1, address: from.slice(1) };
  return /^\d+$/.test(from) ? { ton: 0, npi: 1, address: from } : { ton: 5, npi: 0, address: from };
}

/** How a text becomes bytes, and the data_coding that says so (§5.2.19). */
export const ALPHABETS = ['gsm', 'latin1', 'ucs2'] as const;
export type Alphabet = (typeof ALPHABETS)[number];

/** Signs of our texts that the default alphabet of GSM 03.38 has in another place than ASCII. */
const GSM: Readonly<Record<string, number>> = { '@': 0x00, $: 0x02, _: 0x11 };

function encodeText(text: string, alphabet: Alphabet): { coding: number; octets: Buffer } {
  if (alphabet === 'ucs2') return { coding: 8, octets: Buffer.from(text, 'utf16le').swap16() };
  if (alphabet === 'latin1') return { coding: 3, octets: Buffer.from(text, 'latin1') };
  return { coding: 0, octets: Buffer.from([...text].map((sign) => GSM[sign] ?? sign.charCodeAt(0))) };
}

const SHORT_OCTETS = 254;
const MESSAGE_PAYLOAD = 0x0424;

/** §4.4.1: one message to a number in E.164, with a receipt wanted; `text` is ASCII. */
export function submitBody(message: { from: string; to: string; text: string; alphabet: Alphabet; validSeconds: number }): Buffer {
  const source = sender(message.from);
  const { coding, octets } = encodeText(message.text, message.alphabet);
  const whole = octets.length <= SHORT_OCTETS;
  const seconds = message.validSeconds;
  const two = (n: number): string => String(n).padStart(2, '0');
  // §7.1.1, relative: a code that comes when it is over helps nobody.
  const validity = `000000${two(Math.floor(seconds / 3600))}${two(Math.floor(seconds / 60) % 60)}${two(seconds % 60)}000R`;
  const payload = Buffer.alloc(whole ? 0 : 4);
  if (!whole) {
    payload.writeUInt16BE(MESSAGE_PAYLOAD, 0);
    payload.writeUInt16BE(octets.length, 2);
  }
  return Buffer.concat([
    zero(''),
    bytes(source.ton, source.npi),
    zero(source.address),
    bytes(1, 1),
    zero(message.to.replace(/^\+/, '')),
    bytes(0, 0, 0),
    zero(''),
    zero(validity),
    // registered_delivery 1: a receipt in the end (§5.2.17).
    bytes(1, 0, coding, 0, whole ? octets.length : 0),
    ...(whole ? [octets] : [payload, octets]),
  ]);
}

/** What a receipt says of a message (appendix B); undefined for a deliver_sm that is none. */
export function receiptState(body: Buffer): string | undefined {
  // service_type, source and destination with type and plan before each, as in §4.6.1.
  let at = body.indexOf(0) + 1;
  for (let i = 0; i < 2 && at > 0; i++) at = body.indexOf(0, at + 2) + 1;
  if (at <= 0 || at >= body.length) return undefined;
  const esmClass = body[at] as number;
  if ((esmClass & 0x3c) !== 0x04) return undefined;
  // protocol_id, priority_flag, schedule_delivery_time, validity_period.
  at += 3;
  for (let i = 0; i < 2; i++) {
    at = body.indexOf(0, at) + 1;
    if (at <= 0) return undefined;
  }
  // registered_delivery, replace_if_present, data_coding, sm_default_msg_id.
  const length = body[at + 4];
  if (length === undefined) return undefined;
  return /\bstat:([A-Z]{7})\b/.exec(body.subarray(at + 5, at + 5 + length).toString('latin1'))?.[1];
}
