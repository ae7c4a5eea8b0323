/** Pure decisions of presence (RFC 6121 §4). */
export type ProbeAnswer =
  /** As for an account that does not exist. */
  | 'unsubscribed'
  | 'nothing'
  /** Everything the prober is entitled to: the last presence of each available resource, or one "unavailable". */
  | 'presence'
  /** Only that this one resource is there. */
  | 'mere';

/** How a probe is answered (RFC 6121 §4.3.2, §4.6.5). */
export function answerProbe(probe: {
  readonly exists: boolean;
  readonly blocked: boolean;
  /** The prober has a subscription (or is the account itself). */
  readonly subscribed: boolean;
  /** The probe is to a full JID whose session has sent the prober directed presence. */
  readonly directed: boolean;
  readonly full: boolean;
}): ProbeAnswer {
  if (probe.blocked) return 'nothing';
  if (!probe.exists) return 'unsubscribed';
  if (probe.subscribed) return probe.full ? 'mere' : 'presence';
  return probe.directed ? 'mere' : 'unsubscribed';
}

/** Whether an iq of a stranger may reach a resource (RFC 6121 §8.5.3.1): only of those who can see that it is there. */
export function mayReachResource(facts: {
  readonly sameAccount: boolean;
  readonly subscribed: boolean;
  readonly directed: boolean;
}): boolean {
  return facts.sameAccount || facts.subscribed || facts.directed;
}

/** Directed presence reaches an address when it was sent to it or to its bare JID. */
export const isDirectedTo = (directed: readonly string[], full: string, bare: string): boolean =>
  directed.length > 0 && (directed.includes(full) || directed.includes(bare));
