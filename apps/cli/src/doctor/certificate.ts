/** The certificate: there, ours, naming the domain, valid long enough. */

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config, DomainConfig } from '@parley/server';
import { CertificateError, certificateNames, isLoopback, loadCertificate } from '@parley/transports';
import { type Finding, fail, ok, warn } from './finding.ts';

const SUBJECT = 'certificate';
const DAY = 86_400_000;
/** What automatic renewal leaves is more than this. */
const RENEW_DAYS = 14;

export function onlyThisMachine(config: Config): boolean {
  return Object.values(config.listen).every((address) => address === undefined || isLoopback(address.host));
}

export function judgeCertificate(certificate: X509Certificate, domain: string, now: number): Finding {
  const days = Math.floor((certificate.validToDate.getTime() - now) / DAY);
  const until = certificate.validToDate.toISOString().slice(0, 10);
  if (!certificateNames(certificate, domain))
    return fail(
      SUBJECT,
      `It does not name ${domain} but ${certificate.subjectAltName ?? 'nothing'}.`,
      `Get one that names ${domain}: the domain of the addresses, whatever host the server runs on.`,
    );
  if (days < 0) return fail(SUBJECT, `It expired on ${until}.`, 'Renew it, then: npx parley config reload.');
  if (days < RENEW_DAYS) return warn(SUBJECT, `It expires in ${days} days, on ${until}.`, 'Renew it, then: npx parley config reload.');
  return ok(SUBJECT, `For ${domain}, valid until ${until} (${days} days).`);
}

/** `folder`: where the self-signed one is kept. */
export async function certificateFinding(
  config: Config,
  folder: string,
  now: number,
  { domain, tls }: DomainConfig = config.domains[0],
): Promise<Finding> {
  const { mode } = config.tls;
  const { cert, key } = tls;
  const loopback = onlyThisMachine(config);
  if (mode === 'off') {
    if (loopback) return ok(SUBJECT, 'TLS is off; only this machine can connect.');
    return warn(
      SUBJECT,
      'TLS is off, and other machines can connect: passwords and messages go over the network in the clear.',
      'Set tls.mode=files, or listen on 127.0.0.1 behind a proxy that does the TLS.',
    );
  }
  if (mode === 'files') {
    try {
      return judgeCertificate((await loadCertificate(cert, key, now)).certificate, domain, now);
    } catch (error) {
      if (error instanceof CertificateError)
        return fail(SUBJECT, error.message, 'Put a valid certificate with its key there, readable by the user of the server.');
      throw error;
    }
  }
  const pem = await readFile(join(folder, 'selfsigned.crt'), 'utf8').catch(() => undefined);
  const kept = pem === undefined ? undefined : judgeCertificate(new X509Certificate(pem), domain, now);
  const about = kept?.state === 'ok' ? `Self-signed. ${kept.text}` : 'Self-signed; the server makes a new one at its next start.';
  if (loopback) return ok(SUBJECT, about);
  return warn(
    SUBJECT,
    about,
    'Other machines will not trust it: get one for the domain (Let’s Encrypt) and set tls.mode=files, tls.cert, tls.key.',
  );
}
