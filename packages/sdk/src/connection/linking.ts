/** Linking devices: a new one waits over HTTP, one that is signed in looks and confirms over its session. */
import { NS, parseDateTime } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Linking } from '../link-types.ts';
import type { Platform } from '../platform.ts';
import type { UserSnapshot } from '../types.ts';
import { uuid } from './device.ts';

/** After a request that failed for want of a network. */
const PAUSE_MS = 2000;

type Told = Readonly<Record<string, unknown>>;

/** What is lent: asking the server over HTTP and over the session, and coming in with what it answers. */
export interface LinkHost {
  readonly platform: Platform;
  readonly mechanism: string;
  ask(method: 'GET' | 'POST', path: string, body: unknown): Promise<Told>;
  iq(request: Element): Promise<Element>;
  /** Comes in with the answer to a sign-in. */
  admitted(device: string, told: Told): Promise<UserSnapshot>;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Makes what the client offers. */
export function linkingOf({ platform, mechanism, ask, iq, admitted }: LinkHost): Linking {
  const pause = (): Promise<void> => new Promise((resolve) => void platform.setTimer(resolve, PAUSE_MS));
  return {
    offered: () =>
      ask('GET', 'register', undefined).then(
        ({ linking }) => linking === true,
        () => false,
      ),
    async request(deviceName) {
      const device = uuid(platform);
      const shown = await ask('POST', 'links', { device, name: deviceName.slice(0, 100), mechanism });
      const expiresAt = parseDateTime(text(shown['expiresAt'])) ?? 0;
      let cancelled = false;
      const wait = async (): Promise<UserSnapshot> => {
        while (!cancelled) {
          try {
            const told = await ask('POST', 'links/wait', { ticket: shown['ticket'] });
            if (cancelled) break;
            if (told['state'] === 'linked') return await admitted(device, told);
          } catch (error) {
            if (!(error instanceof ChatError) || !error.retryable) throw error;
            if (platform.now() >= expiresAt) throw new ChatError('code-expired', 'The code is over', { cause: error });
            await pause();
          }
        }
        throw new ChatError('cancelled', 'Nobody waits any more');
      };
      const linked = wait();
      // Whoever asks for it later is told; until then it is no unhandled rejection.
      linked.catch(() => undefined);
      return Object.freeze({ code: text(shown['code']), expiresAt, linked, cancel: () => void (cancelled = true) });
    },
    async look(code) {
      const link = (await iq(el('iq', { type: 'get' }, el('link', { xmlns: NS.linking, code })))).child('link', NS.linking);
      return Object.freeze({
        code,
        name: link?.attr('name') ?? '',
        place: link?.attr('place') ?? '',
        askedAt: parseDateTime(link?.attr('at') ?? ''),
      });
    },
    confirm: async (code) => void (await iq(el('iq', { type: 'set' }, el('link', { xmlns: NS.linking, code })))),
    decline: async (code) => void (await iq(el('iq', { type: 'set' }, el('decline', { xmlns: NS.linking, code })))),
  };
}
