/** Countries with phone numbers: names from the browser, flags as emoji, nothing loaded from anywhere. */
import { type CountryCode, getCountries, getCountryCallingCode, isSupportedCountry } from 'libphonenumber-js/min';

/** One row of the picker. */
export interface Country {
  readonly code: CountryCode;
  /** In the language of the browser. */
  readonly name: string;
  /** `+49`. */
  readonly calling: string;
  /** Two regional indicators; systems without flags show the two letters. */
  readonly flag: string;
}

const REGIONAL_A = 0x1f1e6;
const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** All of them, by name. */
export function allCountries(): readonly Country[] {
  const names = new Intl.DisplayNames(undefined, { type: 'region', fallback: 'code' });
  const flagOf = (code: string): string => String.fromCodePoint(...[...code].map((letter) => REGIONAL_A + letter.charCodeAt(0) - 65));
  return getCountries()
    .map((code) => ({ code, name: names.of(code) ?? code, calling: `+${getCountryCallingCode(code)}`, flag: flagOf(code) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Those that fit what somebody types into the search: a part of a name, the two letters, or the calling code. */
export function findCountries(all: readonly Country[], text: string): readonly Country[] {
  const wanted = plain(text.trim());
  if (wanted === '') return all;
  const digits = wanted.replace(/^(\+|00)/, '');
  if (/^\d+$/.test(digits)) return all.filter(({ calling }) => calling.slice(1).startsWith(digits));
  // Beginnings first.
  const begins = all.filter(({ name, code }) => plain(name).startsWith(wanted) || code.toLowerCase() === wanted);
  return [...begins, ...all.filter((one) => !begins.includes(one) && plain(one.name).includes(wanted))];
}

/** Where somebody probably is: what the server says, else what the browser's language says. */
export function likelyCountry(told: string): CountryCode {
  if (isSupportedCountry(told)) return told;
  const region = new Intl.Locale(navigator.language).maximize().region ?? '';
  return isSupportedCountry(region) ? region : 'US';
}
