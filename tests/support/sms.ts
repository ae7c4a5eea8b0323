// Real counterparts that carry short messages, on free ports of 127.0.0.1: one that speaks Twilio's API, a webhook, and an SMSC (the package smpp).
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import smpp, { type Pdu, type Session } from 'smpp';
import { PATIENCE_MS, waitFor } from './process.ts';

/** A message as the provider has it. */
export interface ReceivedSms {
  readonly to: string;
  readonly from: string;
  readonly text: string;
}

type Settings = Readonly<Record<string, string>>;

/** What a test needs of each of them. */
export interface SmsCounterpart {
  /** Settings of a chat server that sends through it, `phone.providers` excluded. */
  readonly config: Settings;
  /** What it has taken. */
  readonly taken: readonly ReceivedSms[];
  /** Messages that it refused, and requests that were not allowed. */
  readonly refused: number;
  /** The `count`th message to this number; waits for it. */
  smsTo(number: string, count?: number): Promise<ReceivedSms>;
  /** It takes nothing from now on, or takes it again. */
  refuse(refusing: boolean): void;
  close(): Promise<void>;
}

/** The digits that a person would type. */
export function codeIn(text: string): string {
  return /^(\d{4,8}) is your code/.exec(text)?.[1] ?? '';
}

const findSms =
  (taken: readonly ReceivedSms[]) =>
  (number: string, count = 1): Promise<ReceivedSms> =>
    waitFor(`short message ${count} to ${number}`, async () => taken.filter(({ to }) => to === number)[count - 1], PATIENCE_MS);

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Twilio's Messages API, as its documentation has it: Basic authorization, a form, 201 with JSON. */
export async function startTwilio(): Promise<SmsCounterpart & { answerWith(status: number, code: number): void }> {
  const account = `AC${'0'.repeat(32)}`;
  const token = 'token of the test';
  const taken: ReceivedSms[] = [];
  let refused = 0;
  let failure: { status: number; code: number } | undefined;
  const server = createServer((request, response) => {
    const answer = (status: number, value: unknown): void => {
      if (status >= 300) refused++;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    void bodyOf(request).then((text) => {
      const wanted = `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}`;
      if (request.headers.authorization !== wanted) return answer(401, { code: 20003, message: 'Authenticate', status: 401 });
      const base = `/2010-04-01/Accounts/${account}`;
      if (request.method === 'GET' && request.url === `${base}.json`) return answer(200, { sid: account, status: 'active' });
      if (request.method !== 'POST' || request.url !== `${base}/Messages.json`) return answer(404, { code: 20404, status: 404 });
      if (request.headers['content-type'] !== 'application/x-www-form-urlencoded') return answer(415, { status: 415 });
      if (failure !== undefined) return answer(failure.status, { code: failure.code, message: 'no', status: failure.status });
      const form = new URLSearchParams(text);
      taken.push({ to: form.get('To') ?? '', from: form.get('From') ?? '', text: form.get('Body') ?? '' });
      answer(201, { sid: `SM${taken.length}`, status: 'queued' });
    });
  });
  const port = await listen(server);
  return {
    config: {
      'phone.twilio.url': `http://127.0.0.1:${port}`,
      'phone.twilio.account': account,
      'phone.twilio.token': token,
      'phone.twilio.from': '+15005550006',
    },
    taken,
    get refused() {
      return refused;
    },
    smsTo: findSms(taken),
    refuse: (refusing) => {
      failure = refusing ? { status: 503, code: 20500 } : undefined;
    },
    answerWith: (status, code) => {
      failure = { status, code };
    },
    close: () => closed(server),
  };
}

/** A program of the operator: it looks at the signature as Standard Webhooks 1.0 says, before it believes anything. */
export async function startWebhook(now: () => number = Date.now): Promise<SmsCounterpart & { readonly codes: readonly string[] }> {
  const key = Buffer.from('a key of the test, 32 bytes long');
  const taken: ReceivedSms[] = [];
  const codes: string[] = [];
  const ids = new Set<string>();
  let refused = 0;
  let refusing = false;
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const id = String(request.headers['webhook-id']);
      const at = String(request.headers['webhook-timestamp']);
      const [version = '', given = ''] = String(request.headers['webhook-signature']).split(',');
      const right = createHmac('sha256', key).update(`${id}.${at}.${text}`).digest();
      const bytes = Buffer.from(given, 'base64');
      const genuine = version === 'v1' && bytes.length === right.length && timingSafeEqual(bytes, right);
      const fresh = Math.abs(now() / 1000 - Number(at)) < 300 && !ids.has(id);
      if (!genuine || !fresh || refusing) {
        refused++;
        response.writeHead(genuine && fresh ? 503 : 401).end();
        return;
      }
      ids.add(id);
      const told = JSON.parse(text) as { type: string; data: { to: string; text: string; code: string } };
      if (told.type === 'code.send') {
        taken.push({ to: told.data.to, from: '', text: told.data.text });
        codes.push(told.data.code);
      }
      response.writeHead(204).end();
    });
  });
  const port = await listen(server);
  return {
    config: { 'phone.webhook.url': `http://127.0.0.1:${port}/codes`, 'phone.webhook.secret': `whsec_${key.toString('base64')}` },
    taken,
    codes,
    get refused() {
      return refused;
    },
    smsTo: findSms(taken),
    refuse: (value) => {
      refusing = value;
    },
    close: () => closed(server),
  };
}

export interface Smsc extends SmsCounterpart {
  /** Of the sessions that are bound now. */
  readonly bound: number;
  /** Binds and enquiries so far. */
  readonly binds: number;
  readonly enquiries: number;
  /** Receipts that the chat server has acknowledged. */
  readonly acknowledged: number;
  /** The newest submit_sm, field by field. */
  readonly submitted: Pdu | undefined;
  /** What happens with the next messages: taken with a receipt of this state, or answered with this status. */
  become(how: { readonly receipt: string } | { readonly status: number }): void;
  /** Asks every bound session whether it lives; resolves when all have answered. */
  enquire(): Promise<void>;
  /** Breaks every connection. */
  drop(): void;
  /** Bytes that are no SMPP, to every bound session. */
  babble(): void;
  /** Answers no enquiry from now on. */
  deaf(): void;
}

/** An SMSC that knows one user. */
export async function startSmsc(): Promise<Smsc> {
  const user = 'parley';
  const password = 'secret8';
  const taken: ReceivedSms[] = [];
  const sessions = new Set<Session>();
  const all = new Set<Session>();
  const counts = { refused: 0, binds: 0, enquiries: 0, acknowledged: 0 };
  let submitted: Pdu | undefined;
  let status = smpp.ESME_ROK;
  let receipt = 'DELIVRD';
  let deaf = false;
  const server = smpp.createServer((session) => {
    all.add(session);
    session.on('error', () => {});
    session.on('close', () => {
      sessions.delete(session);
      all.delete(session);
    });
    session.on('bind_transceiver', (pdu: Pdu) => {
      counts.binds++;
      if (pdu.system_id !== user || pdu.password !== password) {
        session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
        session.close();
        return;
      }
      sessions.add(session);
      session.send(pdu.response({ system_id: 'test' }));
    });
    session.on('enquire_link', (pdu: Pdu) => {
      counts.enquiries++;
      if (!deaf) session.send(pdu.response());
    });
    session.on('unbind', (pdu: Pdu) => {
      session.send(pdu.response());
      session.close();
    });
    session.on('submit_sm', (pdu: Pdu) => {
      if (!sessions.has(session) || status !== smpp.ESME_ROK) {
        counts.refused++;
        session.send(pdu.response({ command_status: status }));
        return;
      }
      submitted = pdu;
      const id = `m${taken.length + 1}`;
      const to = `+${pdu.destination_addr ?? ''}`;
      session.send(pdu.response({ message_id: id }));
      taken.push({ to, from: pdu.source_addr ?? '', text: pdu.short_message?.message ?? '' });
      session.deliver_sm(
        {
          source_addr: pdu.destination_addr,
          destination_addr: pdu.source_addr,
          esm_class: 4,
          short_message: `id:${id} sub:001 dlvrd:001 submit date:2611271200 done date:2611271201 stat:${receipt} err:000 text:`,
        },
        () => {
          counts.acknowledged++;
        },
      );
    });
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    config: {
      'phone.smpp.server': `smpp://127.0.0.1:${server.address().port}`,
      'phone.smpp.user': user,
      'phone.smpp.password': password,
      'phone.smpp.from': 'Parley',
    },
    taken,
    get refused() {
      return counts.refused;
    },
    get bound() {
      return sessions.size;
    },
    get binds() {
      return counts.binds;
    },
    get enquiries() {
      return counts.enquiries;
    },
    get acknowledged() {
      return counts.acknowledged;
    },
    get submitted() {
      return submitted;
    },
    smsTo: findSms(taken),
    refuse: (refusing) => {
      status = refusing ? smpp.ESME_RTHROTTLED : smpp.ESME_ROK;
    },
    become: (how) => {
      status = 'status' in how ? how.status : smpp.ESME_ROK;
      if ('receipt' in how) receipt = how.receipt;
    },
    enquire: async () => {
      await Promise.all([...sessions].map((session) => new Promise<void>((resolve) => session.enquire_link(() => resolve()))));
    },
    drop: () => {
      for (const session of all) session.socket.destroy();
    },
    babble: () => {
      for (const session of sessions) session.socket.write('GET / HTTP/1.1\r\n\r\n');
    },
    deaf: () => {
      deaf = true;
    },
    close: async () => {
      for (const session of all) session.socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
