// Clients under test verify the server's self-signed certificate as they would any other: it is added to what they trust.
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls';

/** The certificate (PEM) that a direct-TLS port of 127.0.0.1 shows. */
export function certificateOf(port: number, domain: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, servername: domain, rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'] },
      () => {
        const base64 = socket.getPeerCertificate(true).raw.toString('base64');
        socket.destroy();
        resolve(`-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`);
      },
    );
    socket.once('error', reject);
  });
}

/** Makes this process trust `pem` beside the usual roots, for every TLS connection it opens from now on. */
export function trust(pem: string): void {
  setDefaultCACertificates([...getCACertificates(), pem]);
}
