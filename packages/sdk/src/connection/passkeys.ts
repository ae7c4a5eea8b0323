/** Signing in by a passkey, and adding one: what goes between the server and the person's authenticator. */
import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Passkeys } from '../passkey-types.ts';
import type { Platform } from '../platform.ts';
import type { UserSnapshot } from '../types.ts';
import { uuid } from './device.ts';

/** What the person has to do it in. Milliseconds. */
const PATIENCE_MS = 240_000;

/** COSE algorithms: EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];

type Told = Readonly<Record<string, unknown>>;

/** What is lent: asking the server over HTTP and over the session, and coming in with what it answers. */
export interface PasskeyHost {
  readonly platform: Platform;
  ask(method: 'GET' | 'POST', path: string, body: unknown): Promise<Told>;
  iq(request: Element): Promise<Element>;
  /** Comes in with a proof for this device. */
  enter(proof: string, device: string, deviceName: string | undefined): Promise<UserSnapshot>;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What the authenticator says, or that the person did not want to. */
async function asked(work: Promise<unknown>): Promise<unknown> {
  const answer = await work.catch((cause: unknown) => {
    throw new ChatError('cancelled', 'No passkey was used', { cause });
  });
  if (answer === undefined || answer === null) throw new ChatError('cancelled', 'No passkey was used');
  return answer;
}

/** Makes what the client offers. */
export function passkeysOf({ platform, ask, iq, enter }: PasskeyHost): Passkeys {
  const authenticator = (): NonNullable<Platform['passkeys']> => {
    if (platform.passkeys === undefined) throw new ChatError('not-supported', 'This browser has no passkeys');
    return platform.passkeys;
  };
  return {
    async offered() {
      if (platform.passkeys === undefined) return false;
      return ask('GET', 'register', undefined).then(
        ({ passkeys }) => passkeys === true,
        () => false,
      );
    },
    async signIn(deviceName) {
      const device = uuid(platform);
      const begun = await ask('POST', 'passkeys', { device });
      const options = {
        challenge: text(begun['challenge']),
        rpId: text(begun['rpId']),
        userVerification: 'required',
        timeout: PATIENCE_MS,
      };
      const response = await asked(authenticator().use(options));
      const { proof } = await ask('POST', 'passkeys/finish', { flow: begun['flow'], response });
      return enter(text(proof), device, deviceName);
    },
    async add(label) {
      const offer = (await iq(el('iq', { type: 'get' }, el('create', { xmlns: NS.passkeys })))).child('create', NS.passkeys);
      const name = offer?.attr('name') ?? '';
      const response = await asked(
        authenticator().create({
          challenge: offer?.attr('challenge') ?? '',
          rp: { id: offer?.attr('rp') ?? '', name: 'Parley' },
          user: { id: offer?.attr('user') ?? '', name, displayName: name },
          pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
          // It has to say by itself whose it is: nobody types a name before.
          authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
          attestation: 'none',
          timeout: PATIENCE_MS,
        }),
      );
      const create = el('create', { xmlns: NS.passkeys, flow: offer?.attr('flow') ?? '', label }, JSON.stringify(response));
      await iq(el('iq', { type: 'set' }, create));
    },
  };
}
