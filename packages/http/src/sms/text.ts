/** What a short message with a code says: plain ASCII, one part of at most 160 characters. */

const ONE_PART = 160;

/**
 * The text. Its last line names the page and the code, so that a browser on that page can offer to fill it in ("Origin-bound one-time
 * codes delivered via SMS", WICG): `@chat.example #123456`. `host` is that of the page, in ASCII, without a port; '' leaves the line out.
 */
export function smsText({ code, host }: { readonly code: string; readonly host: string }): string {
  const bound = host === '' ? '' : `\n\n@${host} #${code}`;
  const name = host === '' ? '' : ` for ${host}`;
  const whole = `${code} is your code${name}. Give it to nobody.${bound}`;
  if (whole.length <= ONE_PART) return whole;
  const short = `${code} is your code.${bound}`;
  return short.length <= ONE_PART ? short : `${code} is your code. Give it to nobody.`;
}

/** The host of a web address, in ASCII; '' when it is none. */
export function asciiHost(url: string): string {
  try {
    const { hostname } = new URL(url);
    // Addresses have no place in such a line.
    return /^[a-z0-9.-]+$/.test(hostname) && /[a-z]/.test(hostname) ? hostname : '';
  } catch {
    return '';
  }
}
