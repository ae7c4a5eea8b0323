/** What a stream offers before and after sign-in (RFC 6120 §4.3.2), made once for all streams that offer the same. */
import {
  type Awaitable,
  base64Encode,
  bind2Feature,
  downgradeText,
  encodeConfigVersion,
  encodeUpgrade,
  NS,
  type ScramHash,
  sasl2Feature,
  upgradeTask,
} from '@parley/protocol';
import { type Element, el, serialize, utf8Encode } from '@parley/xml';
import { SCRAM_HASHES } from '../accounts/foreign-keys.ts';
import type { Core } from '../core.ts';
import { sasl2Features, streamFeatures } from '../hooks/catalogue.ts';
import type { Connection } from '../ports/index.ts';
import type { Framing } from './framing.ts';

export type ChannelBinding = 'tls-exporter' | 'tls-server-end-point';

/** What keys are upgraded to (XEP-0480). */
export const UPGRADES: readonly ScramHash[] = ['SHA-256', 'SHA-512'];

export function isBinding(type: string): type is ChannelBinding {
  return type === 'tls-exporter' || type === 'tls-server-end-point';
}

/** The channel bindings that this connection has. */
export function channelBindings(connection: Connection): ChannelBinding[] {
  return (['tls-exporter', 'tls-server-end-point'] as const).filter((type) => connection.channelBinding(type) !== undefined);
}

/** The mechanisms of one profile as they were advertised. */
export class Advertised {
  readonly mechanisms: readonly string[];
  readonly bindings: readonly ChannelBinding[];
  readonly #core: Core;
  readonly #hashes = new Map<ScramHash, Awaitable<string>>();

  constructor(core: Core, mechanisms: readonly string[], bindings: readonly ChannelBinding[]) {
    this.#core = core;
    this.mechanisms = mechanisms;
    this.bindings = bindings;
  }

  /** XEP-0474 §5.1, base64. */
  hash(alg: ScramHash): Awaitable<string> {
    let hash = this.#hashes.get(alg);
    if (hash === undefined) {
      const text = downgradeText(this.mechanisms, this.bindings.length === 0 ? undefined : this.bindings);
      const bytes = this.#core.crypto.hash(alg, utf8Encode(text));
      hash = bytes instanceof Promise ? bytes.then(base64Encode) : base64Encode(bytes);
      this.#hashes.set(alg, hash);
    }
    return hash;
  }
}

export interface StreamOffer {
  /** `<stream:features/>` as it goes out. */
  readonly bytes: Uint8Array;
  readonly sasl: Advertised;
  /** No mechanisms: SASL2 is not offered. */
  readonly sasl2: Advertised;
  /** XEP-0509: names all of this; undefined when it is not told. */
  readonly version: string | undefined;
}

/** Where a stream stands: not signed in, signed in without a resource, with one. */
export type OfferTo = 'guest' | 'signed-in' | 'bound';

/** Answers from what was made before when it can. */
export function offerFor(core: Core, connection: Connection, framing: Framing, to: OfferTo): StreamOffer {
  const { secure } = connection;
  const starttls = to === 'guest' && !secure && connection.canStartTls;
  const bindings = to === 'guest' ? channelBindings(connection) : [];
  // What is offered depends on this and on the features that are loaded.
  const key = `${connection.framing} ${secure} ${to} ${starttls} ${bindings.join(' ')}`;
  const there = core.offers.get(key);
  if (there !== undefined) return there;
  const { offer, whole } = make(core, framing, to, { secure, starttls, bindings });
  if (whole) core.offers.set(key, offer);
  return offer;
}

function make(
  core: Core,
  framing: Framing,
  to: OfferTo,
  { secure, starttls, bindings }: { secure: boolean; starttls: boolean; bindings: readonly ChannelBinding[] },
): { offer: StreamOffer; whole: boolean } {
  const features: Element[] = [];
  const { allowPlaintext } = core.config;
  const maySignIn = to === 'guest' && (secure || allowPlaintext);
  const scram: string[] = [];
  if (maySignIn) {
    // Strongest first: clients that take the first they know take the best.
    const hashes = core.config.offerAllHashes ? SCRAM_HASHES : core.accounts.foreignKeys.usable();
    if (bindings.length > 0) for (const hash of hashes) scram.push(`SCRAM-${hash}-PLUS`);
    for (const hash of hashes) scram.push(`SCRAM-${hash}`);
  }
  const sasl = new Advertised(core, maySignIn ? [...scram, 'PLAIN'] : [], bindings);
  const sasl2 = new Advertised(core, secure && maySignIn ? [...scram, 'PLAIN'] : scram, bindings);
  let whole = true;
  if (to === 'signed-in')
    features.push(el('bind', { xmlns: NS.bind }), el('session', { xmlns: NS.session }, el('optional')), el('sm', { xmlns: NS.sm }));
  if (to === 'guest') {
    if (starttls) features.push(el('starttls', { xmlns: NS.tls }, maySignIn ? undefined : el('required')));
    if (maySignIn) {
      features.push(el('mechanisms', { xmlns: NS.sasl }, ...sasl.mechanisms.map((name) => el('mechanism', null, name))));
      const event = { bindings, inline: [] as Element[], bind: [NS.sm] as string[] };
      // A feature that is not ready yet is offered from the next stream on.
      whole = !(core.hooks.run(sasl2Features, event) instanceof Promise);
      const inline = [bind2Feature(event.bind), el('sm', { xmlns: NS.sm }), ...event.inline];
      features.push(
        sasl2Feature(
          sasl2.mechanisms,
          inline,
          UPGRADES.map((hash) => encodeUpgrade(upgradeTask(hash))),
        ),
      );
      if (bindings.length > 0)
        features.push(el('sasl-channel-binding', { xmlns: NS.saslCb }, ...bindings.map((type) => el('channel-binding', { type }))));
    }
  }
  const done = core.hooks.run(streamFeatures, { secure: secure || allowPlaintext, authenticated: to !== 'guest', features });
  if (done instanceof Promise) whole = false;
  const version = maySignIn && whole ? versionOf(core, features) : undefined;
  if (version !== undefined) features.push(encodeConfigVersion(version));
  const text = features.map((one) => serialize(one)).join('');
  return { offer: { bytes: framing.streamElement('features', text), sasl, sasl2, version }, whole };
}

/** XEP-0509 §3.3: a hash of all that is offered. */
function versionOf(core: Core, features: readonly Element[]): string | undefined {
  const hash = core.crypto.hash('SHA-256', utf8Encode(features.map((one) => serialize(one)).join('')));
  return hash instanceof Promise ? undefined : base64Encode(hash.subarray(0, 15));
}
