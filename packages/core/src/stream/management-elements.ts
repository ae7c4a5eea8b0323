/** XEP-0198 on the wire: enable, acknowledgements both ways, resumption. The state is in session/stream-management.ts. */
import { NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, escapeAttr, type Stanza, utf8Encode } from '@parley/xml';
import type { Core } from '../core.ts';
import type { Connection } from '../ports/index.ts';
import type { Session } from '../session/session.ts';
import type { StreamManagement } from '../session/stream-management.ts';
import type { ClientStream } from './client-stream.ts';

const WRAP = 2 ** 32;
export const ACK_REQUEST = utf8Encode(`<r xmlns="${NS.sm}"/>`);

/** `<failed/>` as text. */
export function failedText(condition: string): string {
  return `<failed xmlns="${NS.sm}"><${condition} xmlns="${NS.stanzas}"/></failed>`;
}

export function managementFailed(connection: Connection, condition: string): void {
  connection.write(utf8Encode(failedText(condition)));
}

/** h is a number from 0 to 2^32 - 1 (§4); anything else is undefined. */
function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text) || Number(text) >= WRAP) return undefined;
  return Number(text);
}

/** §4: the client claims to have more than was sent. */
function tooHigh(management: StreamManagement, h: number): Element {
  return el('handled-count-too-high', { xmlns: NS.sm, h, 'send-count': (management.ackedOut + management.unacked) % WRAP });
}

/** Starts counting as `<enable/>` asks (§3); answers `<enabled/>` as text. */
export function enable(core: Core, session: Session, attrs: Readonly<Record<string, string | undefined>>): string {
  const id = core.enableManagement(session, attrs['resume'] === 'true' || attrs['resume'] === '1');
  if (id === '') return `<enabled xmlns="${NS.sm}"/>`;
  const seconds = Math.floor(core.config.limits.resumeMs / 1000);
  const { resumeLocation } = core.config;
  const location = resumeLocation === undefined ? '' : ` location="${escapeAttr(resumeLocation)}"`;
  return `<enabled xmlns="${NS.sm}" id="${id}" resume="true" max="${seconds}"${location}/>`;
}

/** An element of a bound stream. */
export function managementElement(core: Core, stream: ClientStream, session: Session, stanza: Stanza): void {
  const management = session.management;
  switch (stanza.name) {
    case 'r': {
      if (management === undefined) return stream.fail('unsupported-stanza-type');
      // D1: the count goes out when all that it covers is durable or refused. It covers what came before the request; what
      // comes while this one waits may still be on its way to the disk.
      const h = management.handledIn;
      core.router.whenSettled(session, () => acknowledge(stream, session, h));
      return;
    }
    case 'a': {
      if (management === undefined) return stream.fail('unsupported-stanza-type');
      const h = parseCount(stanza.attrs.h);
      if (h === undefined) return stream.fail('bad-format', 'h must be a number.');
      if (!core.acknowledged(session, h)) stream.fail('undefined-condition', undefined, tooHigh(management, h));
      return;
    }
    case 'enable':
      if (management !== undefined) return managementFailed(stream.connection, 'unexpected-request');
      stream.connection.write(utf8Encode(enable(core, session, stanza.attrs)));
      return;
    default:
      managementFailed(stream.connection, 'unexpected-request');
  }
}

function acknowledge(stream: ClientStream, session: Session, h: number): void {
  if (session.stream !== stream) return;
  stream.connection.write(utf8Encode(`<a xmlns="${NS.sm}" h="${h}"/>`));
}

/** How the answer to `<resume/>` goes out: by itself, or inside something else. The text is `<resumed/>` or `<failed/>`. */
export interface ResumeAnswers {
  failed(text: string): void;
  /** Everything before is durable, or `refused`. Stanzas follow at once. */
  resumed(session: Session, text: string, refused: boolean): void;
}

/** §5: takes up a session of this account over a new stream. */
export function resumeSession(
  core: Core,
  stream: ClientStream,
  account: AccountRecord,
  attrs: Readonly<Record<string, string | undefined>>,
  answers: ResumeAnswers = { failed: (text) => stream.say(text), resumed: (_session, text) => stream.say(text) },
): void {
  const h = parseCount(attrs['h']);
  const id = attrs['previd'];
  if (id === undefined || h === undefined) return answers.failed(failedText('bad-request'));
  const session = core.resumable(id, account);
  const management = session?.management;
  if (session === undefined || management === undefined) return answers.failed(failedText('item-not-found'));
  if ((h - management.ackedOut + WRAP) % WRAP > management.unacked)
    return stream.fail('undefined-condition', undefined, tooHigh(management, h));
  stream.adopt(session);
  core.takeOver(session, stream);
  const prepared = core.prepareResume(session, h);
  const go = (refused: boolean): void => {
    if (session.resuming !== stream) return;
    answers.resumed(session, `<resumed xmlns="${NS.sm}" previd="${id}" h="${management.handledIn}"/>`, refused);
    core.resumed(session, stream, h);
  };
  // What the old stream sent may still wait for its commit; `h` must not run ahead of it.
  const settle = (): void =>
    core.router.whenSettled(
      session,
      () => go(false),
      () => go(true),
    );
  if (prepared instanceof Promise) prepared.then(settle, (error: unknown) => stream.crashed(error));
  else settle();
}
