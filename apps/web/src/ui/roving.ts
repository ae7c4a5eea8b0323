import type { KeyboardEvent } from 'react';

/** Arrow keys, Home and End move the focus between the elements marked with `data-roving` below the one that listens. */
export function moveRovingFocus(event: KeyboardEvent<HTMLElement>): void {
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-roving]')];
  const here = document.activeElement instanceof HTMLElement ? stops.indexOf(document.activeElement) : -1;
  if (here < 0) return;
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: stops.length - 1 }[event.key];
  const target = next === undefined ? undefined : stops[next];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}
