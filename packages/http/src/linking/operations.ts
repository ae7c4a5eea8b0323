/** `/api/v1/links`: a new device that waits to be let in by one that is signed in. */
import { LinkError, type Linking } from '@parley/features/linking/service';
import { z } from 'zod';
import { type ApiRequest, Moment, type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

const TAG = 'Linking devices';

const REFUSALS: Readonly<Record<LinkError['code'] | 'off', Omit<Refusal, 'code'>>> = {
  off: { status: 404, when: 'linking is switched off here' },
  'bad-device': { status: 400, when: 'the id of the device is not one (XEP-0388 user-agent), or the mechanism is none of XEP-0484' },
  'too-many': { status: 429, when: 'there were too many from this address, or too many devices wait' },
  expired: { status: 410, when: 'the code is over, or the ticket is not of this server' },
  declined: { status: 403, when: 'the device that is signed in has declined' },
};
const refusals = (...codes: readonly (keyof typeof REFUSALS)[]): readonly Refusal[] => codes.map((code) => ({ code, ...REFUSALS[code] }));

async function asked<T>({ site }: ApiRequest, work: (service: Linking) => T | Promise<T>): Promise<T> {
  const service = site.linking();
  if (service === undefined) throw new HttpError(404, 'off', 'This server does not link devices.');
  return refusing(LinkError, REFUSALS, () => work(service));
}

export const linkOperations: readonly Operation[] = [
  operation({
    id: 'askForLink',
    method: 'POST',
    path: '/api/v1/links',
    tag: TAG,
    summary: 'A new device asks to be linked: a code to show, and a ticket to wait with.',
    body: z.strictObject({
      device: z.string().min(1).max(128).describe('The id that the device will sign in with (XEP-0388 user-agent)'),
      name: z.string().max(200).describe('What the person reads on the other device'),
      mechanism: z.string().min(1).max(64).describe('A mechanism of XEP-0484, such as HT-SHA-256-NONE'),
    }),
    example: { device: 'd4565fa7-4d72-4749-b3d3-740edbf87770', name: 'Firefox on Linux', mechanism: 'HT-SHA-256-NONE' },
    status: 201,
    answer: z.object({
      code: z.string().describe('For the person: typed, or read from the screen, on a device that is signed in'),
      ticket: z.string().describe("The new device's own; never shown"),
      expiresAt: Moment,
    }),
    refusals: refusals('off', 'bad-device', 'too-many'),
    async run(wish, request) {
      const shown = await asked(request, (service) => service.ask({ ...wish, remoteAddress: request.remoteAddress }));
      return { ...shown, expiresAt: new Date(shown.expiresAt).toISOString() };
    },
  }),
  operation({
    id: 'waitForLink',
    method: 'POST',
    path: '/api/v1/links/wait',
    tag: TAG,
    summary: 'Waits until the code was confirmed; answers after 20 seconds in any case.',
    body: z.strictObject({ ticket: z.string().min(1).max(128) }),
    example: { ticket: '…' },
    status: 200,
    answer: z.object({
      state: z.enum(['waiting', 'linked']).describe('`waiting`: ask again'),
      jid: z.string().optional().describe('The address of the account, once linked'),
      token: z.string().optional().describe('Signs this device in over XMPP (XEP-0484)'),
      mechanism: z.string().optional(),
      expiresAt: Moment.optional(),
    }),
    refusals: refusals('off', 'expired', 'declined'),
    async run({ ticket }, request) {
      const outcome = await asked(request, (service) => service.wait(ticket, request.signal));
      if (outcome === undefined) return { state: 'waiting' as const };
      const { account, token, mechanism, expiresAt } = outcome;
      const jid = `${account.localpart}@${account.domain}`;
      return { state: 'linked' as const, jid, token, mechanism, expiresAt: new Date(expiresAt).toISOString() };
    },
  }),
];
