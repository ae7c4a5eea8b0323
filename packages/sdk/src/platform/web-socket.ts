import type { Link, LinkHandler } from '../platform.ts';

/** The part of the global WebSocket that browsers and Node share. */
interface Socket {
  readonly readyState: number;
  readonly protocol: string;
  send(data: string): void;
  close(): void;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

const OPEN = 1;

/** RFC 7395 over the runtime's own WebSocket. */
export function openWebSocket(url: string, handler: LinkHandler, timeoutMs: number): Promise<Link> {
  const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string, protocol: string) => Socket };
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'xmpp');
    const { protocol, hostname } = new URL(url);
    let connected = false;
    let ended = false;
    const timer = setTimeout(() => fail('no answer'), timeoutMs);
    const fail = (reason: string): void => {
      clearTimeout(timer);
      ended = true;
      socket.close();
      reject(new Error(reason));
    };
    socket.onopen = () => {
      clearTimeout(timer);
      // RFC 7395 §3.1: a server that did not pick the sub-protocol speaks something else.
      if (socket.protocol !== 'xmpp') {
        fail('the address is not that of a chat server');
        return;
      }
      connected = true;
      resolve({
        kind: 'websocket',
        secure: protocol === 'wss:' || isLocalHost(hostname),
        send: (text) => {
          if (socket.readyState === OPEN) socket.send(text);
        },
        close: () => socket.close(),
      });
    };
    socket.onmessage = (event) => {
      if (typeof event.data === 'string') handler.data(event.data);
      else socket.close();
    };
    socket.onerror = () => undefined;
    socket.onclose = () => {
      if (ended) return;
      ended = true;
      if (connected) handler.closed();
      else fail('the server did not accept the connection');
    };
  });
}

/** Names and addresses that never leave this machine. */
export function isLocalHost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
