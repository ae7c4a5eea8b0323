import { ChatError } from '../../errors.ts';
import type { HttpRequest, HttpResponse, Platform } from '../../platform.ts';
import type { BlobLike } from '../../types.ts';
import { openWebSocket } from '../web-socket.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_ANSWER_LENGTH = 1_048_576;

/** What browsers with passkeys have learned lately: requests and answers as JSON (WebAuthn level 3). */
const passkeys: Platform['passkeys'] =
  globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON === undefined || globalThis.navigator?.credentials === undefined
    ? undefined
    : {
        async create(options) {
          const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as unknown as PublicKeyCredentialCreationOptionsJSON);
          return ((await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null)?.toJSON();
        },
        async use(options) {
          const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON);
          return ((await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null)?.toJSON();
        },
      };

/** WebSocket, WebCrypto, XMLHttpRequest (for progress), Web Locks and BroadcastChannel. Works in pages and workers. */
export function browserPlatform(): Platform {
  return {
    name: 'browser',
    connect: (endpoint, handler) => {
      if (endpoint.kind !== 'websocket')
        throw new ChatError('not-supported', 'A browser connects by WebSocket: give an https:// or wss:// address');
      return openWebSocket(endpoint.url, handler, CONNECT_TIMEOUT_MS);
    },
    crypto: {
      hash: async (alg, data) => new Uint8Array(await subtle().digest(alg, data as BufferSource)),
      hmac: async (alg, key, data) => {
        const imported = await subtle().importKey('raw', key as BufferSource, { name: 'HMAC', hash: alg }, false, ['sign']);
        return new Uint8Array(await subtle().sign('HMAC', imported, data as BufferSource));
      },
      pbkdf2: async (alg, password, salt, iterations, length) => {
        const imported = await subtle().importKey('raw', password as BufferSource, 'PBKDF2', false, ['deriveBits']);
        const parameters = { name: 'PBKDF2', hash: alg, salt: salt as BufferSource, iterations };
        return new Uint8Array(await subtle().deriveBits(parameters, imported, length * 8));
      },
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      timingSafeEqual: (a, b) => {
        let difference = a.length ^ b.length;
        for (let index = 0; index < a.length; index++) difference |= a[index]! ^ (b[index] ?? 0);
        return difference === 0;
      },
    },
    http,
    now: () => Date.now(),
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimer: (timer) => clearTimeout(timer as number | undefined),
    inspectImage,
    watchNetwork,
    unmetered,
    defaultServer: () => (globalThis.location?.protocol?.startsWith('http') ? globalThis.location.origin : undefined),
    ...(passkeys === undefined ? {} : { passkeys }),
    ...(globalThis.navigator?.locks === undefined
      ? {}
      : {
          exclusively: async (name: string, work: () => Promise<void>) => {
            await navigator.locks.request(name, work);
          },
        }),
    ...(globalThis.BroadcastChannel === undefined
      ? {}
      : {
          channel: (name: string, listener: (message: string) => void) => {
            const channel = new BroadcastChannel(name);
            channel.onmessage = (event: MessageEvent<unknown>) => {
              if (typeof event.data === 'string') listener(event.data);
            };
            return { post: (message: string) => channel.postMessage(message), close: () => channel.close() };
          },
        }),
  };
}

/** Browsers give WebCrypto only to pages from https or localhost. */
function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle;
  if (found === undefined) {
    throw new ChatError(
      'insecure-context',
      'This page was loaded over plain http, so the browser withholds the cryptography that signing in needs. Open it by https:// or from localhost.',
    );
  }
  return found;
}

function http(request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(request.method, request.url);
    xhr.responseType = 'text';
    if (request.timeoutMs !== undefined) xhr.timeout = request.timeoutMs;
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      // The browser keeps this one for itself.
      if (name.toLowerCase() !== 'cookie') xhr.setRequestHeader(name, value);
    }
    if (request.onProgress !== undefined) {
      const { onProgress } = request;
      xhr.upload.onprogress = (event) => onProgress(event.loaded);
    }
    xhr.onload = () => {
      if (xhr.responseText.length > MAX_ANSWER_LENGTH) {
        reject(new Error('the answer is too large'));
        return;
      }
      const headers: Record<string, string> = {};
      for (const line of xhr.getAllResponseHeaders().split('\r\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      resolve({ status: xhr.status, headers, text: xhr.responseText });
    };
    xhr.onerror = () => reject(new Error('the connection broke'));
    xhr.ontimeout = () => reject(new Error('no answer in time'));
    xhr.onabort = () => reject(new Error('cancelled'));
    request.signal?.addEventListener('abort', () => xhr.abort());
    if (request.signal?.aborted === true) {
      reject(new Error('cancelled'));
      return;
    }
    toBody(request.body).then((body) => {
      if (request.signal?.aborted !== true) xhr.send(body);
      else reject(new Error('cancelled'));
    }, reject);
  });
}

async function toBody(body: HttpRequest['body']): Promise<string | Blob | ArrayBuffer | null> {
  if (body === undefined) return null;
  return typeof body === 'string' || body instanceof Blob ? body : body.arrayBuffer();
}

/** thumbhash wants at most this on each side. */
const HASH_SIDE = 100;

async function inspectImage(file: BlobLike): Promise<{ width: number; height: number; thumbhash: string | undefined } | undefined> {
  const blob = file instanceof Blob ? file : new Blob([await file.arrayBuffer()], { type: file.type });
  const bitmap = await createImageBitmap(blob).catch(() => undefined);
  if (bitmap === undefined) return undefined;
  try {
    const { width, height } = bitmap;
    const scale = Math.min(1, HASH_SIDE / Math.max(width, height));
    const w = Math.max(1, Math.round(width * scale));
    const h = Math.max(1, Math.round(height * scale));
    const context = new OffscreenCanvas(w, h).getContext('2d');
    if (context === null) return { width, height, thumbhash: undefined };
    context.drawImage(bitmap, 0, 0, w, h);
    const { rgbaToThumbHash } = await import('thumbhash');
    const hash = rgbaToThumbHash(w, h, context.getImageData(0, 0, w, h).data);
    return { width, height, thumbhash: btoa(String.fromCharCode(...hash)) };
  } finally {
    bitmap.close();
  }
}

function watchNetwork(listener: (online: boolean) => void): () => void {
  const up = (): void => listener(true);
  const down = (): void => listener(false);
  const shown = (): void => {
    if (document.visibilityState === 'visible') listener(navigator.onLine);
  };
  addEventListener('online', up);
  addEventListener('offline', down);
  const page = globalThis.document as Document | undefined;
  page?.addEventListener('visibilitychange', shown);
  return () => {
    removeEventListener('online', up);
    removeEventListener('offline', down);
    page?.removeEventListener('visibilitychange', shown);
  };
}

/** The Network Information API where there is one; elsewhere the network counts as free. */
function unmetered(): boolean {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean; type?: string; effectiveType?: string } };
  if (connection === undefined) return true;
  if (connection.saveData === true || connection.type === 'cellular') return false;
  return connection.effectiveType === undefined || connection.effectiveType === '4g';
}
