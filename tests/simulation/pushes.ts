// A simulated push service (RFC 8030): it takes what it is given, or is down, or says that an endpoint is no more; and it remembers what
// it was told, so that the promises of P1 can be judged.
import type { OpenWebPush } from '@parley/features';
import type { SeededRandom, SimulatedClock } from '@parley/testkit';

export interface Told {
  readonly type: 'message' | 'read';
  readonly tag: string;
  readonly account?: string;
  readonly conversation?: string;
  readonly id?: string;
  readonly body?: string;
  readonly count?: number;
}

/** One subscribed device. */
export interface Endpoint {
  readonly url: string;
  readonly account: string;
  readonly resource: string;
  /** The push service has forgotten it: whoever tries is told so. */
  gone: boolean;
  /** The server has been told that it is gone. */
  refused: boolean;
  readonly told: Told[];
}

const KEY = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]).toString('base64url');
const SECRET = Buffer.alloc(16, 2).toString('base64url');

export class SimulatedPushes {
  readonly #random: SeededRandom;
  readonly #clock: SimulatedClock;
  readonly #endpoints = new Map<string, Endpoint>();
  /** What must not have happened. */
  readonly wrong: string[] = [];
  /** Every message that somebody was told of, by its body. */
  readonly onTold: (told: Told) => void;
  /** Refuses nothing and is quick. */
  healthy = false;
  sent = 0;
  refusals = 0;
  #process = 0;

  constructor(random: SeededRandom, clock: SimulatedClock, onTold: (told: Told) => void) {
    this.#random = random;
    this.#clock = clock;
    this.onTold = onTold;
  }

  /** The device subscribes; answers the registration as it sends it. */
  subscribe(account: string, resource: string): Endpoint {
    const url = `https://push.example/${account}/${resource}/${this.#endpoints.size}`;
    const endpoint: Endpoint = { url, account, resource, gone: false, refused: false, told: [] };
    this.#endpoints.set(url, endpoint);
    return endpoint;
  }
  static registration({ url, resource }: Endpoint): string {
    return `<register xmlns='urn:parley:push:0' endpoint='${url}' p256dh='${KEY}' auth='${SECRET}' content='full' device='${resource}'/>`;
  }

  /** The server's process is dead: what it still wants to send is not sent. */
  processDied(): void {
    this.#process++;
  }

  open(): OpenWebPush {
    const own = this.#process;
    return () => ({
      publicKey: KEY,
      refusal: () => undefined,
      close: () => {},
      send: (message) => (own === this.#process ? this.#send(message.endpoint, message.payload) : new Promise(() => {})),
    });
  }

  #send(url: string, bytes: Uint8Array): Promise<{ status: number; retryAfterMs?: number; failure?: string }> {
    const endpoint = this.#endpoints.get(url);
    if (endpoint === undefined) return Promise.resolve({ status: 404 });
    const dice = this.healthy ? 100 : this.#random.int(100);
    if (dice < 4) endpoint.gone = true;
    if (endpoint.gone) {
      endpoint.refused = true;
      this.refusals++;
      return this.#later({ status: 410 });
    }
    if (dice < 20) {
      this.refusals++;
      return this.#later(dice < 12 ? { status: 503, retryAfterMs: 1000 } : { status: 0, failure: 'timeout' });
    }
    const told = JSON.parse(new TextDecoder().decode(bytes)) as Told;
    if (told.type === 'message' && told.account !== endpoint.account)
      this.wrong.push(`push: what is for ${told.account} was sent to a device of ${endpoint.account}`);
    endpoint.told.push(told);
    this.sent++;
    this.onTold(told);
    return this.#later({ status: 201 });
  }

  /** The answer takes its time; a process that dies meanwhile does not hear it. */
  #later<T>(answer: T): Promise<T> {
    const ms = this.healthy ? 0 : this.#random.pick([0, 20, 2000]);
    return ms === 0 ? Promise.resolve(answer) : new Promise((resolve) => this.#clock.after(ms, () => resolve(answer)));
  }
}
