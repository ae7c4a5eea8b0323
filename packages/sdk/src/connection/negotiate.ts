import { decodeSasl2Feature, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Endpoint, Platform } from '../platform.ts';
import type { Device } from './device.ts';
import { InlineSignIn } from './sasl2.ts';
import { iqError, Session, type SessionOwner } from './session.ts';
import { authenticate, chooseScram, type KeptKeys, type Secret } from './sign-in.ts';
import { XmppStream } from './stream.ts';

const STEP_TIMEOUT_MS = 20_000;

export interface NegotiateOptions {
  readonly platform: Platform;
  readonly endpoint: Endpoint;
  readonly domain: string;
  readonly secret: Secret;
  readonly owner: SessionOwner;
  /** Wish for the resource; the server may choose another. */
  readonly resource: string;
  /** Make the account first (XEP-0077). */
  readonly register?: boolean;
  readonly allowPlaintext: boolean;
  readonly device: Device;
  /** A session to resume (XEP-0198 §5). */
  readonly previous?: Session | undefined;
}

export interface Negotiated {
  readonly session: Session;
  readonly keys: KeptKeys | undefined;
  /** The previous session goes on; nothing was lost. */
  readonly resumed: boolean;
}

/** Connects, encrypts, registers when asked, signs in, resumes or binds. Rejects with a ChatError; the socket is closed then. */
export async function negotiate(options: NegotiateOptions): Promise<Negotiated> {
  const stream = await XmppStream.connect(
    options.platform,
    options.endpoint,
    options.domain,
    `${options.secret.username}@${options.domain}`,
  );
  try {
    return await steps(stream, options);
  } catch (error) {
    stream.close();
    throw error;
  }
}

async function steps(stream: XmppStream, options: NegotiateOptions): Promise<Negotiated> {
  const { platform, secret, previous } = options;
  const inline = new InlineSignIn(stream, options);
  const direct = options.register === true ? undefined : await inline.early();
  if (direct?.done !== undefined) return direct.done;
  let features = direct?.features ?? (await nextFeatures(stream));
  if (!stream.secure && !options.allowPlaintext) {
    if (stream.kind === 'websocket') throw new ChatError('insecure-connection', 'The server address must begin with wss:// or https://');
    // RFC 6120 §5.3.1: whether or not the server says `required`, nothing goes out in the clear.
    if (features.child('starttls', NS.tls) === undefined)
      throw new ChatError('insecure-connection', 'The server does not offer encryption');
    stream.send(el('starttls', { xmlns: NS.tls }));
    const answer = await stream.next(STEP_TIMEOUT_MS);
    if (answer.ns !== NS.tls || answer.name !== 'proceed') throw new ChatError('insecure-connection', 'The server refused encryption');
    await stream.startTls();
    const early = options.register === true ? undefined : await inline.early();
    if (early?.done !== undefined) return early.done;
    features = early?.features ?? (await nextFeatures(stream));
  }
  if (options.register === true) await registerAccount(stream, features, secret);
  const offer = decodeSasl2Feature(features);
  // Without the inline bind nothing is gained; PLAIN and what else is rare goes the old way.
  if (
    offer?.bind !== undefined &&
    (stream.secure || options.allowPlaintext) &&
    (chooseScram(offer.mechanisms, secret) !== undefined || secret.password === undefined)
  )
    return inline.run(features, offer);
  const keys = await authenticate(platform, stream, features, secret);
  stream.restart();
  features = await nextFeatures(stream);
  const manageable = features.child('sm', NS.sm) !== undefined;

  if (previous?.resumeId !== undefined && manageable) {
    stream.send(el('resume', { xmlns: NS.sm, previd: previous.resumeId, h: String(previous.receivedCount) }));
    const answer = await stream.next(STEP_TIMEOUT_MS);
    const h = Number(answer.attr('h') ?? Number.NaN);
    if (answer.ns === NS.sm && answer.name === 'resumed' && answer.attr('previd') === previous.resumeId) {
      previous.attach(stream, h);
      if (!previous.online) throw new ChatError('connection-lost', 'The session could not be resumed');
      return { session: previous, keys, resumed: true };
    }
    // XEP-0198 §5: a failed resume may still say how much the server had taken.
    if (answer.ns === NS.sm && answer.name === 'failed' && Number.isInteger(h)) previous.acknowledge(h);
  }

  const address = await bind(stream, options.resource);
  const session = new Session(platform, options.owner, address);
  if (manageable) {
    stream.send(el('enable', { xmlns: NS.sm, resume: 'true' }));
    const answer = await stream.next(STEP_TIMEOUT_MS);
    if (answer.ns === NS.sm && answer.name === 'enabled') {
      session.enable(answer.attr('resume') === 'true' || answer.attr('resume') === '1' ? answer.attr('id') : undefined);
    }
  }
  session.attach(stream);
  return { session, keys, resumed: false };
}

async function nextFeatures(stream: XmppStream): Promise<Element> {
  const element = await stream.next(STEP_TIMEOUT_MS);
  if (element.name !== 'features' || element.ns !== NS.streams) {
    throw new ChatError('protocol-violation', 'The server did not say what it can do');
  }
  return element;
}

/** RFC 6120 §7. */
async function bind(stream: XmppStream, resource: string): Promise<string> {
  const answer = await request(
    stream,
    el('iq', { type: 'set', id: 'bind' }, el('bind', { xmlns: NS.bind }, el('resource', null, resource))),
  );
  const address = answer.child('bind', NS.bind)?.childText('jid', NS.bind)?.trim();
  if (address === undefined || !address.includes('@') || !address.includes('/')) {
    throw new ChatError('protocol-violation', 'The server gave no address');
  }
  return address;
}

/** XEP-0077 §3.1, before sign-in, with user name and password only. */
async function registerAccount(stream: XmppStream, features: Element, secret: Secret): Promise<void> {
  if (features.child('register', NS.registerFeature) === undefined) {
    throw new ChatError('registration-closed', 'This server does not let people make accounts by themselves');
  }
  if (!stream.secure) throw new ChatError('insecure-connection', 'Refused to send the password over an unprotected connection');
  const query = el('query', { xmlns: NS.register }, el('username', null, secret.username), el('password', null, secret.password ?? ''));
  try {
    await request(stream, el('iq', { type: 'set', id: 'register' }, query));
  } catch (error) {
    if (!(error instanceof ChatError) || error.condition === undefined) throw error;
    const options = { condition: error.condition, cause: error };
    switch (error.condition) {
      case 'conflict':
        throw new ChatError('account-exists', 'This user name is taken', options);
      case 'not-acceptable':
      case 'bad-request':
      case 'jid-malformed':
        throw new ChatError(
          'invalid-argument',
          error.cause instanceof Error && error.message !== '' ? error.message : 'The server does not accept this user name or password',
          options,
        );
      case 'resource-constraint':
      case 'policy-violation':
        throw new ChatError('rate-limited', 'Too many new accounts from here; try again later', options);
      default:
        throw new ChatError('registration-closed', 'The server refused to make the account', options);
    }
  }
}

/** One iq before the session exists. */
async function request(stream: XmppStream, iq: Element): Promise<Element> {
  stream.send(iq);
  for (let tries = 0; tries < 10; tries++) {
    const answer = await stream.next(STEP_TIMEOUT_MS);
    if (answer.name !== 'iq' || answer.ns !== NS.client || answer.attr('id') !== iq.attr('id')) continue;
    if (answer.attr('type') === 'result') return answer;
    if (answer.attr('type') === 'error') throw iqError(answer);
  }
  throw new ChatError('protocol-violation', 'The server did not answer');
}
