import { useChat, useContacts } from '@parley/sdk-react';
import type { ReactElement } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import type { Route } from '../route.ts';
import { attempt } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';

/** The people who cannot write to this account. */
export function Blocked({ route }: { readonly route: Route }): ReactElement {
  const { contacts } = useChat();
  const { blocked } = useContacts();
  return (
    <>
      <PanelHeader title="Blocked people" back={{ ...route, panel: 'settings' }} />
      <div className="scroll">
        {blocked.length === 0 ? (
          <div className="blank">
            <Icon name="block" size={44} />
            <strong>Nobody is blocked</strong>
            <p>Blocked people cannot write to you and do not see whether you are online.</p>
          </div>
        ) : (
          <ul className="rows" aria-label="Blocked people">
            {blocked.map((id) => {
              const name = contacts.get(id)?.name ?? id;
              return (
                <li key={id} className="person">
                  <Avatar address={id} name={name} />
                  <div>
                    <div className="name" dir="auto">
                      {name}
                    </div>
                    <div className="sub">{id}</div>
                  </div>
                  <button
                    type="button"
                    className="button outline"
                    aria-label={`Unblock ${name}`}
                    onClick={() => void attempt(contacts.unblock(id))}
                  >
                    Unblock
                  </button>
                </li>
              );
            })}
          </ul>
        )}
      </div>
    </>
  );
}
