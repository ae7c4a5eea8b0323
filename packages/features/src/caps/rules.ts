/** What the server keeps of the capabilities of clients (XEP-0115). Pure. */
import { type Caps, capsHash, type DiscoInfo } from '@parley/protocol';

const SUFFIX = '+notify';
const INTERESTS = 200;
const NODE_LENGTH = 512;

export const NO_INTERESTS: ReadonlySet<string> = new Set();

/** Nodes that the client wants events of, at most 200 (XEP-0060 §9.2). */
export function interestsIn(info: DiscoInfo): string[] {
  const nodes = new Set<string>();
  for (const feature of info.features) {
    if (!feature.endsWith(SUFFIX) || feature.length === SUFFIX.length || feature.length > NODE_LENGTH) continue;
    nodes.add(feature.slice(0, -SUFFIX.length));
    if (nodes.size === INTERESTS) break;
  }
  return [...nodes];
}

/** Key of caps that can be verified and so believed of everybody who says the same; undefined for all others (§5.4). */
export function sharedKey(caps: Caps): string | undefined {
  return capsHash(caps.hash) === undefined || caps.ver.length > 128 ? undefined : `${caps.hash} ${caps.ver}`;
}

/** Those of `now` that were not there before. */
export function added(before: ReadonlySet<string>, now: ReadonlySet<string>): ReadonlySet<string> {
  if (before === now) return NO_INTERESTS;
  if (before.size === 0) return now;
  const fresh = new Set<string>();
  for (const node of now) if (!before.has(node)) fresh.add(node);
  return fresh.size === 0 ? NO_INTERESTS : fresh;
}
