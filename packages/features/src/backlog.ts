import type { Session } from '@parley/core';

/**
 * True when a device is away (XEP-0198) and so much waits for it already that presence and roster pushes, which can be
 * told anew when it resumes, must not pile up. Messages are not concerned: they wait in the mailbox.
 */
export const isFull = (session: Session): boolean => session.full;
