/** The whole server: the engine with its sockets, started and drained. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, type Log } from '@parley/core';
import { appKeys } from '@parley/features/app-keys/service';
import { components } from '@parley/features/components/service';
import { identities } from '@parley/features/identity/service';
import { linking } from '@parley/features/linking/service';
import { passkeys } from '@parley/features/passkeys/service';
import { registrar } from '@parley/features/registration/service';
import { socialSignIn } from '@parley/features/social/service';
import { PARLEY_VERSION } from '@parley/features/version';
import { createHttpServer, type HttpServer, listenAdmin } from '@parley/http';
import {
  CertificateError,
  ConnectionGate,
  certificateNames,
  componentAcceptor,
  createBoshEndpoint,
  createTlsContext,
  createWebSocketEndpoint,
  Flusher,
  isLoopback,
  type KeyPair,
  type Listening,
  listenError,
  listenXmpp,
  loadCertificate,
  selfSignedCertificate,
  type TransportContext,
} from '@parley/transports';
import { adminActions } from './admin.ts';
import type { Address, Config } from './config/config.ts';
import { changes } from './config/reload.ts';
import { componentSecret, type DataFolder, folderError, openDataFolder, serverRuns } from './data-folder.ts';
import { type Engine, openEngine } from './engine.ts';
import { metrics } from './metrics.ts';
import { nodeClock } from './ports/clock.ts';
import type { ServerLog } from './ports/log.ts';

export interface RunningServer {
  readonly engine: Engine;
  /** Where it listens really. */
  readonly addresses: { readonly xmpp?: Address; readonly xmpps?: Address; readonly http?: Address };
  /** Where to point a browser; '' without listen.http. */
  readonly publicUrl: string;
  /**
   * Reads the settings and the certificate again, and takes what has changed. Answers the names. Throws errors whose message is a
   * sentence for the operator, and has changed nothing then.
   */
  reload(): Promise<string[]>;
  /** Stops accepting, tells the clients, makes everything durable, closes. */
  stop(): Promise<void>;
}

const WEB_ROOT = fileURLToPath(new URL('../../web/dist', import.meta.url));
/** Time that clients have to take the last bytes and close. */
const FAREWELL_MS = 3000;
const HTTP_CLOSE_MS = 2000;

function bound(listening: Address | undefined): Address | undefined {
  return listening === undefined ? undefined : { host: listening.host, port: listening.port };
}

function shown(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A certificate for each domain, by domain; undefined when TLS is off. */
async function certificates(config: Config, folder: string, log: Log): Promise<Map<string, KeyPair> | undefined> {
  const { mode } = config.tls;
  if (mode === 'off') return undefined;
  const all = new Map<string, KeyPair>();
  for (const [index, { domain, tls }] of config.domains.entries()) {
    try {
      const own = index === 0 ? folder : join(folder, encodeURIComponent(domain));
      const pair =
        mode === 'files' ? await loadCertificate(tls.cert, tls.key, Date.now()) : await selfSignedCertificate(own, domain, Date.now());
      if (!certificateNames(pair.certificate, domain))
        log.warn('certificate_names_another_host', { domain, names: pair.certificate.subjectAltName });
      all.set(domain, pair);
    } catch (error) {
      if (index > 0 && error instanceof CertificateError)
        throw new CertificateError(`domains.${domain}: ${error.message}`, { cause: error });
      throw error;
    }
  }
  return all;
}

/** Starts everything. Throws errors whose message is a sentence for the operator (ConfigError, StorageError, ListenError, CertificateError); nothing stays open then. `again` reads the settings for a reload. */
export async function startServer(config: Config, log: ServerLog, again: () => Promise<Config>): Promise<RunningServer> {
  const folder = await openDataFolder(config.dataDir);
  try {
    return await startIn(folder, config, log, again);
  } catch (error) {
    throw folderError(folder.path, error) ?? error;
  }
}

async function startIn(folder: DataFolder, first: Config, log: ServerLog, again: () => Promise<Config>): Promise<RunningServer> {
  /** Always the settings in force: what may change is read from here at each use. */
  let config = first;
  if (await serverRuns(folder))
    throw new ConfigError(
      `Another Parley server is running on ${folder.path}. Stop it first, or give this one its own folder with --dataDir=….`,
    );
  const undo: (() => Promise<void> | void)[] = [];
  let ready = false;
  let http: HttpServer | undefined;
  const { listen } = config;

  const pairs = await certificates(config, folder.tls, log);
  const tls = pairs === undefined ? undefined : createTlsContext(pairs);
  // Browsers refuse self-signed certificates, and http://127.0.0.1 is a secure context for them: plain HTTP on loopback.
  const httpsToo = tls !== undefined && listen.http !== undefined && (config.tls.mode === 'files' || !isLoopback(listen.http.host));
  const publicUrl = (domain: string): string => {
    const set = config.domains.find((one) => one.domain === domain)?.publicUrl ?? '';
    if (set !== '') return set;
    if (listen.http === undefined) return '';
    const host = listen.http.host === '::' || listen.http.host === '0.0.0.0' ? domain : shown(listen.http.host);
    return `http${httpsToo ? 's' : ''}://${host}:${http?.port ?? listen.http.port}`;
  };

  try {
    const engine = await openEngine({ config, folder, log, publicUrl });
    undo.push(() => engine.close());
    const { hosts } = engine;
    const [{ core }] = hosts;
    let waiting = 0;
    for (const host of hosts) waiting += await host.core.restoreSessions();
    if (waiting > 0) log.info('sessions_restored', { sessions: waiting });
    const limits = { ...config.transport };
    const gate = new ConnectionGate(limits);
    const context: TransportContext = {
      acceptor: core,
      clock: nodeClock,
      log,
      gate,
      flusher: new Flusher(nodeClock),
      limits,
    };

    const listeners: Listening[] = [];
    const listenOn = async (key: 'xmpp' | 'xmpps', address: Address | undefined): Promise<Listening | undefined> => {
      if (address === undefined) return undefined;
      const listening = await listenXmpp(context, { ...address, directTls: key === 'xmpps', tls, key: `listen.${key}` });
      listeners.push(listening);
      undo.push(() => listening.close());
      return listening;
    };
    const xmpp = await listenOn('xmpp', listen.xmpp);
    const xmpps = await listenOn('xmpps', listen.xmpps);

    const services = hosts.flatMap(({ features }) => features.service(components) ?? []);
    if (listen.component !== undefined && services.length > 0) {
      const answering = (domain: string) => services.find(({ domains }) => domains.includes(domain));
      for (const { domains } of services) for (const domain of domains) await componentSecret(folder, domain, true);
      const acceptor = componentAcceptor({
        host: {
          secret: async (domain) => (answering(domain) === undefined ? undefined : componentSecret(folder, domain, false)),
          attach(domain, link) {
            const served = answering(domain);
            if (served === undefined) throw new TypeError(`${domain} is no component`);
            return served.attach(domain, link);
          },
        },
        log,
        after: nodeClock.after,
        get stanzaBytes() {
          return core.limits.stanzaBytes;
        },
        get handshakeMs() {
          return core.limits.signInMs;
        },
        get queueBytes() {
          return core.limits.queueBytes;
        },
      });
      if (!isLoopback(listen.component.host)) log.warn('components_in_the_clear', { listener: listen.component.host });
      const where = { ...listen.component, directTls: false, tls: undefined, key: 'listen.component' };
      const listening = await listenXmpp({ ...context, acceptor }, where);
      undo.push(() => listening.close());
    }

    // Which domain a stream is to is known when it has been read; the domain's own limit counts then.
    const largestStanza = (): number => Math.max(...config.domains.map((one) => one.core.limits.stanzaBytes));
    const webSockets = createWebSocketEndpoint(context, {
      get allowedOrigins() {
        return config.http.allowedOrigins;
      },
      get maxPayload() {
        return largestStanza();
      },
      trustProxy: config.http.trustProxy,
      tls: httpsToo ? tls : undefined,
    });
    undo.push(() => webSockets.close());
    const bosh = createBoshEndpoint(context, {
      get allowedOrigins() {
        return config.http.allowedOrigins;
      },
      get maxPayload() {
        return largestStanza();
      },
      trustProxy: config.http.trustProxy,
    });
    undo.push(() => bosh.close());
    if (listen.http !== undefined) {
      const { host, port } = listen.http;
      http = await createHttpServer({
        host,
        port,
        tls: httpsToo ? tls?.options : undefined,
        log,
        webRoot: WEB_ROOT,
        sites: hosts.map(({ domain, features }) => ({
          domain,
          publicUrl: () => publicUrl(domain),
          registrar: () => features.service(registrar),
          identities: () => features.service(identities),
          appKeys: () => features.service(appKeys),
          linking: () => features.service(linking),
          passkeys: () => features.service(passkeys),
          social: () => features.service(socialSignIn),
        })),
        get allowedOrigins() {
          return config.http.allowedOrigins;
        },
        ready: () => ready,
        metrics: () => metrics(engine, gate),
        media: engine.media,
        webSocket: (request, socket, head) => webSockets.upgrade(request, socket, head),
        bosh: (request, response) => bosh.handle(request, response),
        maxConnections: config.transport.connections,
        trustProxy: config.http.trustProxy,
        version: PARLEY_VERSION,
      }).catch((error: NodeJS.ErrnoException) => {
        throw error.syscall === undefined ? error : listenError(error, 'listen.http', host, port);
      });
      const server = http;
      undo.push(() => server.close(HTTP_CLOSE_MS));
    }
    const take = async (): Promise<string[]> => {
      // Everything that can fail comes before the first change.
      const next = await again();
      const changed = changes(config, next);
      const renewed = await certificates(next, folder.tls, log);
      config = next;
      log.setLevel(next.log.level);
      Object.assign(limits, next.transport);
      if (renewed !== undefined) tls?.replace(renewed);
      http?.reconfigure({ tls: httpsToo ? tls?.options : undefined, maxConnections: next.transport.connections });
      engine.reconfigure(next);
      log.info('config_reloaded', { changed });
      return changed;
    };
    let reloading: Promise<unknown> = Promise.resolve();
    const reload = (): Promise<string[]> => {
      const result = reloading.then(take);
      reloading = result.catch(() => undefined);
      return result;
    };
    const admin = await listenAdmin(
      folder.adminSocket,
      adminActions(engine, { status: () => ({ pid: process.pid, connections: gate.open }), reload }),
      log,
    );
    undo.push(() => admin.close());
    ready = true;

    const connections = (): number => webSockets.connections + bosh.connections + listeners.reduce((sum, one) => sum + one.connections, 0);
    return {
      engine,
      addresses: { xmpp: bound(xmpp), xmpps: bound(xmpps), http: bound(http) },
      publicUrl: publicUrl(config.domain),
      reload,
      async stop() {
        ready = false;
        for (const listener of listeners) listener.stop();
        webSockets.stop();
        bosh.stop();
        for (const service of services) service.close();
        await Promise.all(hosts.map((host) => host.core.drain()));
        const until = Date.now() + FAREWELL_MS;
        while (connections() > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
        await undoAll(undo, log);
      },
    };
  } catch (error) {
    await undoAll(undo, log);
    throw error;
  }
}

/** Last first; one that fails does not keep the others. */
async function undoAll(undo: (() => Promise<void> | void)[], log: Log): Promise<void> {
  for (const run of undo.splice(0).reverse()) {
    try {
      await run();
    } catch (error) {
      log.error('stop_failed', { error });
    }
  }
}
