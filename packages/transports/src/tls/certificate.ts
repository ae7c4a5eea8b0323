import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A certificate (with its chain) and its key, checked to belong together. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
  readonly certificate: X509Certificate;
}

/** The certificate cannot be used; the message is a sentence for the operator. */
export class CertificateError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CertificateError';
  }
}

const DAY = 86_400_000;
/** Browsers and Apple's systems refuse certificates that are valid for longer than 825 days. */
const SELF_SIGNED_DAYS = 820;

async function read(path: string, key: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : (error as Error).message;
    throw new CertificateError(`${key}: cannot read ${path}: ${why}.`, { cause: error });
  }
}

/** Loads `tls.cert` and `tls.key` (PEM) and checks that they can be used now. `now` in ms since the epoch. Throws CertificateError. */
export async function loadCertificate(certPath: string, keyPath: string, now: number): Promise<KeyPair> {
  const cert = await read(certPath, 'tls.cert');
  const key = await read(keyPath, 'tls.key');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (error) {
    throw new CertificateError(`tls.cert: ${certPath} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).`, { cause: error });
  }
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch (error) {
    throw new CertificateError(`tls.key: ${keyPath} holds no private key in PEM form, or one that is protected by a passphrase.`, {
      cause: error,
    });
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CertificateError(`tls.key: the key in ${keyPath} does not belong to the certificate in ${certPath}.`);
  }
  if (certificate.validToDate.getTime() <= now) {
    throw new CertificateError(
      `tls.cert: the certificate in ${certPath} expired on ${certificate.validToDate.toISOString().slice(0, 10)}; renew it.`,
    );
  }
  if (certificate.validFromDate.getTime() > now + DAY) {
    throw new CertificateError(
      `tls.cert: the certificate in ${certPath} is valid only from ${certificate.validFromDate.toISOString().slice(0, 10)} on; is the clock right?`,
    );
  }
  return { key, cert, certificate };
}

/** True when the certificate names this host (subject alternative names only, never the common name). */
export function certificateNames(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host, { subject: 'never' })) !== undefined;
}

/**
 * The certificate that Parley makes for itself: ECDSA P-256, for `localhost`, 127.0.0.1, ::1 and the domain. Kept in `folder`
 * and made anew when it has less than thirty days left or does not name the domain.
 */
export async function selfSignedCertificate(folder: string, domain: string, now: number): Promise<KeyPair> {
  const certPath = join(folder, 'selfsigned.crt');
  const keyPath = join(folder, 'selfsigned.key');
  try {
    const kept = await loadCertificate(certPath, keyPath, now + 30 * DAY);
    if (certificateNames(kept.certificate, domain)) return kept;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
  }
  const names = domain === 'localhost' ? ['localhost'] : [domain, 'localhost'];
  const made = await generate([{ name: 'commonName', value: domain }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - DAY),
    notAfterDate: new Date(now + SELF_SIGNED_DAYS * DAY),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: '127.0.0.1' },
          { type: 7 as const, ip: '::1' },
        ],
      },
    ],
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeWhole(keyPath, made.private, 0o600);
  await writeWhole(certPath, made.cert, 0o644);
  return { key: made.private, cert: made.cert, certificate: new X509Certificate(made.cert) };
}

/** A file is there whole or not at all. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, text, { mode });
  await rename(temporary, path);
}
