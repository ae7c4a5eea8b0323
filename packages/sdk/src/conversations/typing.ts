import type { Context } from '../context.ts';
import type { ChatState } from '../messages/codec.ts';
import type { ConversationState } from './state.ts';

/** A peer that stopped without saying so (lost connection) is believed for this long. */
const BELIEVE_MS = 30_000;
/** More people than these at once are not told apart. */
const MAX_TYPING = 20;

/** Who is writing (XEP-0085). */
export class TypingTimers {
  readonly #context: Context;
  readonly #active = new Set<ConversationState>();

  constructor(context: Context) {
    this.#context = context;
  }

  take(state: ConversationState, personId: string, chatState: ChatState): void {
    const { platform } = this.#context;
    const was = state.typing.has(personId);
    platform.clearTimer(state.typing.get(personId));
    if (chatState !== 'composing') {
      if (was) this.#end(state, personId);
      return;
    }
    if (!was && state.typing.size >= MAX_TYPING) return;
    state.typing.set(
      personId,
      platform.setTimer(() => this.#end(state, personId), BELIEVE_MS),
    );
    this.#active.add(state);
    if (!was) this.#tell(state, state.typing.size === 1);
  }

  #end(state: ConversationState, personId: string): void {
    state.typing.delete(personId);
    if (state.typing.size === 0) this.#active.delete(state);
    this.#tell(state, state.typing.size === 0);
  }

  #tell(state: ConversationState, turned: boolean): void {
    this.#context.conversationsChanged([state]);
    if (turned) this.#context.emit('conversation.typing', { conversationId: state.id, typing: state.typing.size > 0 });
  }

  clear(): void {
    for (const state of this.#active) {
      for (const timer of state.typing.values()) this.#context.platform.clearTimer(timer);
      state.typing.clear();
    }
    this.#active.clear();
  }
}
