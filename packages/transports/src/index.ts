/** Sockets for the core: TCP with STARTTLS, direct TLS, WebSocket. */
export { type BoshEndpoint, createBoshEndpoint } from './bosh/endpoint.ts';
export { componentAcceptor } from './component/acceptor.ts';
export { Flusher } from './flush.ts';
export { addressKey, ConnectionGate, DEFAULT_TRANSPORT_LIMITS, isLoopback, normalAddress, type TransportLimits } from './gate.ts';
export { listenXmpp, type XmppListenOptions } from './tcp/listener.ts';
export { CertificateError, certificateNames, type KeyPair, loadCertificate, selfSignedCertificate } from './tls/certificate.ts';
export { createTlsContext, serverEndPoint, type TlsContext } from './tls/context.ts';
export { ListenError, type Listening, listenError, type TransportContext } from './transport.ts';
export { createWebSocketEndpoint, originAllowed, type WebSocketEndpoint, type WebSocketOptions } from './websocket/endpoint.ts';
