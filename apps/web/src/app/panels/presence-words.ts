import type { PresenceSnapshot } from '@parley/sdk';
import { formatDay, formatTime } from '../../shared/format.ts';

/** "online", "last seen today at 14:05", or ''. */
export function presenceWords({ state, lastSeenAt }: PresenceSnapshot): string {
  if (state === 'online') return 'online';
  if (state === 'away') return 'away';
  if (lastSeenAt === undefined) return state === 'offline' ? 'offline' : '';
  const day = formatDay(lastSeenAt, Date.now());
  const near = day === 'Today' || day === 'Yesterday';
  return `last seen ${near ? day.toLowerCase() : `on ${day}`} at ${formatTime(lastSeenAt)}`;
}
