/** Message encryption for Web Push: RFC 8291, which is aes128gcm (RFC 8188) with keys of both sides. */
import { createCipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

/** What fits into one record of 4096 bytes, the most that a push service must take (RFC 8291 §4): header 86, tag 16, delimiter 1. */
export const MAX_PAYLOAD_BYTES = 3993;
const RECORD_BYTES = 4096;
/** Lengths tell what was said, so they are rounded up. */
const PAD_TO = 256;

export interface DeviceKeys {
  /** Uncompressed point, 65 bytes. */
  readonly p256dh: Uint8Array;
  /** 16 bytes. */
  readonly auth: Uint8Array;
}

/** For the test with the numbers of RFC 8291 Appendix A. */
export interface EncryptionChoices {
  readonly salt: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly pad: boolean;
}

function hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

/** The body of the request. Throws RangeError when the text is too long, an Error when the device's key is no point of the curve. */
export function encryptPush(text: Uint8Array, device: DeviceKeys, choices?: EncryptionChoices): Buffer {
  if (text.length > MAX_PAYLOAD_BYTES) throw new RangeError(`a push message holds at most ${MAX_PAYLOAD_BYTES} bytes, not ${text.length}`);
  const own = createECDH('prime256v1');
  if (choices === undefined) own.generateKeys();
  else own.setPrivateKey(choices.privateKey);
  const ownPublic = own.getPublicKey();
  const shared = own.computeSecret(device.p256dh);
  const salt = choices?.salt ?? randomBytes(16);
  const ikm = hkdf(shared, device.auth, Buffer.concat([Buffer.from('WebPush: info\0'), device.p256dh, ownPublic]), 32);
  const key = hkdf(ikm, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
  const nonce = hkdf(ikm, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
  const padded = choices?.pad === false ? text.length : Math.min(MAX_PAYLOAD_BYTES, Math.ceil((text.length + 1) / PAD_TO) * PAD_TO);
  const plain = Buffer.alloc(padded + 1);
  plain.set(text);
  // The delimiter of the last record; the rest is padding (RFC 8188 §2).
  plain[text.length] = 2;
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const header = Buffer.alloc(21);
  header.set(salt);
  header.writeUInt32BE(RECORD_BYTES, 16);
  header[20] = ownPublic.length;
  return Buffer.concat([header, ownPublic, sealed]);
}

/** Whether these 65 bytes are a point of P-256. */
export function isCurvePoint(point: Uint8Array): boolean {
  try {
    const probe = createECDH('prime256v1');
    probe.generateKeys();
    return point.length === 65 && point[0] === 4 && probe.computeSecret(point).length === 32;
  } catch {
    return false;
  }
}
