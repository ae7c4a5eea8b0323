import { type PointerEvent, useEffect, useRef } from 'react';

/** A finger that rests this long means the menu. Milliseconds. */
const PRESS_MS = 480;
/** A finger that moves this far scrolls. CSS pixels. */
const SLACK = 8;

type Handlers = Pick<React.HTMLAttributes<HTMLElement>, 'onPointerDown' | 'onPointerMove' | 'onPointerUp' | 'onPointerCancel'>;

/** A long press with a finger, for browsers that make no context menu of it. */
export function useLongPress(pressed: (event: PointerEvent<HTMLElement>) => void): Handlers {
  const timer = useRef<number | undefined>(undefined);
  const start = useRef({ x: 0, y: 0 });
  const stop = (): void => {
    clearTimeout(timer.current);
    timer.current = undefined;
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: when it goes away
  useEffect(() => stop, []);
  return {
    onPointerDown: (event) => {
      if (event.pointerType !== 'touch' || !event.isPrimary) return;
      start.current = { x: event.clientX, y: event.clientY };
      stop();
      timer.current = window.setTimeout(() => pressed(event), PRESS_MS);
    },
    onPointerMove: (event) => {
      if (Math.hypot(event.clientX - start.current.x, event.clientY - start.current.y) > SLACK) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}
