/** What an operator can set about codes. */
import { ConfigError, type Options } from '@parley/core';
import { countryList, isCountry } from './phone.ts';

export const OPTIONS = {
  signUp: {
    reload: 'hot',
    type: 'boolean',
    default: true,
    about: 'Whoever proves an e-mail address or a phone number that no account has may make an account.',
  },
  codeDigits: { reload: 'hot', type: 'integer', default: 6, min: 5, max: 8, about: 'Length of a code.' },
  codeLife: { reload: 'hot', type: 'duration', default: '10m', min: '1m', max: '60m', about: 'How long a code is good.' },
  codeTries: { reload: 'hot', type: 'integer', default: 5, min: 1, max: 10, about: 'How often one code may be tried.' },
  perIdentifierPerHour: {
    reload: 'hot',
    type: 'integer',
    default: 8,
    min: 1,
    max: 1000,
    about:
      'Codes sent to one e-mail address or phone number in an hour for whoever asks; devices and addresses that have proved it before have as many as half of it each, beside that.',
  },
  perAddressPerHour: {
    reload: 'hot',
    type: 'integer',
    default: 30,
    min: 0,
    max: 1_000_000,
    about: 'Codes asked for, and codes tried, from one address in an hour, each; 0 is no limit.',
  },
  country: {
    reload: 'hot',
    type: 'string',
    default: '',
    about: 'The country of phone numbers that are typed without a country code, by its ISO 3166 code such as DE.',
  },
  smsCountries: {
    reload: 'hot',
    type: 'string',
    default: '',
    about: 'Countries whose phone numbers are sent codes, by their ISO 3166 codes, separated by spaces; all when empty.',
  },
  smsCountriesDenied: {
    reload: 'hot',
    type: 'string',
    default: '',
    about: 'Countries whose phone numbers are sent none.',
  },
  smsPerHour: {
    reload: 'hot',
    type: 'integer',
    default: 300,
    min: 0,
    max: 10_000_000,
    about:
      'Short messages in an hour altogether: what the operator pays for. A fifth of this budget, and of the next two, is kept for people who have proved their number before. 0 is no limit.',
  },
  smsPerCountryPerHour: {
    reload: 'hot',
    type: 'integer',
    default: 100,
    min: 0,
    max: 10_000_000,
    about: 'Short messages to one country in an hour; 0 is no limit.',
  },
  smsPerRangePerHour: {
    reload: 'hot',
    type: 'integer',
    default: 10,
    min: 0,
    max: 10_000,
    about: 'Short messages in an hour to one block of 10,000 numbers, those that differ in the last four digits alone; 0 is no limit.',
  },
} as const satisfies Options;

/** Where the codes to phone numbers may go. */
export interface Countries {
  /** Undefined: everywhere. */
  readonly allowed: ReadonlySet<string> | undefined;
  readonly denied: ReadonlySet<string>;
}

/** Throws ConfigError. */
export function readCountries(config: {
  readonly country: string;
  readonly smsCountries: string;
  readonly smsCountriesDenied: string;
}): Countries {
  const list = (option: 'smsCountries' | 'smsCountriesDenied'): ReadonlySet<string> => {
    const { countries, bad } = countryList(config[option]);
    if (bad !== undefined)
      throw new ConfigError(`features.identity.${option} must be ISO 3166 codes of countries such as "DE AT", and "${bad}" is none.`);
    return new Set(countries);
  };
  if (config.country !== '' && !isCountry(config.country))
    throw new ConfigError(`features.identity.country must be the ISO 3166 code of a country such as DE, not "${config.country}".`);
  const allowed = list('smsCountries');
  return { allowed: allowed.size === 0 ? undefined : allowed, denied: list('smsCountriesDenied') };
}
