import type { ReactElement, ReactNode } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';

/** Somebody, or a chat, that can be chosen. */
export interface Choice {
  readonly id: string;
  readonly name: string;
}

/** Those whose name or address has this in it. */
export function choicesFor<C extends Choice>(all: readonly C[], typed: string): readonly C[] {
  const query = typed.trim().toLocaleLowerCase();
  return query === '' ? all : all.filter(({ id, name }) => id.includes(query) || name.toLocaleLowerCase().includes(query));
}

/** Properties of {@link Choices}. */
export interface ChoicesProps {
  /** Accessible names of the list and of the box above it. */
  readonly label: string;
  readonly search: string;
  readonly placeholder?: string;
  readonly typed: string;
  readonly setTyped: (typed: string) => void;
  readonly shown: readonly Choice[];
  readonly chosen: readonly string[];
  readonly change: (chosen: readonly string[]) => void;
  /** More cannot be chosen at once. */
  readonly most?: number;
  /** What Enter takes while something is typed. */
  readonly first?: string | undefined;
  /** Between the box and the list. */
  readonly children?: ReactNode;
}

/** A box to search in, and people or chats to tick. */
export function Choices(props: ChoicesProps): ReactElement {
  const {
    label,
    search,
    placeholder = search,
    typed,
    setTyped,
    shown,
    chosen,
    change,
    most = Number.POSITIVE_INFINITY,
    first,
    children,
  } = props;
  const set = (id: string, on: boolean): void => change(on ? [...chosen, id] : chosen.filter((one) => one !== id));
  return (
    <>
      <search className="search">
        <Icon name="search" size={20} />
        <input
          type="search"
          value={typed}
          placeholder={placeholder}
          aria-label={search}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || typed.trim() === '' || first === undefined) return;
            event.preventDefault();
            set(first, !chosen.includes(first));
            setTyped('');
          }}
        />
      </search>
      {children}
      <ul className="choices" aria-label={label}>
        {shown.map(({ id, name }) => (
          <li key={id}>
            <label className="person">
              <Avatar address={id} name={name} size="s" />
              <span>
                <span className="name" dir="auto">
                  {name}
                </span>
                <span className="sub">{id}</span>
              </span>
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                disabled={!chosen.includes(id) && chosen.length >= most}
                onChange={(event) => set(id, event.target.checked)}
              />
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}
