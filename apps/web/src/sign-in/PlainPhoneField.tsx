import { type ReactElement, useId } from 'react';
import type { PhoneFieldProps } from './PhoneField.tsx';

/** The field for a phone number when the rest of it could not be loaded; the server understands what is typed. */
export function PlainPhoneField({ name, label, value, describedBy }: PhoneFieldProps): ReactElement {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="control" dir="ltr">
        <input
          id={id}
          name={name}
          type="tel"
          autoComplete="tel"
          placeholder="+"
          maxLength={64}
          defaultValue={value}
          required
          aria-describedby={describedBy}
        />
      </div>
    </div>
  );
}
