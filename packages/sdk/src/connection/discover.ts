import { Jid } from '@parley/protocol';
import { ChatError } from '../errors.ts';
import type { Endpoint, Platform } from '../platform.ts';

const WEBSOCKET_REL = 'urn:xmpp:alt-connections:websocket';
const DISCOVERY_TIMEOUT_MS = 5_000;

export interface ServerAddress {
  readonly endpoint: Endpoint;
  /** Domain of the accounts when nothing else names it. */
  readonly domain: string;
}

/** Understands the `server` option (see `ClientOptions`). Throws `invalid-argument`. */
export async function findServer(platform: Platform, server: string | undefined, domain: string | undefined): Promise<ServerAddress> {
  const text = server ?? platform.defaultServer?.() ?? domain;
  if (text === undefined) throw new ChatError('invalid-argument', 'Say which server to use');
  if (/^wss?:\/\//i.test(text)) return { endpoint: { kind: 'websocket', url: text }, domain: domainOf(new URL(text)) };
  if (/^https?:\/\//i.test(text)) {
    return websocketOf(platform, new URL(text));
  }
  if (platform.name === 'browser') return findServer(platform, `https://${text}`, domain);
  const match = /^(?:(xmpps?):\/\/)?(\[[0-9a-fA-F:]+\]|[^:/]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null) throw new ChatError('invalid-argument', `Not a server address: ${text}`);
  const host = bareHost(match[2]!);
  const direct = match[1] === 'xmpps';
  return {
    endpoint: {
      kind: 'tcp',
      host,
      port: Number(match[3] ?? (direct ? 5223 : 5222)),
      tls: direct ? 'direct' : 'starttls',
      srv: match[1] === undefined && match[3] === undefined,
    },
    domain: host,
  };
}

/** XEP-0156 §3 (host-meta.json), else the place where Parley has it. */
async function websocketOf(platform: Platform, site: URL): Promise<ServerAddress> {
  const secure = site.protocol === 'https:';
  let url = `${secure ? 'wss' : 'ws'}://${site.host}/ws`;
  let domain = domainOf(site);
  try {
    const answer = await platform.http({
      method: 'GET',
      url: `${site.origin}/.well-known/host-meta.json`,
      timeoutMs: DISCOVERY_TIMEOUT_MS,
    });
    const meta: { subject?: unknown; links?: unknown } = answer.status === 200 ? JSON.parse(answer.text) : {};
    if (typeof meta.subject === 'string') domain = Jid.tryParse(meta.subject.replace(/^(xmpp:|https?:\/\/)/, ''))?.domain ?? domain;
    for (const link of Array.isArray(meta.links) ? (meta.links as { rel?: unknown; href?: unknown }[]) : []) {
      if (link?.rel !== WEBSOCKET_REL || typeof link.href !== 'string') continue;
      // A page loaded by https must not be led to an unprotected socket.
      if (!/^wss:\/\//i.test(link.href) && (secure || !/^ws:\/\//i.test(link.href))) continue;
      url = link.href;
      break;
    }
  } catch {
    // No host-meta, no JSON: the connection itself decides whether the server is there.
  }
  return { endpoint: { kind: 'websocket', url }, domain };
}

/** The host name; the addresses of this machine stand for `localhost`, the domain that a server without a name serves. */
function domainOf(url: URL): string {
  const host = bareHost(url.hostname);
  return host === '::1' || /^127(\.\d{1,3}){3}$/.test(host) ? 'localhost' : host;
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
