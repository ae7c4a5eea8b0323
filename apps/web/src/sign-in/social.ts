/** The way to another provider and back: what has to be remembered meanwhile, and what the browser came back with. */
import type { SocialFlow } from '@parley/sdk';

const KEY = 'parley.social';
const PAGE = /^\/sign-in\/([a-z][a-z0-9-]{0,31})$/;

/** What the person wants from it: to come in, or to have it as a further way into the account that is signed in. */
export type Purpose = 'enter' | 'add';

/** The browser has come back. */
export type Returned =
  | { readonly kind: 'answer'; readonly flow: SocialFlow; readonly purpose: Purpose; readonly address: string }
  | { readonly kind: 'lost' };

/** Remembers the attempt, in this tab, and goes to the provider. */
export function leaveFor(flow: SocialFlow, purpose: Purpose): void {
  sessionStorage.setItem(KEY, JSON.stringify({ flow, purpose }));
  location.assign(flow.url);
}

/** What the browser came back with, if that is how the page was opened. Takes it out of the address bar and the history at once. */
export function takeReturn(): Returned | undefined {
  const provider = PAGE.exec(location.pathname)?.[1];
  if (provider === undefined) return undefined;
  const address = location.href;
  history.replaceState(null, '', '/');
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '') as { readonly flow: SocialFlow; readonly purpose: Purpose };
    sessionStorage.removeItem(KEY);
    if (kept.flow.provider === provider) return { kind: 'answer', ...kept, address };
  } catch {
    // Begun in another tab, or nothing can be kept here.
  }
  return { kind: 'lost' };
}
