/** What is kept of reports. Pure. */
import type { StoredReport } from './service.ts';

/** Newest first, at most so many. */
export function page(all: readonly StoredReport[], state: 'open' | 'closed' | undefined, limit: number): StoredReport[] {
  return all
    .filter((one) => state === undefined || one.state === state)
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}

export type Room = { readonly take: true; readonly drop: readonly string[] } | { readonly take: false; readonly why: 'account' | 'full' };

/**
 * Whether one more report has room. Closed ones make room, the oldest first; open ones stay until somebody has looked at them, so that a
 * flood cannot push a real one out: it hits the bound of its own account first.
 */
export function roomFor(
  all: readonly Pick<StoredReport, 'id' | 'reporter' | 'state'>[],
  reporter: string,
  bounds: { readonly perAccount: number; readonly together: number },
): Room {
  const open = all.filter((one) => one.state === 'open');
  if (open.filter((one) => one.reporter === reporter).length >= bounds.perAccount) return { take: false, why: 'account' };
  if (open.length >= bounds.together) return { take: false, why: 'full' };
  const closed = all.filter((one) => one.state === 'closed').sort((a, b) => (a.id < b.id ? -1 : 1));
  const over = all.length + 1 - bounds.together;
  return { take: true, drop: closed.slice(0, Math.max(0, over)).map((one) => one.id) };
}
