import type { Clock } from '@parley/core';

/** The clock of a real process. */
export const nodeClock: Clock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  // The check phase comes right after the input that is already there was read.
  soon: (run) => {
    setImmediate(run);
  },
};
