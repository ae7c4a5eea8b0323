import type { ReactElement } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import type { Mentionable } from './mentions.ts';

/** Properties of {@link MentionList}. */
export interface MentionListProps {
  readonly id: string;
  readonly people: readonly Mentionable[];
  /** Which one Enter takes. */
  readonly picked: number;
  readonly choose: (person: Mentionable) => void;
}

/** The id of one entry, for the box that it is chosen from. */
export const optionId = (list: string, index: number): string => `${list}-${index}`;

/** Over the box: the members that an `@` and what follows may mean. The focus stays in the box. */
export function MentionList({ id, people, picked, choose }: MentionListProps): ReactElement {
  return (
    <div role="listbox" id={id} className="mention-list" aria-label="Members to mention">
      {people.map((person, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the box (aria-activedescendant)
        <div
          key={person.id}
          role="option"
          id={optionId(id, index)}
          aria-selected={index === picked}
          tabIndex={-1}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(person)}
        >
          <Avatar address={person.id} name={person.name} size="s" />
          <bdi className="name">{person.name}</bdi>
        </div>
      ))}
    </div>
  );
}
