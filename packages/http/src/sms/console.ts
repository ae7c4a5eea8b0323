/** For development: the code stands in the server's log, and on the page that asked for it. */
import type { Log } from '@parley/core/ports';
import type { SmsProvider } from './provider.ts';

export function consoleProvider(log: Log): SmsProvider {
  return {
    name: 'console',
    shows: true,
    send({ to, code }) {
      log.warn('code_shown_for_development', { to, code });
      return Promise.resolve();
    },
    check: () => Promise.resolve('Codes are shown to whoever asks for one.'),
    close: () => {},
  };
}
