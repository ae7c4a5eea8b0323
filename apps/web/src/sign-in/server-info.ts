/** What the sign-in page may know before anybody signs in. */

/** The server's word about itself. */
export interface ServerInfo {
  /** Domain of its accounts, when it tells. */
  readonly domain: string | undefined;
  /** Whether people may make accounts here. */
  readonly registrationOpen: boolean;
  /** Codes are sent by e-mail: people may sign in, and up where `signUpByCode`, without a password. */
  readonly emailCodes: boolean;
  /** The same by text message; numbers without a country code are of `phoneCountry` (ISO 3166), '' when the server has none. */
  readonly phoneCodes: boolean;
  readonly phoneCountry: string;
  readonly signUpByCode: boolean;
  /** A device that is signed in can let this one in. */
  readonly linking: boolean;
  /** People may sign in by a passkey, if their browser has them. */
  readonly passkeys: boolean;
  /** Other providers by whom people may sign in. */
  readonly providers: readonly { readonly id: string; readonly name: string }[];
}

const NOTHING_KNOWN: ServerInfo = {
  domain: undefined,
  registrationOpen: true,
  emailCodes: false,
  phoneCodes: false,
  phoneCountry: '',
  signUpByCode: false,
  linking: false,
  passkeys: false,
  providers: [],
};
const MOST_PROVIDERS = 8;
const HINT = 'parley.signed-in';

/** Asks the server. Where it does not answer, sign-up stays offered and the attempt says what is wrong. */
export async function serverInfo(): Promise<ServerInfo> {
  try {
    const response = await fetch('/api/v1/register', { headers: { accept: 'application/json' } });
    const body: unknown = response.ok ? await response.json() : undefined;
    if (typeof body !== 'object' || body === null) return { ...NOTHING_KNOWN, registrationOpen: response.status !== 403 };
    const told = body as {
      readonly open?: unknown;
      readonly domain?: unknown;
      readonly codes?: unknown;
      readonly signUpByCode?: unknown;
      readonly linking?: unknown;
      readonly passkeys?: unknown;
      readonly social?: unknown;
      readonly phoneCountry?: unknown;
    };
    return {
      domain: typeof told.domain === 'string' ? told.domain : undefined,
      registrationOpen: told.open !== false,
      emailCodes: Array.isArray(told.codes) && told.codes.includes('email'),
      phoneCodes: Array.isArray(told.codes) && told.codes.includes('phone'),
      phoneCountry: typeof told.phoneCountry === 'string' ? told.phoneCountry : '',
      signUpByCode: told.signUpByCode === true,
      linking: told.linking === true,
      passkeys: told.passkeys === true && globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined,
      providers: Array.isArray(told.social) ? (told.social as ServerInfo['providers']).slice(0, MOST_PROVIDERS) : [],
    };
  } catch {
    return NOTHING_KNOWN;
  }
}

/** Whether this device was signed in when it was last used: decides what is loaded first, nothing else. */
export function accountHint(): boolean {
  try {
    return localStorage.getItem(HINT) === '1';
  } catch {
    return false;
  }
}

/** Remembers that this device is signed in. */
export function keepAccountHint(): void {
  try {
    localStorage.setItem(HINT, '1');
  } catch {
    // The next visit shows the sign-in page first.
  }
}

/** Forgets it. */
export function forgetAccountHint(): void {
  try {
    localStorage.removeItem(HINT);
  } catch {
    // Nothing was kept.
  }
}
