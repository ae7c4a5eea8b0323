/** Dates, times, sizes and counts as people read them, and in the habits of the browser's language. */

/** Words match the language of the interface, which is English; clock and digits follow the browser. */
const WORDS = navigator.languages.find((language) => language.startsWith('en')) ?? 'en-GB';

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const weekday = new Intl.DateTimeFormat(WORDS, { weekday: 'long' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'numeric', year: 'numeric' });
const longDate = new Intl.DateTimeFormat(WORDS, { day: 'numeric', month: 'long', year: 'numeric' });
const full = new Intl.DateTimeFormat(WORDS, { dateStyle: 'full', timeStyle: 'short' });
const relativeDay = new Intl.RelativeTimeFormat(WORDS, { numeric: 'auto' });

/** Midnight (local) of the day of `ms`, as a number that compares days. */
export function dayOf(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Whole days from the day of `ms` to the day of `now`: 0 today, 1 yesterday. Rounded, because a day may have 23 or 25 hours. */
function daysAgo(ms: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(ms)) / 86_400_000);
}

const capital = (text: string): string => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** 14:05 */
export const formatTime = (ms: number): string => time.format(ms);

/** The whole moment, for a tool tip or the viewer. */
export const formatMoment = (ms: number): string => full.format(ms);

/** For the chat list: the time today, "Yesterday", the weekday within a week, then the date. */
export function formatListTime(ms: number, now: number): string {
  const days = daysAgo(ms, now);
  if (days <= 0) return time.format(ms);
  if (days === 1) return capital(relativeDay.format(-1, 'day'));
  return days < 7 ? weekday.format(ms) : shortDate.format(ms);
}

/** For the chips between days: "Today", "Yesterday", the weekday within a week, then the date in words. */
export function formatDay(ms: number, now: number): string {
  const days = daysAgo(ms, now);
  if (days <= 0) return capital(relativeDay.format(0, 'day'));
  if (days === 1) return capital(relativeDay.format(-1, 'day'));
  return days < 7 ? weekday.format(ms) : longDate.format(ms);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** 1.4 MB. `bytes` in bytes; the steps are powers of 1,000. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return new Intl.NumberFormat(WORDS, {
    style: 'unit',
    unit: UNITS[unit] ?? 'byte',
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: unit > 1 ? 1 : 0,
  }).format(value);
}

/** A count for a pill: 1 to 99, then 99+. */
export const formatCount = (count: number): string => (count > 99 ? '99+' : String(count));

/** "1 message", "2 messages". */
export const plural = (count: number, one: string, many: string): string => `${count.toLocaleString()} ${count === 1 ? one : many}`;
