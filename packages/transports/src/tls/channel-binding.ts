import type { TLSSocket } from 'node:tls';

/**
 * RFC 9266 §2: `tls-exporter`, 32 bytes. Only with TLS 1.3: with 1.2 it is safe only when the extended master secret was
 * negotiated (RFC 9266 §4.2), which Node does not tell.
 */
export function exportChannelBinding(socket: TLSSocket): Uint8Array | undefined {
  if (socket.destroyed || socket.getProtocol() !== 'TLSv1.3') return undefined;
  return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}
