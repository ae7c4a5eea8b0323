import type { MailboxEntry, MailboxQuery, QueueInfo } from '../../kinds/index.ts';

interface Mailboxes {
  count(mailbox: number, query: Omit<MailboxQuery, 'limit' | 'reverse'>): number;
  read(mailbox: number, query: MailboxQuery): MailboxEntry[];
}

/** What waits for each device, longest first. Walks all cursors and mailboxes; for operators. */
export function longestQueues(
  store: Mailboxes,
  cursors: Iterable<{ readonly mailbox: number; readonly device: string; readonly seq: number }>,
  mailboxes: ReadonlySet<number>,
  limit: number,
): QueueInfo[] {
  const queues: QueueInfo[] = [];
  const known = new Set<number>();
  const add = (mailbox: number, device: string, after: number): void => {
    const length = store.count(mailbox, { after, incomingOnly: true });
    const oldestAt = length > 0 ? store.read(mailbox, { after, incomingOnly: true, limit: 1 })[0]?.at : undefined;
    queues.push({ mailbox, device, length, oldestAt });
  };
  for (const { mailbox, device, seq } of cursors) {
    // Groups wait for nobody: their members' devices do, by the cursors of their accounts.
    if (mailbox < 0) continue;
    known.add(mailbox);
    add(mailbox, device, seq);
  }
  // What came for an account that never signed in has no cursor to wait behind, and waits all the same.
  for (const mailbox of mailboxes) if (mailbox > 0 && !known.has(mailbox)) add(mailbox, '', 0);
  return queues.sort((a, b) => b.length - a.length || (a.oldestAt ?? 0) - (b.oldestAt ?? 0)).slice(0, limit);
}
