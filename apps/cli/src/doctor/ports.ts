/** The ports that the settings name: free for a server that is to start, answering for one that runs. */
import { connect, createServer } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from '@parley/server';
import { certificateNames, listenError } from '@parley/transports';
import { type Finding, fail, ok, warn } from './finding.ts';

const ANSWER_MS = 3000;

function listens({ host, port }: Address): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function answers({ host, port }: Address): Promise<boolean> {
  const to = host === '::' || host === '0.0.0.0' ? 'localhost' : host;
  return new Promise((resolve) => {
    const socket = connect({ host: to, port, timeout: ANSWER_MS });
    const done = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

/** `running`: the server of this data folder runs, so its ports must be taken. */
export async function portFinding(key: string, address: Address | undefined, running: boolean): Promise<Finding> {
  if (address === undefined) return ok(key, 'Off.');
  const shown = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  if (running) {
    if (address.port === 0 || (await answers(address))) return ok(key, `The running server listens on ${shown}.`);
    return fail(
      key,
      `The server runs, but nothing answers on ${shown}.`,
      'Was it started with other settings? Give this command the same --config and flags, or restart the server.',
    );
  }
  const error = await listens(address);
  if (error === undefined) return ok(key, `${shown} is free.`);
  return fail(key, listenError(error, key, address.host, address.port).message, 'Or set it to off when it is not needed.');
}

/** XEP-0368: a running server's direct TLS, asked as a client would: SNI of the domain, ALPN `xmpp-client`. */
export async function directTlsFinding(key: string, { host, port }: Address, domain: string): Promise<Finding> {
  const to = host === '::' || host === '0.0.0.0' ? 'localhost' : host;
  let socket: TLSSocket | undefined;
  try {
    const secured = await new Promise<TLSSocket>((resolve, reject) => {
      socket = connectTls({
        host: to,
        port,
        servername: domain,
        ALPNProtocols: ['xmpp-client'],
        rejectUnauthorized: false,
        timeout: ANSWER_MS,
      });
      const established = socket;
      established.once('secureConnect', () => resolve(established));
      established.once('timeout', () => reject(new Error('no answer in time')));
      established.once('error', reject);
    });
    const certificate = secured.getPeerX509Certificate();
    if (secured.alpnProtocol !== 'xmpp-client')
      return fail(
        key,
        `What answers on port ${port} does not speak xmpp-client (ALPN).`,
        'Is another program, or a proxy without ALPN, on this port?',
      );
    if (certificate === undefined || !certificateNames(certificate, domain))
      return warn(
        key,
        `The certificate on port ${port} does not name ${domain}: clients refuse it.`,
        `Get a certificate that names ${domain}.`,
      );
    return ok(key, `Direct TLS answers for ${domain} (${secured.getProtocol()}, xmpp-client).`);
  } catch (error) {
    return fail(
      key,
      `Direct TLS does not answer on port ${port}: ${(error as Error).message}.`,
      'Is another program on this port? The log of the server says more.',
    );
  } finally {
    socket?.destroy();
  }
}
