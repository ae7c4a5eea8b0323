/** Pure decisions about vCards (XEP-0054) and the photo hash in presence (XEP-0153). */
import { base64Decode } from '@parley/protocol';
import type { Element } from '@parley/xml';

/** The bytes of the photo; undefined when there is none, 'bad' when it is not base64. */
export function photoBytes(vcard: Element): Uint8Array | undefined | 'bad' {
  const text = vcard.child('PHOTO')?.childText('BINVAL')?.replace(/\s+/g, '');
  if (text === undefined || text === '') return undefined;
  return base64Decode(text) ?? 'bad';
}

/** Lower-case, as XEP-0153 §3.1 recommends. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export interface VcardRead {
  readonly own: boolean;
  readonly readableBy: 'anyone' | 'contacts';
  readonly contact: boolean;
  readonly exists: boolean;
}
/** XEP-0054 §3.3: no vCard, no account and no permission are one answer to others. */
export function mayRead(read: VcardRead): 'give' | 'empty' | 'service-unavailable' {
  if (read.own) return read.exists ? 'give' : 'empty';
  return read.exists && (read.readableBy === 'anyone' || read.contact) ? 'give' : 'service-unavailable';
}
