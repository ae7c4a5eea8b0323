/** Which timers there are. Pure. */

/** A timer within what the server allows; 0 stays 0. All in seconds. */
export function bounded(seconds: number, least: number, most: number): number {
  return seconds === 0 ? 0 : Math.min(most, Math.max(least, seconds));
}

/**
 * The timer of one message: its own, or else that of its conversation as its sender has it, or, in a new conversation, the one that
 * the sender wants for those.
 */
export function timerOf(own: number | undefined, ofConversation: number | undefined, ofNewOnes: number, isNew: boolean): number {
  return own ?? ofConversation ?? (isNew ? ofNewOnes : 0);
}
