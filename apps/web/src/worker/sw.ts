/**
 * The service worker: keeps the app's own files, so that Parley opens without a network. Messages are not its business (they are in
 * IndexedDB), nor are photos (the server's answers let the browser's own cache keep them).
 */

/** The part of the service worker's world that is used here (TypeScript's DOM and WebWorker libraries cannot be loaded together). */
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface WorkerClient {
  readonly url: string;
  focus(): Promise<WorkerClient>;
  postMessage(message: unknown): void;
}
interface NotificationEvent extends ExtendableEvent {
  readonly notification: Notification;
}
interface PushEvent extends ExtendableEvent {
  readonly data: { json(): unknown } | null;
}
interface WorkerScope {
  readonly location: Location;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WorkerClient[]>;
    openWindow(url: string): Promise<WorkerClient | null>;
  };
  readonly registration: {
    showNotification(title: string, options: NotificationOptions): Promise<void>;
    getNotifications(filter: { tag: string }): Promise<Notification[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown>) => void): void;
  addEventListener(type: 'push', listener: (event: PushEvent) => void): void;
  addEventListener(type: 'notificationclick', listener: (event: NotificationEvent) => void): void;
}
const worker = globalThis as unknown as WorkerScope;

interface Entry {
  readonly url: string;
  readonly revision: string;
}

const CACHE = 'parley-app-v1';
/** Filled in by the build (vite.config.ts) with the JSON of every file and its revision. */
const entries = JSON.parse('__PARLEY_PRECACHE__') as Entry[];
const known = new Set(entries.map((entry) => entry.url));

/** The revision is part of the cache's key, so that a changed file is fetched and an unchanged one is not. */
const keyOf = (entry: Entry): string => `${entry.url}?parley-revision=${entry.revision}`;
const keys = new Map(entries.map((entry) => [entry.url, keyOf(entry)]));

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  const have = new Set((await cache.keys()).map((request) => new URL(request.url).pathname + new URL(request.url).search));
  await Promise.all(
    entries.map(async (entry) => {
      const key = keyOf(entry);
      if (have.has(key)) return;
      const response = await fetch(entry.url, { cache: 'no-cache' });
      if (!response.ok) throw new Error(`${entry.url}: ${response.status}`);
      await cache.put(key, response);
    }),
  );
}

async function removeOld(): Promise<void> {
  const cache = await caches.open(CACHE);
  const wanted = new Set(keys.values());
  for (const request of await cache.keys()) {
    const url = new URL(request.url);
    if (!wanted.has(url.pathname + url.search)) await cache.delete(request);
  }
  await worker.clients.claim();
}

async function answer(request: Request, path: string): Promise<Response> {
  const key = keys.get(path);
  const cached = key === undefined ? undefined : await (await caches.open(CACHE)).match(key);
  return cached ?? fetch(request);
}

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(removeOld()));

worker.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (event.request.mode === 'navigate') {
    if (url.pathname === '/' || url.pathname === '/index.html') event.respondWith(answer(event.request, '/'));
    return;
  }
  if (known.has(url.pathname)) event.respondWith(answer(event.request, url.pathname));
});

// The page asks for the new version ("Update" pill); until then the old one goes on, so that nothing changes under a person's hands.
worker.addEventListener('message', (event) => {
  if (event.data === 'use-new-version') void worker.skipWaiting();
});

/** docs/protocol/push.md, "What arrives". Everything but `tag` and `type` may be missing: the owner chooses how much is said. */
interface Told {
  readonly type?: unknown;
  readonly tag?: unknown;
  readonly kind?: unknown;
  readonly conversation?: unknown;
  readonly name?: unknown;
  readonly from?: unknown;
  readonly count?: unknown;
  readonly body?: unknown;
  readonly encrypted?: unknown;
}

const text = (value: unknown, most = 200): string => (typeof value === 'string' ? value.slice(0, most) : '');

/** Browsers take the right to push away from pages that show nothing: whatever comes, something is shown. */
async function tell(told: Told): Promise<void> {
  const tag = text(told.tag, 100);
  if (told.type === 'read') {
    for (const shown of await worker.registration.getNotifications({ tag })) shown.close();
    const conversation = text(told.conversation, 3000);
    for (const shown of await worker.registration.getNotifications({ tag: `parley:${conversation}` })) shown.close();
    return;
  }
  const conversation = text(told.conversation, 3000);
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  // An open page plays no part in it: it may be asleep.
  const title = text(told.name) || text(told.from) || 'Parley';
  const count = typeof told.count === 'number' && told.count > 1 ? ` (${told.count})` : '';
  const what = { call: 'Calls you', invitation: 'Invites you to a group' }[text(told.kind)] ?? 'New message';
  await worker.registration.showNotification(title + count, {
    body: text(told.body) || (told.encrypted === true ? 'New encrypted message' : what),
    tag: conversation === '' ? tag : `parley:${conversation}`,
    icon: '/icons/icon-192.png',
    data: conversation === '' ? '#/' : `#/chat/${encodeURIComponent(conversation)}`,
    silent: windows.length > 0,
  });
}

worker.addEventListener('push', (event) => {
  let told: Told = {};
  try {
    const value = event.data?.json();
    if (typeof value === 'object' && value !== null) told = value;
  } catch {
    // Not what our server sends; say that something is new.
  }
  event.waitUntil(tell(told));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const hash = typeof event.notification.data === 'string' && event.notification.data.startsWith('#/') ? event.notification.data : '#/';
  const open = async (): Promise<void> => {
    const [client] = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
    if (client === undefined) {
      await worker.clients.openWindow(`/${hash}`);
      return;
    }
    await client.focus();
    client.postMessage({ open: hash });
  };
  event.waitUntil(open());
});

export {};
