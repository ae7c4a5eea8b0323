import { useChat, useContacts, useUser } from '@parley/sdk-react';
import { type ReactElement, useMemo, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { plainName } from '../names.ts';
import { Choices, choicesFor } from './Choices.tsx';

/** Chooses several people: contacts by tick, others by user name or address. */
export function PeopleChooser({
  chosen,
  change,
  without = [],
}: {
  readonly chosen: readonly string[];
  readonly change: (chosen: readonly string[]) => void;
  /** People who are in already. */
  readonly without?: readonly string[];
}): ReactElement {
  const chat = useChat();
  const { contacts } = useContacts();
  const me = useUser()?.id;
  const [typed, setTyped] = useState('');
  const query = typed.trim().toLocaleLowerCase();
  const known = useMemo(
    () => contacts.filter(({ id, blocked }) => !blocked && id !== me && !without.includes(id)),
    [contacts, me, without],
  );
  const shown = choicesFor(known, typed);
  const nameOf = (id: string): string => chat.contacts.get(id)?.name ?? plainName(id);
  /** What was typed, as an address of somebody who is not in the list. */
  let other: string | undefined;
  try {
    const id = query === '' ? undefined : chat.conversation(query).id;
    if (id !== undefined && id !== me && !without.includes(id) && !known.some((contact) => contact.id === id)) other = id;
  } catch {
    // Not an address (yet).
  }
  const strangers = chosen.filter((id) => !known.some((contact) => contact.id === id));

  return (
    <Choices
      label="People"
      search="Name, user name or address"
      typed={typed}
      setTyped={setTyped}
      shown={[
        ...strangers.map((id) => ({ id, name: nameOf(id) })),
        ...shown,
        ...(other === undefined || chosen.includes(other) ? [] : [{ id: other, name: plainName(other) }]),
      ]}
      chosen={chosen}
      change={change}
      first={shown[0]?.id ?? other}
    >
      {chosen.length > 0 && (
        <ul className="chosen" aria-label="Chosen">
          {chosen.map((id) => (
            <li key={id}>
              <button type="button" aria-label={`Take out ${nameOf(id)}`} onClick={() => change(chosen.filter((one) => one !== id))}>
                <bdi>{nameOf(id)}</bdi>
                <Icon name="close" size={15} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </Choices>
  );
}
