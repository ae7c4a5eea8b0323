// A real mail server on a free port of 127.0.0.1: TLS from the first byte, a name and a password needed; what it takes is kept here.
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { selfSignedCertificate } from '@parley/transports';
import { SMTPServer } from 'smtp-server';
import { waitFor } from './process.ts';

/** A mail as it came over the wire. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** The parts by content type, decoded. */
  readonly parts: ReadonlyMap<string, string>;
}

export interface MailServer {
  /** Settings of a chat server that sends through it. */
  readonly config: Readonly<Record<string, string>>;
  readonly mails: ReceivedMail[];
  /** The newest mail to this address; waits for the `count`th. */
  mailTo(address: string, count?: number): Promise<ReceivedMail>;
  /** Refuses everything from now on, or not any more. */
  refuse(refusing: boolean): void;
  close(): Promise<void>;
}

const USER = 'parley';
const PASSWORD = 'mail secret of the test';

/** Starts it; certificate and key go to `folder`. */
export async function startMailServer(folder: string): Promise<MailServer> {
  const { cert, key } = await selfSignedCertificate(join(folder, 'mail-tls'), 'localhost', Date.now());
  const ca = join(folder, 'mail-ca.pem');
  await writeFile(ca, cert);
  const mails: ReceivedMail[] = [];
  let refusing = false;
  const server = new SMTPServer({
    secure: true,
    key,
    cert,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth: ({ username, password }, _session, done) =>
      username === USER && password === PASSWORD ? done(null, { user: username }) : done(new Error('wrong name or password')),
    onMailFrom: (_address, _session, done) => (refusing ? done(new Error('try again later')) : done()),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          ...parseMail(Buffer.concat(chunks).toString()),
        });
        done();
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  return {
    config: { 'email.server': `smtps://127.0.0.1:${port}`, 'email.user': USER, 'email.password': PASSWORD, 'email.ca': ca },
    mails,
    mailTo: (address, count = 1) =>
      waitFor(`mail ${count} to ${address}`, async () => mails.filter(({ to }) => to.includes(address))[count - 1], 60_000),
    refuse: (value) => {
      refusing = value;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function parseHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

function decoded(text: string, encoding: string | undefined): string {
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString();
  if (encoding !== 'quoted-printable') return text;
  const bytes = text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** MIME as far as our own mails go: one multipart/alternative (RFC 2046 §5.1). */
function parseMail(text: string): Pick<ReceivedMail, 'headers' | 'parts'> {
  const end = text.indexOf('\r\n\r\n');
  const headers = parseHeaders(text.slice(0, end));
  const boundary = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1];
  const parts = new Map<string, string>();
  if (boundary === undefined) return { headers, parts };
  for (const part of text.slice(end).split(`--${boundary}`).slice(1, -1)) {
    const from = part.indexOf('\r\n\r\n');
    const own = parseHeaders(part.slice(2, from));
    parts.set(
      (own.get('content-type') ?? '').split(';')[0] ?? '',
      decoded(part.slice(from + 4).replace(/\r\n$/, ''), own.get('content-transfer-encoding')),
    );
  }
  return { headers, parts };
}
