import { constants, createHash, type X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { certificateNames, type KeyPair } from './certificate.ts';

/** Answers the certificate for the name that a client says (SNI); nothing when it is none of ours. */
type Chooser = (name: string, answer: (error: Error | null, context?: SecureContext) => void) => void;

/** Certificates ready for use: one, or one for each domain. */
export interface TlsContext {
  /** For handshakes from now on in which the client says no name of ours, or none: the certificate of this domain, else the first one. */
  contextFor(domain: string | undefined): SecureContext;
  /** For handshakes in which the client says a name; undefined while there is one certificate only. */
  readonly SNICallback: Chooser | undefined;
  /** The same for `https.createServer`. */
  readonly options: SecureContextOptions & { readonly SNICallback?: Chooser };
  /** RFC 5929 §4: the hash of the certificate that this connection was shown. */
  serverEndPoint(socket: TLSSocket): Uint8Array | undefined;
  /** Other certificates for connections from now on, for the same domains. */
  replace(pairs: ReadonlyMap<string, KeyPair>): void;
}

/**
 * RFC 7525/9325: TLS 1.2 at least, forward secrecy, authenticated encryption. The hybrid ML-KEM groups are left out on
 * purpose: their 1.1 KB key shares push the handshake out of OpenSSL's small buffers and cost 8 KB of memory for every connection.
 */
const SECURITY: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  ecdhCurve: 'X25519:P-256:P-384',
  honorCipherOrder: true,
  // Sign-in is where a stream's cost is; tickets cost memory and a write on every connection and save little (XEP-0198 resumes above TLS).
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
};

interface Ready {
  readonly options: SecureContextOptions;
  readonly secureContext: SecureContext;
  readonly hash: Uint8Array | undefined;
  readonly certificate: X509Certificate;
}

/** `pairs`: by domain, the first one for clients that say no name of ours. At least one. */
export function createTlsContext(pairs: ReadonlyMap<string, KeyPair>): TlsContext {
  const make = (all: ReadonlyMap<string, KeyPair>): Map<string, Ready> =>
    new Map(
      [...all].map(([domain, { key, cert, certificate }]) => {
        const options: SecureContextOptions = { ...SECURITY, key, cert };
        return [domain, { options, secureContext: createSecureContext(options), hash: serverEndPoint(certificate), certificate }];
      }),
    );
  let now = make(pairs);
  let replaced = false;
  const first = (): Ready => now.values().next().value as Ready;
  const named = (name: string): Ready | undefined => {
    const lower = name.toLowerCase();
    const own = now.get(lower);
    if (own !== undefined) return own;
    // Names beside the domain's, such as that of a web address.
    for (const one of now.values()) if (certificateNames(one.certificate, lower)) return one;
    return undefined;
  };
  const SNICallback: Chooser | undefined = pairs.size === 1 ? undefined : (name, answer) => answer(null, named(name)?.secureContext);
  return {
    contextFor: (domain) => ((domain === undefined ? undefined : now.get(domain)) ?? first()).secureContext,
    SNICallback,
    get options() {
      const { options } = first();
      return SNICallback === undefined ? options : { ...options, SNICallback };
    },
    serverEndPoint(socket) {
      // Parsing the certificate costs, and is needed only while it is not known which one the connection was shown.
      const name: unknown = socket.servername;
      const known = replaced ? undefined : now.size === 1 ? first() : typeof name === 'string' ? named(name) : undefined;
      if (known !== undefined) return known.hash;
      const shown = socket.getX509Certificate();
      return shown === undefined ? first().hash : serverEndPoint(shown);
    },
    replace(next) {
      now = make(next);
      replaced = true;
    },
  };
}

/** RFC 5929 §4.1: the hash of the certificate's signature algorithm, SHA-256 in place of MD5 and SHA-1; undefined when it has none (Ed25519). */
export function serverEndPoint(certificate: X509Certificate): Uint8Array | undefined {
  const algorithm = (certificate.signatureAlgorithm ?? '').toLowerCase();
  const hash = algorithm.includes('sha512')
    ? 'sha512'
    : algorithm.includes('sha384')
      ? 'sha384'
      : /sha256|sha-?1\b|sha1|md5/.test(algorithm)
        ? 'sha256'
        : undefined;
  return hash === undefined ? undefined : createHash(hash).update(certificate.raw).digest();
}
