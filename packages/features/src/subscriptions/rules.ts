/** The tables of RFC 6121 appendix A, as what they follow from. Pure; `rules.test.ts` holds the tables word for word. */
import type { Subscription } from '../roster/service.ts';

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

/** One side's view of the other (RFC 6121 §A.1). `pendingIn` excludes `from`, `ask` excludes `to`. */
export interface State {
  readonly subscription: Subscription;
  /** "Pending Out". */
  readonly ask: boolean;
  /** "Pending In". */
  readonly pendingIn: boolean;
  /** A request of the other side was approved before it came (RFC 6121 §3.4). */
  readonly approved: boolean;
}

export interface Outbound {
  /** Whether the stanza goes on to the other side. */
  readonly route: boolean;
  readonly next: State;
}
export interface Inbound {
  /** Whether the stanza is shown to the user. */
  readonly deliver: boolean;
  readonly next: State;
  /** What the server answers for the user. */
  readonly reply?: 'subscribed' | 'unsubscribed';
}

export const isSubscriptionType = (type: string | undefined): type is SubscriptionType =>
  type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed';

const has = (state: State, way: 'to' | 'from'): boolean => state.subscription === way || state.subscription === 'both';
const plus = (subscription: Subscription, way: 'to' | 'from'): Subscription =>
  subscription === 'none' || subscription === way ? way : 'both';
const minus = (subscription: Subscription, way: 'to' | 'from'): Subscription =>
  subscription === 'both' ? (way === 'to' ? 'from' : 'to') : subscription === way ? 'none' : subscription;

/** What a user's own stanza does on the user's side (RFC 6121 §A.2). */
export function outbound(type: SubscriptionType, state: State): Outbound {
  switch (type) {
    case 'subscribe':
      return { route: true, next: has(state, 'to') ? state : { ...state, ask: true } };
    case 'unsubscribe':
      return { route: true, next: { ...state, ask: false, subscription: minus(state.subscription, 'to') } };
    case 'subscribed':
      if (state.pendingIn) return { route: true, next: { ...state, pendingIn: false, subscription: plus(state.subscription, 'from') } };
      if (has(state, 'from')) return { route: false, next: state };
      return { route: false, next: { ...state, approved: true } };
    case 'unsubscribed':
      if (state.pendingIn) return { route: true, next: { ...state, pendingIn: false, approved: false } };
      if (has(state, 'from')) return { route: true, next: { ...state, approved: false, subscription: minus(state.subscription, 'from') } };
      return { route: false, next: { ...state, approved: false } };
  }
}

/** What the other side's stanza does on the user's side (RFC 6121 §A.3). */
export function inbound(type: SubscriptionType, state: State): Inbound {
  switch (type) {
    case 'subscribe':
      if (has(state, 'from')) return { deliver: false, next: state, reply: 'subscribed' };
      if (state.pendingIn) return { deliver: false, next: state };
      if (state.approved)
        return { deliver: false, next: { ...state, subscription: plus(state.subscription, 'from') }, reply: 'subscribed' };
      return { deliver: true, next: { ...state, pendingIn: true } };
    case 'unsubscribe':
      if (state.pendingIn) return { deliver: true, next: { ...state, pendingIn: false }, reply: 'unsubscribed' };
      if (has(state, 'from'))
        return { deliver: true, next: { ...state, subscription: minus(state.subscription, 'from') }, reply: 'unsubscribed' };
      return { deliver: false, next: state };
    case 'subscribed':
      if (!state.ask) return { deliver: false, next: state };
      return { deliver: true, next: { ...state, ask: false, subscription: plus(state.subscription, 'to') } };
    case 'unsubscribed':
      if (!state.ask && !has(state, 'to')) return { deliver: false, next: state };
      return { deliver: true, next: { ...state, ask: false, subscription: minus(state.subscription, 'to') } };
  }
}
