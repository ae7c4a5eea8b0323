/** @tanstack/virtual-core for React, set up for a timeline that hangs on its lower end. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { type RefObject, useLayoutEffect, useReducer, useState } from 'react';
import { flushSync } from 'react-dom';

/** What the list has to know. Keys must be stable: they carry measured heights and the reading position across prepends. */
export interface VirtualListOptions {
  readonly count: number;
  readonly scroller: RefObject<HTMLElement | null>;
  readonly keyOf: (index: number) => string;
  /** A guess in pixels, until the row is measured. */
  readonly estimate: (index: number) => number;
  /** Indexes that stay mounted wherever the list is scrolled (the focused row: unmounting it would lose the focus). */
  readonly pinned: number | undefined;
}

/** The list's virtualizer; the component is rendered again when the visible range changes. */
export function useVirtualList({ count, scroller, keyOf, estimate, pinned }: VirtualListOptions): Virtualizer<HTMLElement, HTMLElement> {
  const [, render] = useReducer((n: number) => n + 1, 0);
  const options: ConstructorParameters<typeof Virtualizer<HTMLElement, HTMLElement>>[0] = {
    count,
    getScrollElement: () => scroller.current,
    getItemKey: keyOf,
    estimateSize: estimate,
    overscan: 8,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: 60,
    paddingEnd: 10,
    paddingStart: 10,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    rangeExtractor: ({ startIndex, endIndex, overscan, count: total }) => {
      const first = Math.max(0, startIndex - overscan);
      const last = Math.min(total - 1, endIndex + overscan);
      const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
      if (pinned !== undefined && pinned >= 0 && pinned < total) {
        if (pinned < first) indexes.unshift(pinned);
        else if (pinned > last) indexes.push(pinned);
      }
      return indexes;
    },
    onChange: (_, sync) => {
      // Scrolling has to be painted in the same frame, or fast scrolling shows holes.
      if (sync) flushSync(render);
      else render();
    },
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when mounted
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
