/** Domain parts: RFC 7622 §3.2. */
import { checkBidi, checkULabel, lowerCase, mapWidth, PrecisError } from './precis.ts';

const ASCII_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const LABEL_LENGTH = 63;

/** Code points of a punycoded label (RFC 3492), without `xn--`. Throws PrecisError. */
export function punycodeDecode(input: string): string {
  const out: number[] = [];
  const split = input.lastIndexOf('-');
  for (let i = 0; i < Math.max(split, 0); i++) out.push(input.charCodeAt(i));
  let n = 128;
  let bias = 72;
  let i = 0;
  for (let at = split + 1; at < input.length; ) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const code = input.charCodeAt(at++);
      const digit = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : 99;
      if (digit >= 36) throw new PrecisError('a label is not valid punycode');
      i += digit * weight;
      if (i > 0x7fffffff) throw new PrecisError('a label is not valid punycode');
      const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    bias = adapt(i - before, out.length + 1, before === 0);
    n += Math.floor(i / (out.length + 1));
    i %= out.length + 1;
    if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) throw new PrecisError('a label is not valid punycode');
    out.splice(i++, 0, n);
  }
  return String.fromCodePoint(...out);
}

function adapt(delta: number, points: number, first: boolean): number {
  delta = first ? Math.floor(delta / 700) : delta >> 1;
  delta += Math.floor(delta / points);
  let k = 0;
  for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
  return k + Math.floor((36 * delta) / (delta + 38));
}

function isIPv6(text: string): boolean {
  const [address = '', zone] = text.split('%', 2);
  if (zone !== undefined && !/^[a-z0-9._~-]{1,32}$/.test(zone)) return false;
  let rest = address;
  let groups = 8;
  const v4 = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address);
  if (v4 !== null) {
    if (!v4[2]!.split('.').every((part) => Number(part) <= 255)) return false;
    groups = 6;
    rest = v4[1]!.endsWith('::') ? v4[1]! : v4[1]!.slice(0, -1);
  }
  const halves = rest.split('::');
  if (halves.length > 2) return false;
  const count = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (!count.flat().every((part) => /^[0-9a-f]{1,4}$/.test(part))) return false;
  const total = count.flat().length;
  return halves.length === 2 ? total < groups : total === groups;
}

function prepareLabel(label: string): string {
  if (label === '') throw new PrecisError('a label is empty');
  if (!label.startsWith('xn--')) {
    if (label.length > LABEL_LENGTH) throw new PrecisError('a label is longer than 63 characters');
    checkULabel(label);
    return label;
  }
  if (label.length > LABEL_LENGTH) throw new PrecisError('a label is longer than 63 characters');
  const decoded = punycodeDecode(label.slice(4));
  if (!/[^\x00-\x7f]/.test(decoded) || lowerCase(decoded).normalize('NFC') !== decoded)
    throw new PrecisError('a label is not a valid A-label');
  checkULabel(decoded);
  return decoded;
}

/** The domain part in its one form: lower case, U-labels, no trailing dot; IPv6 in brackets. Throws PrecisError. */
export function prepareDomain(text: string): string {
  if (text.length > 1024) throw new PrecisError('longer than 1023 bytes');
  if (text.startsWith('[')) {
    const address = text.toLowerCase();
    if (address.endsWith(']') && isIPv6(address.slice(1, -1))) return address;
    throw new PrecisError('not an IPv6 address');
  }
  let name = /[^\x00-\x7f]/.test(text)
    ? lowerCase(mapWidth(text))
        .normalize('NFC')
        .replace(/[\u3002]/gu, '.')
    : text.toLowerCase();
  if (name.endsWith('.')) name = name.slice(0, -1);
  if (name === '') throw new PrecisError('empty');
  const ascii = ASCII_NAME.test(name);
  if (ascii && name.length <= LABEL_LENGTH && !name.includes('--')) return name;
  const labels = name.split('.').map(prepareLabel);
  const out = labels.join('.');
  if (!ascii || out !== name) for (const label of labels) checkBidi(label);
  return out;
}
