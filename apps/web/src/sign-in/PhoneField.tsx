import { type CountryCode, getCountryCallingCode, parseIncompletePhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { type ReactElement, useEffect, useId, useRef, useState } from 'react';
import { Icon } from '../ui/Icon.tsx';
import { CountryPicker } from './CountryPicker.tsx';
import { allCountries, likelyCountry } from './countries.ts';
import '../styles/phone.css';

/** Properties of {@link PhoneField}. */
export interface PhoneFieldProps {
  /** The name under which the form has the whole number. */
  readonly name: string;
  readonly label: string;
  /** Where the server's people are (ISO 3166); '' when it does not say. */
  readonly country: string;
  /** A number to begin with. */
  readonly value: string;
  readonly focus: boolean;
  readonly describedBy?: string | undefined;
}

/** The whole number of what was typed: international when it can be read, else as typed, for the server to judge. */
function wholeNumber(text: string, country: CountryCode): string {
  const number = parsePhoneNumberFromString(text, country);
  if (number !== undefined) return number.number;
  const digits = parseIncompletePhoneNumber(text);
  return digits === '' || digits.startsWith('+') ? digits : `+${getCountryCallingCode(country)}${digits}`;
}

/**
 * A phone number with its country. Whatever is typed or pasted is understood: with or without a country code, with a word before it. The form
 * has it as one field in E.164.
 */
export default function PhoneField({ name, label, country: told, value, focus, describedBy }: PhoneFieldProps): ReactElement {
  const [text, setText] = useState(value);
  const [country, setCountry] = useState<CountryCode>(() => parsePhoneNumberFromString(value)?.country ?? likelyCountry(told));
  const [picking, setPicking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  /** What has the keyboard once the picker is gone; a dialog that closes gives it to the button. */
  const after = useRef<HTMLElement | null>(null);
  const id = useId();
  const shown = allCountries().find(({ code }) => code === country);

  useEffect(() => {
    if (focus) input.current?.focus();
  }, [focus]);

  useEffect(() => {
    if (picking) return;
    after.current?.focus();
    after.current = null;
  }, [picking]);

  /** A number that says its country chooses it. */
  const typed = (next: string): void => {
    setText(next);
    const found = parsePhoneNumberFromString(next, country)?.country;
    if (found !== undefined && /^\s*(\+|00)/.test(next)) setCountry(found);
  };
  const written = (next: string, at: CountryCode): string => {
    const number = parsePhoneNumberFromString(next, at);
    if (number === undefined || !number.isPossible()) return next;
    return number.country === at ? number.formatNational() : number.formatInternational();
  };

  return (
    <div className="field phone-field">
      <label htmlFor={`${id}-number`}>{label}</label>
      <div className="control" dir="ltr">
        <button
          ref={button}
          type="button"
          className="country"
          aria-haspopup="dialog"
          aria-label={`Country: ${shown?.name ?? country}, ${shown?.calling ?? ''}`}
          onClick={() => setPicking(true)}
        >
          <span aria-hidden="true">{shown?.flag}</span>
          <span aria-hidden="true">{shown?.calling}</span>
          <Icon name="down" size={18} />
        </button>
        <input
          ref={input}
          id={`${id}-number`}
          type="tel"
          inputMode="tel"
          autoComplete="tel"
          dir="ltr"
          maxLength={64}
          required
          value={text}
          aria-describedby={describedBy}
          onChange={(event) => typed(event.target.value)}
          onBlur={() => setText((now) => written(now, country))}
          onPaste={(event) => {
            const pasted = parsePhoneNumberFromString(event.clipboardData.getData('text'), country);
            if (pasted === undefined) return;
            event.preventDefault();
            const at = pasted.country ?? country;
            setCountry(at);
            setText(written(pasted.number, at));
          }}
        />
        <input type="hidden" name={name} value={wholeNumber(text, country)} />
      </div>
      {picking && (
        <CountryPicker
          chosen={country}
          choose={(next) => {
            setCountry(next.code);
            // A number of another country was typed with its code: it is that no longer.
            if (/^\s*(\+|00)/.test(text)) setText('');
            after.current = input.current;
            setPicking(false);
          }}
          close={() => {
            after.current = button.current;
            setPicking(false);
          }}
        />
      )}
    </div>
  );
}
