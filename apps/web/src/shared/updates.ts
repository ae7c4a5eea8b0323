/** The service worker: registration, and the news that another version of the app is ready. */
import { useSyncExternalStore } from 'react';

let waiting: ServiceWorker | undefined;
const listeners = new Set<() => void>();

function offer(worker: ServiceWorker): void {
  waiting = worker;
  for (const listener of listeners) listener();
}

function watch(registration: ServiceWorkerRegistration): void {
  const candidate = registration.installing;
  candidate?.addEventListener('statechange', () => {
    // Without a controller this is the first visit: nothing to update from.
    if (candidate.state === 'installed' && navigator.serviceWorker.controller !== null) offer(candidate);
  });
}

/** The server enforces Trusted Types, so the worker's address needs a policy; this one knows a single address. */
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

function workerAddress(): string {
  const url = '/sw.js';
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  if (factory === undefined) return url;
  const policy = factory.createPolicy('parley', {
    createScriptURL: (asked) => {
      if (asked !== url) throw new TypeError('Only the service worker may be loaded by address.');
      return asked;
    },
  });
  return policy.createScriptURL(url);
}

/** Registers the service worker once the page is quiet. Where there is none (plain HTTP, private windows), the app just works online. */
export function startServiceWorker(): void {
  if (!('serviceWorker' in navigator) || !isSecureContext) return;
  const register = async (): Promise<void> => {
    try {
      const registration = await navigator.serviceWorker.register(workerAddress(), { scope: '/', updateViaCache: 'none' });
      if (registration.waiting !== null && navigator.serviceWorker.controller !== null) offer(registration.waiting);
      watch(registration);
      registration.addEventListener('updatefound', () => watch(registration));
      setInterval(() => void registration.update().catch(() => undefined), 3_600_000);
    } catch (error) {
      console.warn('Parley cannot be opened offline: the service worker was refused.', error);
    }
  };
  if (document.readyState === 'complete') void register();
  else addEventListener('load', () => void register(), { once: true });
}

/** Whether a new version waits; it takes over only when asked to. */
export function useUpdate(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => waiting !== undefined,
  );
}

/** Lets the new version take over and opens it. */
export function applyUpdate(): void {
  if (waiting === undefined) return;
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
  waiting.postMessage('use-new-version');
}
