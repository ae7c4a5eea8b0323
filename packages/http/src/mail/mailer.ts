/** Sends mail through the operator's mail server (RFC 6409), by nodemailer. */
import { createTransport } from 'nodemailer';

/** Where mail goes out. */
export interface MailOptions {
  /** `smtps://host:465` (TLS from the first byte) or `smtp://host:587` (STARTTLS, demanded unless the host is this machine). */
  readonly server: string;
  /** Empty: the server wants no sign-in. */
  readonly user: string;
  readonly password: string;
  /** The sender, as `Name <address>` or an address alone. */
  readonly from: string;
  /** Further trust anchors, PEM; for mail servers with a certificate of their own. */
  readonly ca?: string | undefined;
}

/** One mail, as text and as HTML. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mailer {
  /** Resolves when the mail server has taken it. Rejects with its reason, which never quotes the mail. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** `host:port` of a mail server's address; undefined when it cannot be one. */
export function mailServer(text: string): { readonly host: string; readonly port: number; readonly secure: boolean } | undefined {
  const match = /^(smtps?):\/\/(\[[0-9a-fA-F:]+\]|[^\s:/@?#]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null) return undefined;
  const secure = match[1] === 'smtps';
  const port = Number(match[3] ?? (secure ? 465 : 587));
  return port < 1 || port > 65_535 ? undefined : { host: (match[2] as string).replace(/^\[|\]$/g, ''), port, secure };
}

const CONNECT_MS = 10_000;
const SILENCE_MS = 20_000;
const MOST_CONNECTIONS = 4;

/** Opens the way to the mail server; it connects when there is something to send. `server` must be one that {@link mailServer} reads. */
export function openMailer(options: MailOptions): Mailer {
  const where = mailServer(options.server);
  if (where === undefined) throw new TypeError(`not a mail server: ${options.server}`);
  const here = /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(where.host);
  const transport = createTransport({
    ...where,
    requireTLS: !where.secure && !here,
    pool: true,
    maxConnections: MOST_CONNECTIONS,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    auth: options.user === '' ? undefined : { user: options.user, pass: options.password },
    tls: { minVersion: 'TLSv1.2', ...(options.ca === undefined ? undefined : { ca: options.ca }) },
    // Addresses and codes come from outside: nothing in them may read a file or fetch a page of this machine.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, subject, text, html }) {
      // As an object the address is taken as it is, and is never parsed as a list of several.
      await transport.sendMail({
        from: options.from,
        to: { name: '', address: to },
        subject,
        text,
        html,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
    },
    close: () => transport.close(),
  };
}
