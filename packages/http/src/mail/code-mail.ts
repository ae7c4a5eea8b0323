/** What a mail with a code says. */
import type { Mail } from './mailer.ts';

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** The mail that carries `code` to somebody who wants to sign in at `domain`; it is good for `lifeMs`. */
export function codeMail({
  to,
  code,
  domain,
  lifeMs,
}: {
  readonly to: string;
  readonly code: string;
  readonly domain: string;
  readonly lifeMs: number;
}): Mail {
  const minutes = Math.max(1, Math.round(lifeMs / 60_000));
  const lines = [
    `Your code for ${domain} is`,
    `It is good for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}. Type it where you were asked for it, and give it to nobody: not even to somebody who says to be from ${domain}.`,
    'If you did not ask for a code, somebody has mistyped an address. You need not do anything.',
  ] as const;
  return {
    to,
    // First in the line, so that a notification shows it.
    subject: `${code} is your code for ${domain}`,
    text: `${lines[0]}\n\n    ${code}\n\n${lines[1]}\n\n${lines[2]}\n`,
    html:
      `<!doctype html><html lang="en"><body style="font:16px/1.5 system-ui,sans-serif;color:#111b21">` +
      `<p>${escaped(lines[0])}</p><p style="font-size:32px;font-weight:600;letter-spacing:6px">${escaped(code)}</p>` +
      `<p>${escaped(lines[1])}</p><p style="color:#667781">${escaped(lines[2])}</p></body></html>`,
  };
}
