import { type KeyboardEvent, type ReactElement, useEffect, useId, useMemo, useRef, useState } from 'react';
import { Icon } from '../ui/Icon.tsx';
import { allCountries, type Country, findCountries } from './countries.ts';

/** Properties of {@link CountryPicker}. */
export interface CountryPickerProps {
  readonly chosen: string;
  readonly choose: (country: Country) => void;
  readonly close: () => void;
}

/** All countries with a search, over the page. Arrows, Enter and Esc work in the search; a pointer on the rows. */
export function CountryPicker({ chosen, choose, close }: CountryPickerProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const all = useMemo(allCountries, []);
  const [text, setText] = useState('');
  const found = useMemo(() => findCountries(all, text), [all, text]);
  const [at, setAt] = useState(() =>
    Math.max(
      0,
      all.findIndex(({ code }) => code === chosen),
    ),
  );
  const id = useId();

  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  const move = (to: number): void => setAt(Math.min(found.length - 1, Math.max(0, to)));
  const press = (event: KeyboardEvent): void => {
    const page = 8;
    const steps: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page };
    const to = steps[event.key];
    const country = found[at];
    if (to !== undefined) move(to);
    else if (event.key === 'Enter' && country !== undefined) choose(country);
    else if (event.key !== 'Enter') return;
    // Enter must not send the form that this is in.
    event.preventDefault();
  };

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      className="countries"
      aria-labelledby={`${id}-title`}
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      <div>
        <header>
          <h2 id={`${id}-title`}>Choose a country</h2>
          <button type="button" className="icon-button" aria-label="Close" title="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <div className="field">
          <div className="control">
            <input
              type="text"
              role="combobox"
              aria-label="Search for a country"
              placeholder="Name or code"
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-autocomplete="list"
              aria-activedescendant={found[at] === undefined ? undefined : `${id}-${found[at].code}`}
              autoComplete="off"
              spellCheck={false}
              maxLength={60}
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setAt(0);
              }}
              onKeyDown={press}
            />
          </div>
        </div>
        <div ref={list} className="rows" id={`${id}-list`} role="listbox" aria-label="Countries">
          {found.map((country, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are taken by the search, which keeps the focus
            // biome-ignore lint/a11y/useFocusableInteractive: named by aria-activedescendant of the search
            <div
              key={country.code}
              id={`${id}-${country.code}`}
              role="option"
              aria-selected={country.code === chosen}
              data-at={index === at ? '' : undefined}
              onClick={() => choose(country)}
            >
              <span aria-hidden="true">{country.flag}</span>
              <bdi>{country.name}</bdi>
              <bdi dir="ltr">{country.calling}</bdi>
            </div>
          ))}
        </div>
        <p className="visually-hidden" role="status">
          {found.length === 0 ? 'No country of this name.' : `${found.length} countries`}
        </p>
      </div>
    </dialog>
  );
}
