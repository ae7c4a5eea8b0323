/** The address bar is the state of the page: `#/chat/bob@example.org/info?panel=settings`. */
import { useSyncExternalStore } from 'react';

/** What takes the place of the chat list. */
export type Panel = 'new' | 'group' | 'archived' | 'devices' | 'settings' | 'ways' | 'blocked';

const PANELS: ReadonlySet<string> = new Set<Panel>(['new', 'group', 'archived', 'devices', 'settings', 'ways', 'blocked']);

/** Where the person is. */
export interface Route {
  /** The bare address of the open chat. */
  readonly chat?: string;
  /** The contact drawer is open (only with a chat). */
  readonly info?: boolean;
  /** The drawer that searches the chat is open (only with a chat). */
  readonly find?: boolean;
  /** The message to go to (only with a chat). */
  readonly at?: string;
  readonly panel?: Panel;
  /** The code of a device that wants to be linked (only with the panel of devices). */
  readonly link?: string;
}

const isPanel = (value: string | null): value is Panel => value !== null && PANELS.has(value);

/** Reads a location hash; whatever it does not know is left out. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [head, encoded, tail] = path.split('/');
  const parameters = new URLSearchParams(query);
  const panel = parameters.get('panel');
  const at = parameters.get('at');
  const link = panel === 'devices' ? parameters.get('link') : null;
  let chat: string | undefined;
  if (head === 'chat' && encoded !== undefined && encoded !== '') {
    try {
      chat = decodeURIComponent(encoded);
    } catch {
      chat = undefined; // A mangled link opens the list.
    }
  }
  return {
    ...(chat === undefined
      ? {}
      : { chat, ...(tail === 'info' ? { info: true } : {}), ...(tail === 'find' ? { find: true } : {}), ...(at === null ? {} : { at }) }),
    ...(isPanel(panel) ? { panel } : {}),
    ...(link !== null && /^[A-Za-z2-9]{8}$/.test(link) ? { link } : {}),
  };
}

/** The hash of a route, `#/…`. */
export function formatRoute(route: Route): string {
  const drawer = route.info === true ? '/info' : route.find === true ? '/find' : '';
  const path = route.chat === undefined ? '#/' : `#/chat/${encodeURIComponent(route.chat)}${drawer}`;
  const query = new URLSearchParams({
    ...(route.panel === undefined ? {} : { panel: route.panel }),
    ...(route.at === undefined || route.chat === undefined ? {} : { at: route.at }),
  }).toString();
  return query === '' ? path : `${path}?${query}`;
}

let current: Route = parseRoute(location.hash);
let currentHash = location.hash;

function subscribe(changed: () => void): () => void {
  addEventListener('hashchange', changed);
  return () => removeEventListener('hashchange', changed);
}

function snapshot(): Route {
  if (location.hash !== currentHash) {
    currentHash = location.hash;
    current = parseRoute(currentHash);
  }
  return current;
}

/** The route; the component follows it. */
export const useRoute = (): Route => useSyncExternalStore(subscribe, snapshot);

/** Goes somewhere. `replace` leaves no entry in the history (closing a drawer with Esc, say). */
export function go(route: Route, options?: { readonly replace?: boolean }): void {
  const hash = formatRoute(route);
  if (options?.replace === true) {
    history.replaceState(history.state, '', hash);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = hash;
  }
}
