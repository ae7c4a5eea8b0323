import type { ReactElement } from 'react';

/** What the sender may know of a message: waiting here, stored by the server, on a device of the recipient, read, refused. */
export type TickState = 'pending' | 'sent' | 'delivered' | 'read' | 'failed';

/** The state in words, for the accessible name. */
export const TICK_WORDS: Readonly<Record<TickState, string>> = {
  pending: 'Waiting to be sent',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Not sent',
};

/** Clock, one tick, two ticks, blue ticks, or a red mark. */
export function Ticks({ state }: { readonly state: TickState }): ReactElement {
  const label = TICK_WORDS[state];
  return (
    <svg
      className="ticks"
      data-state={state}
      width="18"
      height="12"
      viewBox="0 0 18 12"
      fill="none"
      stroke="currentColor"
      strokeLinecap="round"
      strokeLinejoin="round"
      strokeWidth="1.5"
      role="img"
      aria-label={label}
    >
      {state === 'pending' && (
        <path strokeWidth="1.3" d="M10 1.200a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600z M10 3.500V6l1.700 1.200" />
      )}
      {state === 'failed' && <path d="M10 1.200a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600z M10 3.500v3 M10 8.500v.1" />}
      {state === 'sent' && <path d="M4.500 6.800 7.500 9.800 14 2.500" />}
      {(state === 'delivered' || state === 'read') && <path d="M1 6.800 4 9.800 10.500 2.500 M8 9.300l.5.5L15.500 2.500" />}
    </svg>
  );
}
