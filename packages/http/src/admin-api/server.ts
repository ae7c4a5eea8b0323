/** The operator's API: HTTP over a Unix socket in the data folder, which only the server's own user may open. */
import { chmod, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Log } from '@parley/core/ports';
import { z } from 'zod';
import { HttpError } from '../errors.ts';

export interface AdminUser {
  readonly jid: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  readonly disabled: boolean;
  readonly sessions: number;
}

export interface AdminQueue {
  readonly jid: string;
  readonly device: string;
  readonly queueLength: number;
  /** Age of the oldest waiting message, ms. */
  readonly queueAgeMs: number;
}

export interface AdminSession {
  readonly jid: string;
  readonly boundAt: number;
  readonly connected: boolean;
  readonly available: boolean;
  readonly address: string;
}

/** A bound on what strangers may ask for, and what it did since the start. */
export interface AdminLimit {
  readonly domain: string;
  readonly name: string;
  readonly about: string;
  /** 0: no limit. */
  readonly perHour: number;
  readonly keys: number;
  readonly exhausted: number;
  readonly taken: number;
  readonly refused: number;
  readonly fullest?: { readonly key: string; readonly used: number } | undefined;
}

/** One way that codes go. */
export interface AdminWay {
  readonly name: string;
  readonly sent: number;
  readonly entered: number;
  readonly failed: number;
  readonly delivered: number;
  readonly undelivered: number;
  readonly score: number;
  readonly resting: boolean;
}

export interface AdminLimits {
  readonly limits: readonly AdminLimit[];
  /** Providers of short messages, as the operator has listed them. */
  readonly ways: readonly AdminWay[];
  /** Somebody was refused in the last hour because a budget for short messages was used up. */
  readonly smsAlarm: boolean;
}

/** A report of spam or abuse (XEP-0377). */
export interface AdminReport {
  readonly id: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly reporter: string;
  readonly jid: string;
  readonly reason: string;
  readonly texts: readonly string[];
  readonly messages: readonly { readonly at: number; readonly text: string }[];
  readonly state: 'open' | 'closed';
}

/** What the server says to everybody once, or to new accounts (XEP-0133). */
export type AdminNotice = 'motd' | 'welcome';

export interface AdminExport {
  readonly counts: Record<string, number>;
  /** Uploaded files that could not be copied. */
  readonly missing: readonly string[];
}

export interface AdminImport {
  readonly counts: Record<string, number>;
  readonly there: readonly string[];
  readonly withoutKeys: readonly string[];
  readonly left: readonly string[];
  readonly leftCount: number;
}

/** What an operator can do; the same for a running server and for the database of a stopped one. Errors are AdminError. */
export interface AdminActions {
  status(): Promise<Record<string, unknown>>;
  addUser(name: string, password: string): Promise<string>;
  users(after: string | undefined, limit: number): Promise<AdminUser[]>;
  removeUser(name: string): Promise<void>;
  setPassword(name: string, password: string): Promise<void>;
  queues(limit: number): Promise<AdminQueue[]>;
  sessions(): Promise<AdminSession[]>;
  kick(jid: string): Promise<number>;
  /** Limits of a running server; those of a stopped one have counted nothing. */
  limits(): Promise<AdminLimits>;
  /** Newest first. */
  reports(state: 'open' | 'closed' | undefined, limit: number): Promise<AdminReport[]>;
  report(id: string): Promise<AdminReport>;
  closeReport(id: string): Promise<void>;
  /** Names of the settings that a running server has taken anew. */
  reload(): Promise<string[]>;
  /** Writes everything to a file (XEP-0227), or reads it from there; absolute paths. Answer what there was. */
  notice(kind: AdminNotice): Promise<{ text: string; at: number } | undefined>;
  /** No text deletes it; `again`: also for those who have had the message of the day before. */
  setNotice(kind: AdminNotice, text: string | undefined, again: boolean): Promise<void>;
  keys(): Promise<AdminKey[]>;
  /** `domain`: undefined is the first one. `publicKey`: PEM or JWK; without it the key has a secret. */
  addKey(name: string, domain: string | undefined, publicKey: string | undefined): Promise<AdminNewKey>;
  /** Another secret under another id; the old one is good for `graceMs` more. */
  rotateKey(id: string, graceMs: number): Promise<AdminNewKey>;
  revokeKey(id: string): Promise<void>;
  exportTo(path: string): Promise<AdminExport>;
  importFrom(path: string, also: string | undefined): Promise<AdminImport>;
}

/** A key with which an app's server signs for its users, without its secret. */
export interface AdminKey {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
  readonly algorithm: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** From when it is good no more; undefined while it is not going. */
  readonly endsAt?: number;
}
/** A new key; the secret is told this once, and there is none for a public key. */
export interface AdminNewKey {
  readonly key: AdminKey;
  readonly secret: string | undefined;
}

/** Something that the operator asked for cannot be done; the message is a sentence. */
export class AdminError extends Error {
  /** `unavailable`: the server could not be asked. */
  readonly code: 'not-found' | 'conflict' | 'bad-request' | 'unavailable';
  constructor(code: AdminError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AdminError';
    this.code = code;
  }
}

const Text = z.string().min(1).max(3071);
const Limit = z.number().int().min(1).max(10_000);
const Request = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('status') }),
  z.strictObject({ action: z.literal('addUser'), name: Text, password: Text }),
  z.strictObject({ action: z.literal('users'), after: Text.optional(), limit: Limit }),
  z.strictObject({ action: z.literal('removeUser'), name: Text }),
  z.strictObject({ action: z.literal('setPassword'), name: Text, password: Text }),
  z.strictObject({ action: z.literal('queues'), limit: Limit }),
  z.strictObject({ action: z.literal('sessions') }),
  z.strictObject({ action: z.literal('limits') }),
  z.strictObject({ action: z.literal('kick'), jid: Text }),
  z.strictObject({ action: z.literal('reports'), state: z.enum(['open', 'closed']).optional(), limit: Limit }),
  z.strictObject({ action: z.literal('report'), id: Text }),
  z.strictObject({ action: z.literal('closeReport'), id: Text }),
  z.strictObject({ action: z.literal('reload') }),
  z.strictObject({ action: z.literal('notice'), kind: z.enum(['motd', 'welcome']) }),
  z.strictObject({
    action: z.literal('setNotice'),
    kind: z.enum(['motd', 'welcome']),
    text: z.string().max(8192).optional(),
    again: z.boolean(),
  }),
  z.strictObject({ action: z.literal('keys') }),
  z.strictObject({
    action: z.literal('addKey'),
    name: Text,
    domain: Text.optional(),
    publicKey: z.string().min(1).max(8192).optional(),
  }),
  z.strictObject({ action: z.literal('rotateKey'), id: Text, graceMs: z.number().int().min(0).max(31_536_000_000) }),
  z.strictObject({ action: z.literal('revokeKey'), id: Text }),
  z.strictObject({ action: z.literal('exportTo'), path: Text }),
  z.strictObject({ action: z.literal('importFrom'), path: Text, also: Text.optional() }),
]);
export type AdminRequest = z.infer<typeof Request>;

/** Does what a request asks for. Throws AdminError. */
export async function perform(actions: AdminActions, request: AdminRequest): Promise<unknown> {
  switch (request.action) {
    case 'status':
      return actions.status();
    case 'addUser':
      return actions.addUser(request.name, request.password);
    case 'users':
      return actions.users(request.after, request.limit);
    case 'removeUser':
      return actions.removeUser(request.name);
    case 'setPassword':
      return actions.setPassword(request.name, request.password);
    case 'queues':
      return actions.queues(request.limit);
    case 'sessions':
      return actions.sessions();
    case 'limits':
      return actions.limits();
    case 'kick':
      return actions.kick(request.jid);
    case 'reports':
      return actions.reports(request.state, request.limit);
    case 'report':
      return actions.report(request.id);
    case 'closeReport':
      return actions.closeReport(request.id);
    case 'reload':
      return actions.reload();
    case 'notice':
      return actions.notice(request.kind).then((found) => found ?? null);
    case 'setNotice':
      return actions.setNotice(request.kind, request.text, request.again);
    case 'keys':
      return actions.keys();
    case 'addKey':
      return actions.addKey(request.name, request.domain, request.publicKey);
    case 'rotateKey':
      return actions.rotateKey(request.id, request.graceMs);
    case 'revokeKey':
      return actions.revokeKey(request.id);
    case 'exportTo':
      return actions.exportTo(request.path);
    case 'importFrom':
      return actions.importFrom(request.path, request.also);
  }
}

const STATUS = { 'not-found': 404, conflict: 409, 'bad-request': 400, unavailable: 503 } as const;
const BODY_BYTES = 16_384;

async function body(source: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw new HttpError(413, 'too-large', 'The request is too large.');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new HttpError(400, 'bad-request', 'The request is not JSON.');
  }
}

/** Listens on a socket that is not there yet, or whose server is gone. */
export async function listenAdmin(path: string, actions: AdminActions, log: Log): Promise<{ close(): Promise<void> }> {
  await rm(path, { force: true });
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value ?? null));
    };
    const run = async (): Promise<void> => {
      const wish = Request.safeParse(await body(request));
      if (!wish.success)
        throw new HttpError(
          400,
          'bad-request',
          'This server does not know this request; are the command and the server of the same version?',
        );
      log.debug('admin_request', { action: wish.data.action });
      answer(200, await perform(actions, wish.data));
    };
    run().catch((error: unknown) => {
      if (error instanceof AdminError) answer(STATUS[error.code], { error: error.code, message: error.message });
      else if (error instanceof HttpError) answer(error.status, { error: error.code, message: error.message });
      else {
        log.error('admin_request_failed', { error });
        answer(500, { error: 'internal', message: 'The server failed at this; its log says why.' });
      }
    });
  });
  // The mode of a new socket comes from the umask; nobody else may slip in between listen and chmod.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  } finally {
    process.umask(before);
  }
  await chmod(path, 0o600);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
