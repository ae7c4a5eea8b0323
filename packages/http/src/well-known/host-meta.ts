/** XEP-0156: where clients that cannot ask the DNS find this server. */

/** Paths of the ways to connect over HTTP that are served. */
export interface HttpDoors {
  readonly webSocket?: string;
  readonly bosh?: string;
}

export interface Link {
  readonly rel: string;
  readonly href: string;
}

const WEB_SOCKET = 'urn:xmpp:alt-connections:websocket';
const BOSH = 'urn:xmpp:alt-connections:xbosh';
const THIS_MACHINE = /^http:\/\/(?:localhost|[^/]*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * The links that may be told. XEP-0156 §2.2: only `https:` and `wss:` addresses; on this machine alone, where browsers take plain
 * HTTP for as good (a "secure context"), also those without TLS.
 */
export function altConnections(publicUrl: string, doors: HttpDoors): Link[] {
  if (!/^https:/i.test(publicUrl) && !THIS_MACHINE.test(publicUrl)) return [];
  const links: Link[] = [];
  if (doors.bosh !== undefined) links.push({ rel: BOSH, href: `${publicUrl}${doors.bosh}` });
  if (doors.webSocket !== undefined) links.push({ rel: WEB_SOCKET, href: `${publicUrl.replace(/^http/i, 'ws')}${doors.webSocket}` });
  return links;
}

/** XRD (RFC 6415 §3), as XEP-0156 §2.3 shows it. */
export function hostMetaXml(links: readonly Link[]): string {
  const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  const elements = links.map(({ rel, href }) => `<Link rel="${rel}" href="${escaped(href)}"/>`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">${elements}</XRD>\n`;
}

/** JRD (RFC 6415 appendix A). */
export function hostMetaJson(links: readonly Link[]): { links: readonly Link[] } {
  return { links };
}
