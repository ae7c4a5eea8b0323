/** The other end of the operator's socket: the same actions, asked of the running server. */
import { lstat } from 'node:fs/promises';
import { request } from 'node:http';
import {
  type AdminActions,
  AdminError,
  type AdminExport,
  type AdminImport,
  type AdminKey,
  type AdminLimits,
  type AdminNewKey,
  type AdminQueue,
  type AdminReport,
  type AdminRequest,
  type AdminSession,
  type AdminUser,
} from './server.ts';

/** Removing an account with a long history takes the server a moment. */
const ANSWER_MS = 60_000;
const ANSWER_BYTES = 64 * 1024 * 1024;

function post(path: string, wish: AdminRequest): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new AdminError('unavailable', `The running server does not answer on ${path}: ${cause.message}.`, { cause }));
    const text = JSON.stringify(wish);
    const sent = request(
      {
        socketPath: path,
        method: 'POST',
        path: '/',
        agent: false,
        // A whole server takes its time.
        timeout: wish.action === 'exportTo' || wish.action === 'importFrom' ? 0 : ANSWER_MS,
        headers: { host: 'localhost', 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES) response.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.once('error', failed);
        response.once('end', () => {
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
          } catch {
            failed(new Error('the answer is not JSON'));
          }
        });
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.once('error', failed);
    sent.end(text);
  });
}

/** The actions of the server behind the socket `path`, whose data folder belongs to the user `owner`. They throw AdminError. */
export function connectAdmin(path: string, owner: number): AdminActions {
  let trusted = false;
  const ask = async <T>(wish: AdminRequest): Promise<T> => {
    if (!trusted) {
      await checkOwner(path, owner);
      trusted = true;
    }
    const { status, body } = await post(path, wish);
    if (status === 200) return body as T;
    const { error, message } = (typeof body === 'object' && body !== null ? body : {}) as { error?: unknown; message?: unknown };
    const code = error === 'not-found' || error === 'conflict' || error === 'bad-request' ? error : 'unavailable';
    throw new AdminError(code, typeof message === 'string' ? message : `The server answered with status ${status}.`);
  };
  return {
    status: () => ask<Record<string, unknown>>({ action: 'status' }),
    addUser: (name, password) => ask<string>({ action: 'addUser', name, password }),
    users: (after, limit) => ask<AdminUser[]>({ action: 'users', after, limit }),
    removeUser: async (name) => void (await ask({ action: 'removeUser', name })),
    setPassword: async (name, password) => void (await ask({ action: 'setPassword', name, password })),
    queues: (limit) => ask<AdminQueue[]>({ action: 'queues', limit }),
    sessions: () => ask<AdminSession[]>({ action: 'sessions' }),
    limits: () => ask<AdminLimits>({ action: 'limits' }),
    kick: (jid) => ask<number>({ action: 'kick', jid }),
    reports: (state, limit) => ask<AdminReport[]>({ action: 'reports', state, limit }),
    report: (id) => ask<AdminReport>({ action: 'report', id }),
    closeReport: async (id) => void (await ask({ action: 'closeReport', id })),
    reload: () => ask<string[]>({ action: 'reload' }),
    notice: async (kind) => (await ask<{ text: string; at: number } | null>({ action: 'notice', kind })) ?? undefined,
    setNotice: async (kind, text, again) =>
      void (await ask({ action: 'setNotice', kind, again, ...(text === undefined ? undefined : { text }) })),
    keys: () => ask<AdminKey[]>({ action: 'keys' }),
    addKey: (name, domain, publicKey) =>
      ask<AdminNewKey>({
        action: 'addKey',
        name,
        ...(domain === undefined ? undefined : { domain }),
        ...(publicKey === undefined ? undefined : { publicKey }),
      }),
    rotateKey: (id, graceMs) => ask<AdminNewKey>({ action: 'rotateKey', id, graceMs }),
    revokeKey: async (id) => void (await ask({ action: 'revokeKey', id })),
    exportTo: (path) => ask<AdminExport>({ action: 'exportTo', path }),
    importFrom: (path, also) => ask<AdminImport>({ action: 'importFrom', path, ...(also === undefined ? undefined : { also }) }),
  };
}

/**
 * Passwords go over this socket, and for a data folder deep down it lies where every user may make files:
 * one that somebody else made is not our server.
 */
async function checkOwner(path: string, owner: number): Promise<void> {
  const { uid } = await lstat(path).catch((cause: Error) => {
    throw new AdminError('unavailable', `The server's socket ${path} cannot be used: ${cause.message}.`, { cause });
  });
  if (uid === owner || uid === 0) return;
  throw new AdminError(
    'unavailable',
    `The socket ${path} belongs to user number ${uid}, the data folder to ${owner}: this is not the server of this folder.`,
  );
}
