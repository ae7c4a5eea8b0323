/** Codes that the phone itself reads from the message (WebOTP API, where the browser has it). */

interface OneTimeCode {
  readonly code?: unknown;
}

/** Resolves with the code of the next message for this page; undefined when there is none, or no such browser. `signal` ends the waiting. */
export async function codeFromMessage(signal: AbortSignal): Promise<string | undefined> {
  if (!('OTPCredential' in window)) return undefined;
  try {
    // Not in the types of the DOM.
    const wish = { otp: { transport: ['sms'] }, signal } as CredentialRequestOptions;
    const found = (await navigator.credentials.get(wish)) as OneTimeCode | null;
    return typeof found?.code === 'string' && /^\d{4,10}$/.test(found.code) ? found.code : undefined;
  } catch {
    // Refused, or the page has moved on: there is the keyboard.
    return undefined;
  }
}
