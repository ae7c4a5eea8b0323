/** The texts of SCRAM: RFC 5802 §5, §7. */
import { utf8Decode } from '@parley/xml';
import { base64Decode } from './base64.ts';
import { SaslError } from './error.ts';

const MESSAGE_BYTES = 4096;
/** Printable ASCII but the comma (§7, `printable`). */
const NONCE = /^[\x21-\x2b\x2d-\x7e]{1,512}$/;
const BINDING = /^[A-Za-z0-9.-]{1,64}$/;

export interface ClientFirst {
  readonly gs2Header: string;
  readonly flag: 'n' | 'y' | 'p';
  /** Name of the channel binding, with flag `p`. */
  readonly binding?: string;
  readonly authzid: string;
  readonly username: string;
  readonly nonce: string;
  readonly bare: string;
}

function malformed(): SaslError {
  return new SaslError('malformed-request');
}

export function decodeMessage(bytes: Uint8Array): string {
  if (bytes.length > MESSAGE_BYTES) throw malformed();
  let text: string;
  try {
    text = utf8Decode(bytes);
  } catch {
    throw malformed();
  }
  if (text.includes('\0')) throw malformed();
  return text;
}

/** A saslname (§5.1): `,` and `=` as `=2C` and `=3D`. */
export function encodeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

export function decodeName(text: string): string {
  if (text === '' || /=(?!2C|3D)/.test(text)) throw malformed();
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

export function parseClientFirst(text: string): ClientFirst {
  const parts = text.split(',');
  const [flag = '', authz = '', first = '', second = ''] = parts;
  if (parts.length < 4) throw malformed();
  // m= is a mandatory extension nobody here knows (§5.1): fail.
  if (!first.startsWith('n=') || !second.startsWith('r=')) throw malformed();
  if (parts.slice(4).some((part) => !/^[A-Za-z]=./.test(part) || part.startsWith('m='))) throw malformed();
  if (authz !== '' && !authz.startsWith('a=')) throw malformed();
  const binding = flag.startsWith('p=') ? flag.slice(2) : undefined;
  if (binding !== undefined ? !BINDING.test(binding) : flag !== 'n' && flag !== 'y') throw malformed();
  const nonce = second.slice(2);
  if (!NONCE.test(nonce)) throw malformed();
  const gs2Header = `${flag},${authz},`;
  return {
    gs2Header,
    flag: binding !== undefined ? 'p' : (flag as 'n' | 'y'),
    binding,
    authzid: authz === '' ? '' : decodeName(authz.slice(2)),
    username: decodeName(first.slice(2)),
    nonce,
    bare: text.slice(gs2Header.length),
  };
}

export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Uint8Array;
  readonly saltText: string;
  readonly iterations: number;
  /** XEP-0474: hash of what the server advertised, in base64. */
  readonly downgrade: string | undefined;
}

export function parseServerFirst(text: string): ServerFirst {
  const parts = text.split(',');
  const [r = '', s = '', i = ''] = parts;
  if (!r.startsWith('r=') || !s.startsWith('s=') || !/^i=[1-9]\d{0,9}$/.test(i)) throw malformed();
  if (parts.slice(3).some((part) => !/^[A-Za-z]=./.test(part) || part.startsWith('m='))) throw malformed();
  const nonce = r.slice(2);
  const salt = base64Decode(s.slice(2));
  if (salt === undefined || salt.length === 0 || !/^[\x21-\x2b\x2d-\x7e]{1,1024}$/.test(nonce)) throw malformed();
  const downgrade = parts.slice(3).find((part) => part.startsWith('h='));
  return { nonce, salt, saltText: s.slice(2), iterations: Number(i.slice(2)), downgrade: downgrade?.slice(2) };
}

export interface ClientFinal {
  readonly binding: Uint8Array;
  readonly nonce: string;
  readonly proof: Uint8Array;
  readonly withoutProof: string;
}

export function parseClientFinal(text: string): ClientFinal {
  const end = text.lastIndexOf(',p=');
  if (end < 0) throw malformed();
  const withoutProof = text.slice(0, end);
  const parts = withoutProof.split(',');
  const [c = '', r = ''] = parts;
  if (!c.startsWith('c=') || !r.startsWith('r=')) throw malformed();
  if (parts.slice(2).some((part) => !/^[A-Za-z]=./.test(part) || part.startsWith('m='))) throw malformed();
  const binding = base64Decode(c.slice(2));
  const proof = base64Decode(text.slice(end + 3));
  if (binding === undefined || proof === undefined) throw malformed();
  return { binding, nonce: r.slice(2), proof, withoutProof };
}
