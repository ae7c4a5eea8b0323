import { Jid, NS } from '@parley/protocol';
import type { StreamHeader } from '@parley/xml';

/** The stream error that this header of a client deserves (RFC 6120 §4.7); `account`: who signed in on the stream before, restarted it. */
export function headerProblem(header: StreamHeader, domain: string, restarted: boolean, account: string | undefined): string | undefined {
  if (header.ns !== NS.streams || header.name !== 'stream') return header.name === 'stream' ? 'invalid-namespace' : 'bad-format';
  if (header.defaultNs !== NS.client) return 'invalid-namespace';
  // After sign-in another host would be another identity (CVE-2018-10847).
  if (header.to !== undefined && Jid.tryParse(header.to)?.toString() !== domain) return restarted ? 'not-authorized' : 'host-unknown';
  if (header.version === undefined || !/^[1-9]\d{0,3}\.\d{1,4}$/.test(header.version)) return 'unsupported-version';
  if (header.from === undefined) return undefined;
  const from = Jid.tryParse(header.from);
  if (account !== undefined) return from?.bare === account ? undefined : 'invalid-from';
  // XEP-0388 §2.1: nobody signs in here for another domain.
  return restarted || from?.domain === domain ? undefined : 'invalid-from';
}
