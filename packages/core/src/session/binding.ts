/** How a signed-in stream gets a session: RFC 6120 §7, XEP-0386 §3.2. */
import { Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { escapeAttr, escapeText, type Stanza, utf8Encode } from '@parley/xml';
import type { Core } from '../core.ts';
import type { ClientStream } from '../stream/client-stream.ts';
import { Session } from './session.ts';

/** The answer to a bind (RFC 6120 §7.6.1), written as text: there is one for every session. */
export function bindResult(iq: Stanza, address: string): Uint8Array {
  const from = iq.to === undefined ? '' : ` from="${escapeAttr(iq.to)}"`;
  const to = iq.from === undefined ? '' : ` to="${escapeAttr(iq.from)}"`;
  const bound = `<bind xmlns="${NS.bind}"><jid>${escapeText(address)}</jid></bind>`;
  return utf8Encode(`<iq type="result"${from}${to} id="${escapeAttr(iq.id ?? '')}">${bound}</iq>`);
}

/** Gives the stream a resource (RFC 6120 §7); `device` is the client's id of itself, '' when it has none. Throws StanzaError. */
export function bind(core: Core, stream: ClientStream, account: AccountRecord, wanted: string | undefined, device: string): Session {
  const bare = Jid.of(account.localpart, core.config.domain);
  if (wanted === undefined || wanted.trim() === '') return seat(core, stream, account, bare.withResource(core.token(10)), device);
  const jid = wanted.length > 1023 ? undefined : Jid.tryParse(`${bare.bare}/${wanted}`);
  if (jid === undefined || jid.resource === '')
    throw new StanzaError('bad-request', { text: 'This resource is not a valid one (RFC 7622 §3.4).' });
  return seat(core, stream, account, jid, device === '' ? jid.resource : device);
}

/** Gives the stream the first of these resources that is a valid one, and ends what this device had before (XEP-0386 §3.2). Throws StanzaError. */
export function bindDevice(
  core: Core,
  stream: ClientStream,
  account: AccountRecord,
  resources: readonly string[],
  device: string,
): Session {
  const bare = `${account.localpart}@${core.config.domain}`;
  const jid = resources.map((resource) => Jid.tryParse(`${bare}/${resource}`)).find((one) => one !== undefined && one.resource !== '');
  if (jid === undefined) throw new StanzaError('bad-request', { text: 'No resource can be made for this device.' });
  if (device !== '')
    for (const session of core.directory.of(bare))
      if (session.device === device) session.end('conflict', 'This device has signed in again.');
  return seat(core, stream, account, jid, device);
}

function seat(core: Core, stream: ClientStream, account: AccountRecord, jid: Jid, device: string): Session {
  const there = core.directory.at(jid.full);
  if (there === undefined && core.directory.of(jid.bare).length >= core.limits.sessionsPerAccount) makeRoom(core, jid.bare);
  // RFC 6120 §7.7.2.2: the newer one is more likely to be alive.
  there?.end('conflict', 'This device has signed in again.');
  const session = new Session(core, jid, account, device, core.clock.now(), stream);
  core.seat(session, stream);
  return session;
}

/** Ends the session of an account that has waited longest to be resumed. Throws StanzaError when none does. */
function makeRoom(core: Core, bare: string): void {
  let oldest: Session | undefined;
  for (const session of core.directory.of(bare))
    if (session.detachedAt > 0 && (oldest === undefined || session.detachedAt < oldest.detachedAt)) oldest = session;
  if (oldest === undefined)
    throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too many devices of this account are signed in.' });
  core.endSession(oldest, false);
}
