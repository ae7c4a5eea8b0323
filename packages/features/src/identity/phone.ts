/** Phone numbers: what people type becomes E.164, and what is known of where it goes. */
import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';

export interface PhoneNumber {
  /** E.164: `+4915112345678`. */
  readonly value: string;
  /** ISO 3166 code of the country, or `+` and the calling code of a network that belongs to none. */
  readonly country: string;
}

/** A number with everything that people put around it. */
const LONGEST = 64;
/** Whoever calls or writes there pays somebody, or nobody reads what comes: no number to sign in with. */
const NOT_OF_A_PERSON: ReadonlySet<string> = new Set(['PREMIUM_RATE', 'SHARED_COST', 'TOLL_FREE', 'PAGER', 'UAN', 'VOICEMAIL']);

/** Whether this is a country that has numbers: an ISO 3166 code in upper case. */
export function isCountry(code: string): boolean {
  return isSupportedCountry(code);
}

/**
 * Reads a number in any usual spelling, in digits of any script; without a country code it is one of `country` (ISO 3166, '' for none).
 * Undefined when it is no whole number of a person.
 */
export function readPhone(text: string, country: string): PhoneNumber | undefined {
  if (text.length > LONGEST) return undefined;
  // Pasted numbers come with marks of direction, and as links.
  const typed = text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .trim()
    .replace(/^tel:/i, '');
  const number = parsePhoneNumberFromString(typed, {
    ...(isSupportedCountry(country) ? { defaultCountry: country as CountryCode } : undefined),
    // The whole text is the number: "call +49 … at noon" is a mistake here.
    extract: false,
  });
  if (number === undefined || !number.isValid() || number.ext !== undefined) return undefined;
  const type = number.getType();
  if (type !== undefined && NOT_OF_A_PERSON.has(type)) return undefined;
  if (!/^\+[1-9]\d{6,14}$/.test(number.number)) return undefined;
  return { value: number.number, country: number.country ?? `+${number.countryCallingCode}` };
}

const RANGE_DIGITS = 4;

/** The block of 10,000 numbers that a number is in: those who send for money send to whole blocks. */
export function rangeOf(value: string): string {
  return value.slice(0, -RANGE_DIGITS);
}

/** `DE AT ch` → codes in upper case. `bad` is the first word that is no country. */
export function countryList(text: string): { readonly countries: readonly string[]; readonly bad: string | undefined } {
  const countries = text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => word.toUpperCase());
  return { countries, bad: countries.find((code) => !isCountry(code)) };
}
