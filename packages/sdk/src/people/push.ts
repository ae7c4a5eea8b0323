import { type Element, el } from '@parley/xml';
import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { online } from '../groups/group.ts';
import { PUSH } from '../sync/features.ts';
import type { Push, PushContent, PushSubscriptionLike } from '../types.ts';

/** How this device learns of messages while it is not connected (docs/protocol/push.md). */
export class PushRegistration implements Push {
  readonly #context: Context;
  readonly #device: () => string;

  constructor(context: Context, device: () => string) {
    this.#context = context;
    this.#device = device;
  }

  async key(): Promise<string> {
    const key = (await this.#ask('get', el('key', { xmlns: PUSH }))).childText('key', PUSH);
    if (key === undefined || key === '') throw new ChatError('protocol-violation', 'The server gave no key');
    return key;
  }

  async register({ endpoint, p256dh, auth }: PushSubscriptionLike, content: PushContent): Promise<void> {
    await this.#ask('set', el('register', { xmlns: PUSH, endpoint, p256dh, auth, content, device: this.#device() }));
  }

  async unregister(): Promise<void> {
    try {
      await this.#ask('set', el('remove', { xmlns: PUSH, device: this.#device() }));
    } catch (error) {
      // There was none.
      if (!(error instanceof ChatError) || error.code !== 'not-found') throw error;
    }
  }

  #ask(type: 'get' | 'set', payload: Element): Promise<Element> {
    return online(this.#context).iq(el('iq', { type }, payload));
  }
}
