/** Headers of every answer (OWASP secure headers); the media answers replace the policy by a stricter one. */

const HOST = /^(?:[a-zA-Z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?$/;

/** Nothing from elsewhere (files come from where the server says that it is: `mediaOrigin`), no inline code, no eval; scripts may not build markup from text (Trusted Types). */
export function contentSecurityPolicy(host: string | undefined, mediaOrigin: string): string {
  // 'self' covers WebSockets in current browsers, but not in Safari before 15.4.
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' ${mediaOrigin} blob: data:`,
    `media-src 'self' ${mediaOrigin} blob:`,
    "font-src 'self'",
    `connect-src 'self' ${mediaOrigin}${sockets}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types parley',
  ].join('; ');
}

export function securityHeaders(host: string | undefined, mediaOrigin: string, secure: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    'content-security-policy': contentSecurityPolicy(host, mediaOrigin),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'geolocation=(), payment=(), usb=(), serial=(), bluetooth=()',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
  if (secure) headers['strict-transport-security'] = 'max-age=31536000';
  return headers;
}
