import { NS, parseDateTime } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Platform } from '../platform.ts';

/** Stamps may have whole seconds only: less than this is no difference. */
const NO_DIFFERENCE_MS = 2_000;

/**
 * How far the server's clock is ahead of ours, in milliseconds (XEP-0202). Own clocks are wrong, and messages are ordered by
 * the server's. Rejects when the server does not tell.
 */
export async function measureClock(session: Session, platform: Platform): Promise<number> {
  const asked = platform.now();
  const answer = await session.iq(el('iq', { type: 'get', to: session.domain }, el('time', { xmlns: NS.time })));
  const utc = parseDateTime(answer.child('time', NS.time)?.childText('utc', NS.time) ?? '');
  const offset = utc === undefined ? 0 : Math.round(utc - (asked + platform.now()) / 2);
  return Math.abs(offset) < NO_DIFFERENCE_MS ? 0 : offset;
}
