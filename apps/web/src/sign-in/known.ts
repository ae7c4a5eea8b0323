/** What proofs on this device have said about earlier ones: kept beside any account, so that strangers cannot slow this device down. */
const KEY = 'parley.known';
const MOST = 5;
const LONGEST = 128;

/** At most five, the newest first. They say nothing to anybody else. */
export function keptKnown(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    if (!Array.isArray(kept)) return [];
    return kept.filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= LONGEST).slice(0, MOST);
  } catch {
    return [];
  }
}

/** Keeps one more; the oldest goes. */
export function keepKnown(known: string | undefined): void {
  if (known === undefined || known === '') return;
  try {
    localStorage.setItem(KEY, JSON.stringify([known, ...keptKnown()].slice(0, MOST)));
  } catch {
    // Then this device is like any other.
  }
}
