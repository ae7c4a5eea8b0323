import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dayOf, formatBytes, formatCount, formatDay, formatListTime, plural } from '../src/shared/format.ts';

const at = (day: number, hour = 12): number => new Date(2026, 2, day, hour).getTime();
const now = at(20, 9);

describe('dates as people read them', () => {
  it('names the near days and dates the far ones', () => {
    assert.equal(formatDay(at(20, 0), now), 'Today');
    assert.equal(formatDay(at(19, 23), now), 'Yesterday');
    assert.equal(formatDay(at(15), now), 'Sunday');
    assert.match(formatDay(at(13), now), /13.*March.*2026|March 13, 2026/);
  });

  it('shows the time of today in the list, and days before', () => {
    assert.match(formatListTime(at(20, 8), now), /0?8:00/);
    assert.equal(formatListTime(at(19, 0), now), 'Yesterday');
    assert.equal(formatListTime(at(18), now), 'Wednesday');
    assert.match(formatListTime(at(1), now), /2026/);
  });

  it('keeps to calendar days where a day has 23 or 25 hours', () => {
    // Whatever the time zone of this machine: three weeks around both clock changes.
    for (const start of [new Date(2026, 2, 20), new Date(2026, 9, 20)]) {
      for (let day = 0; day < 21; day++) {
        const evening = new Date(start.getFullYear(), start.getMonth(), start.getDate() + day, 23, 59).getTime();
        const morning = new Date(start.getFullYear(), start.getMonth(), start.getDate() + day + 1, 0, 1).getTime();
        assert.equal(formatDay(evening, morning), 'Yesterday');
        assert.notEqual(dayOf(evening), dayOf(morning));
      }
    }
  });

  it('does not call a message of a clock that runs ahead "tomorrow"', () => {
    assert.equal(formatDay(at(21), now), 'Today');
  });
});

describe('counts and sizes', () => {
  it('stops counting at 99', () => {
    assert.deepEqual([1, 99, 100].map(formatCount), ['1', '99', '99+']);
  });
  it('uses steps of a thousand', () => {
    assert.deepEqual([999, 1400, 1_432_000, 2_000_000_000].map(formatBytes), ['999 bytes', '1 kB', '1.4 MB', '2 GB']);
  });
  it('knows one from many', () => {
    assert.equal(plural(1, 'message', 'messages'), '1 message');
    assert.equal(plural(2, 'message', 'messages'), '2 messages');
  });
});
