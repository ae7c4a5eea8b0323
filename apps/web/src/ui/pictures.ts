/** Pictures of people and groups by address: filled by the app as they come, shown wherever there is an avatar. */
import { useSyncExternalStore } from 'react';

const pictures = new Map<string, string>();
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The address of somebody's picture (a blob URL), or undefined. */
export function usePicture(address: string): string | undefined {
  return useSyncExternalStore(subscribe, () => pictures.get(address));
}

/** Shows this picture from now on; undefined: initials. The old one is freed. */
export function setPicture(address: string, url: string | undefined): void {
  const old = pictures.get(address);
  if (old === url) return;
  if (old !== undefined) URL.revokeObjectURL(old);
  if (url === undefined) pictures.delete(address);
  else pictures.set(address, url);
  for (const listener of listeners) listener();
}

/** Forgets all (at sign-out). */
export function clearPictures(): void {
  for (const url of pictures.values()) URL.revokeObjectURL(url);
  pictures.clear();
  for (const listener of listeners) listener();
}
