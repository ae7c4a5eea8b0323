/** Every hook of the server, once. The keys of the stages are the order of the calls. */
import type { Jid, SaslCondition, UserAgent } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import type { Element, Stanza } from '@parley/xml';
import type { Session } from '../session/session.ts';
import { defineHook } from './hook.ts';

/** A message has come from a bound client and has not been routed. Throw a StanzaError to refuse it. */
export interface ClientMessage {
  readonly from: Session;
  /** A guard may put another in its place, without what is for the server alone. */
  stanza: Stanza;
  /** Whom it is for; the sender's own bare JID when the client left `to` out. */
  readonly to: Jid;
  /** The local account it is for; undefined when `to` is the host itself or no such account is here. */
  readonly recipient: AccountRecord | undefined;
  /** Whether it will be stored in the mailboxes; a handler at `rule` may change it. */
  keep: boolean;
  /** Kept, but nothing a person reads by itself (see `KeepVerdict.quiet`). */
  readonly quiet: boolean;
  /**
   * What a handler put here runs when the message was appended at this position, before anything else happens: what it writes is
   * durable together with the message, or not at all. It must not throw. Not run for a message that is refused or not kept.
   */
  kept: Array<(seq: number) => void> | undefined;
}
export const messageFromClient = defineHook<ClientMessage>()('message.from-client', {
  guard: 'reject',
  rule: 'reject',
  watch: 'skip',
});

/** A message is durable (when kept) and was handed to the recipient's sessions. */
export interface RoutedMessage {
  /** The sending session; undefined when the server itself sent it. */
  readonly from: Session | undefined;
  readonly to: Jid;
  readonly stanza: Stanza;
  /** The stanza as stored: `from` stamped, without the stanza-id of a mailbox. */
  readonly bytes: Uint8Array;
  readonly recipient: AccountRecord | undefined;
  /** Its position in the mailboxes; undefined when it was not kept. */
  readonly seq: number | undefined;
  /** The recipient's sessions that were given it (or will get it from the mailbox, being behind). */
  readonly deliveredTo: readonly Session[];
}
export const messageRouted = defineHook<RoutedMessage>()('message.routed', { copy: 'skip', push: 'skip', watch: 'skip' });

/** A client has sent presence without `to`: its own availability (RFC 6121 §4.2, §4.4, §4.5). */
export interface ClientPresence {
  readonly from: Session;
  /** As the client sent it; `from.presence` is already the new one. */
  readonly stanza: Stanza;
  readonly available: boolean;
  readonly wasAvailable: boolean;
  /** True when the stream ended and the server speaks for the client. */
  readonly implied: boolean;
}
export const presenceFromClient = defineHook<ClientPresence>()('presence.from-client', {
  guard: 'reject',
  broadcast: 'skip',
  deliver: 'skip',
  watch: 'skip',
});

/** A client has sent presence with `to`: a subscription, a probe, or directed presence (RFC 6121 §3, §4.3, §4.6). */
export interface AddressedPresence {
  readonly from: Session;
  /** A guard may put another in its place, with what the server adds for the client. */
  stanza: Stanza;
  readonly to: Jid;
  /** undefined when there is no such account here. */
  readonly recipient: AccountRecord | undefined;
}
export const presenceAddressed = defineHook<AddressedPresence>()('presence.addressed', {
  guard: 'reject',
  subscribe: 'reject',
  deliver: 'skip',
  watch: 'skip',
});

/**
 * A request is about to be handed to another entity's session by full JID (RFC 6121 §8.5.3.1). Throw to refuse. Asked about
 * answers too, with the sides changed: only who may ask is answered; `stanza` is the answer then.
 */
export interface AddressedIq {
  readonly from: Session;
  readonly stanza: Stanza;
  readonly to: Jid;
  readonly target: Session;
}
export const iqToSession = defineHook<AddressedIq>()('iq.to-session', { guard: 'reject' });

/**
 * A client's stanza is about to be handed to a service on another domain of this server (group chats, components). Throw to refuse; a
 * guard may put another stanza in its place.
 */
export const stanzaToService = defineHook<{ readonly from: Session; stanza: Stanza; readonly to: Jid }>()('stanza.to-service', {
  guard: 'reject',
});

/** A service is about to reach an account or one of its sessions. Throw to refuse (the service is told), HANDLED to drop it. */
export interface ServiceDelivery {
  readonly from: Jid;
  readonly stanza: Stanza;
  readonly to: Jid;
  readonly recipient: AccountRecord;
}
export const stanzaFromService = defineHook<ServiceDelivery>()('stanza.from-service', { guard: 'reject' });

/** Any iq get/set of a client that the server itself is going to answer or route, before it is looked up. */
export interface ClientIq {
  readonly from: Session;
  readonly stanza: Stanza;
  readonly to: Jid | undefined;
}
export const iqFromClient = defineHook<ClientIq>()('iq.from-client', { guard: 'reject', watch: 'skip' });

/** A bound client has sent a first-level element that is neither a stanza nor stream management (XEP-0352). HANDLED when it is yours. */
export const elementFromClient = defineHook<{ readonly from: Session; readonly element: Stanza }>()('element.from-client', {
  handle: 'reject',
});

/** A session has been bound, resumed, or has ended for good. */
export const sessionBound = defineHook<{ readonly session: Session }>()('session.bound', { watch: 'skip' });
/** The connection of a session broke; it waits to be resumed. */
export const sessionDetached = defineHook<{ readonly session: Session }>()('session.detached', { watch: 'skip' });
export const sessionResumed = defineHook<{ readonly session: Session }>()('session.resumed', { watch: 'skip' });
export const sessionEnded = defineHook<{ readonly session: Session }>()('session.ended', {
  broadcast: 'skip',
  clean: 'skip',
  watch: 'skip',
});

/** An account was created, or is about to go with all its state. */
export const accountCreated = defineHook<{ readonly account: AccountRecord }>()('account.created', { watch: 'skip' });
export const accountRemoved = defineHook<{ readonly account: AccountRecord }>()('account.removed', { tell: 'skip', clean: 'skip' });

/** Stream features are being listed (RFC 6120 §4.3.2); push elements onto `features`. */
export interface StreamFeaturesEvent {
  readonly secure: boolean;
  readonly authenticated: boolean;
  readonly features: Element[];
}
export const streamFeatures = defineHook<StreamFeaturesEvent>()('stream.features', { offer: 'skip' });

/** SASL2 is offered (XEP-0388 §2.1). */
export interface Sasl2FeaturesEvent {
  /** Channel bindings that the connection has. */
  readonly bindings: readonly string[];
  /** What can be done together with the sign-in. */
  readonly inline: Element[];
  /** What can be enabled together with the bind, by namespace (XEP-0386 §3.1). */
  readonly bind: string[];
}
export const sasl2Features = defineHook<Sasl2FeaturesEvent>()('sasl2.features', { offer: 'skip' });

/** A client signs in by SASL2 with a mechanism that is none of the core's. HANDLED with `outcome` set by whom it belongs to. */
export interface ForeignSignIn {
  readonly mechanism: string;
  readonly data: Uint8Array | undefined;
  /** `<authenticate/>`. */
  readonly request: Element;
  readonly agent: UserAgent | undefined;
  channelBinding(type: string): Uint8Array | undefined;
  /** `data`: base64 for the client. */
  outcome: { readonly account: AccountRecord; readonly data: string } | { readonly refused: SaslCondition } | undefined;
}
export const foreignSignIn = defineHook<ForeignSignIn>()('sasl2.foreign', { check: 'reject' });

/** A client has proved who it is by SASL2, all tasks done; nothing was told to it, resumed or bound yet. */
export interface SignedIn {
  readonly account: AccountRecord;
  readonly mechanism: string;
  /** `<authenticate/>`. */
  readonly request: Element;
  readonly agent: UserAgent | undefined;
  readonly remoteAddress: string;
  /** Channel bindings that the connection has. */
  readonly bindings: readonly string[];
  /** What goes into `<success/>`, once everything written meanwhile is durable. */
  readonly results: Element[];
}
export const signedIn = defineHook<SignedIn>()('sasl2.signed-in', { issue: 'skip', watch: 'skip' });

/** A session was bound by Bind2 (XEP-0386): enable what `request` asks for, answer into `results`. */
export interface InlineBind {
  readonly session: Session;
  /** `<bind xmlns='urn:xmpp:bind:0'/>`. */
  readonly request: Element;
  /** What goes into `<bound/>`. */
  readonly results: Element[];
}
export const inlineBind = defineHook<InlineBind>()('bind2.enable', { enable: 'skip', tell: 'skip' });

/** A device was signed out: what is kept of it (how far it has taken what) goes. Its sessions have ended. */
export const deviceForgotten = defineHook<{ readonly account: AccountRecord; readonly device: string }>()('device.forgotten', {
  clean: 'skip',
});

/** The sign-in keys of an account are others now, or it was disabled. */
export const accountKeysChanged = defineHook<{ readonly account: AccountRecord }>()('account.keys-changed', { clean: 'skip' });

/**
 * A session of the process before waits again to be resumed. `exact`: that process ended in order, so nothing was missed; otherwise what is
 * not in the mailbox may be up to a moment old.
 */
export const sessionRestored = defineHook<{ readonly session: Session; readonly exact: boolean }>()('session.restored', { watch: 'skip' });
