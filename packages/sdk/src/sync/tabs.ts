import type { Connection } from '../connection/connection.ts';
import type { KeptToken } from '../connection/device.ts';
import type { Context } from '../context.ts';
import type { Journal } from '../conversations/journal.ts';
import type { ConversationRegistry } from '../conversations/registry.ts';
import { ChatError } from '../errors.ts';
import type { Platform } from '../platform.ts';

/** What tabs of one account tell each other. */
export interface TabMessage {
  /** Ids of conversations that were written. */
  readonly changed?: readonly string[];
  readonly signedOut?: boolean;
  /** A tab without a token asks for one, for the device of this id. */
  readonly wantsToken?: string;
  /** The answer of the first tab. */
  readonly granted?: { readonly device: string; readonly token: KeptToken };
}

const PATIENCE_MS = 5_000;

/** Tokens for tabs that are not the first one: the first one asks the server, and hands them over inside of the browser. */
export class TabGrants {
  readonly #platform: Platform;
  readonly #connection: Connection;
  readonly #grant: (device: string) => Promise<KeptToken | undefined>;
  readonly #waiting = new Map<string, (token: KeptToken) => void>();

  constructor(platform: Platform, connection: Connection, grant: (device: string) => Promise<KeptToken | undefined>) {
    this.#platform = platform;
    this.#connection = connection;
    this.#grant = grant;
  }

  /** Rejects with `connection-lost` when no tab answers: the next try may find one. */
  ask(device: string, post: (text: string) => void): Promise<KeptToken> {
    return new Promise((resolve, reject) => {
      const timer = this.#platform.setTimer(() => {
        this.#waiting.delete(device);
        reject(new ChatError('connection-lost', 'The other tab did not answer'));
      }, PATIENCE_MS);
      this.#waiting.set(device, (token) => {
        this.#platform.clearTimer(timer);
        this.#waiting.delete(device);
        resolve(token);
      });
      post(JSON.stringify({ wantsToken: device } satisfies TabMessage));
    });
  }

  /** Whether the message was one of these. */
  heard({ wantsToken, granted }: TabMessage, post: (text: string) => void): boolean {
    if (granted !== undefined) this.#waiting.get(granted.device)?.(granted.token);
    else if (wantsToken !== undefined) void this.#answer(wantsToken, post);
    return granted !== undefined || wantsToken !== undefined;
  }

  async #answer(device: string, post: (text: string) => void): Promise<void> {
    if (!this.#connection.online || !(await this.#connection.device.isFirst())) return;
    // Whoever asks waits for so long only, and then asks again.
    const token = await this.#grant(device).catch(() => undefined);
    if (token !== undefined) post(JSON.stringify({ granted: { device, token } } satisfies TabMessage));
  }
}

/** Tabs share the store, not the connection: what another one wrote is read again. */
export function readAgain(changed: readonly string[], context: Context, journal: Journal, registry: ConversationRegistry): void {
  const ids = new Set(changed);
  journal
    .run(async () => {
      const records = (await context.store.conversations()).filter((record) => ids.has(record.id));
      registry.load(records);
      for (const { id } of records) {
        for (const timeline of registry.state(id).timelines) timeline.reload().catch((error: unknown) => context.report(error));
      }
    })
    .catch((error: unknown) => context.report(error));
}
