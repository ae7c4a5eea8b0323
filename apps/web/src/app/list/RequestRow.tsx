import type { Contact } from '@parley/sdk';
import { useChat } from '@parley/sdk-react';
import type { ReactElement } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { useProfileName } from '../profile.ts';
import { go } from '../route.ts';
import { attempt } from '../toasts.tsx';

/** Somebody who asks to become a contact. */
export function RequestRow({ contact }: { readonly contact: Contact }): ReactElement {
  const { contacts } = useChat();
  const name = useProfileName(contact.id) ?? contact.name;
  const accept = async (): Promise<void> => {
    if (await attempt(contacts.accept(contact.id))) go({ chat: contact.id });
  };
  return (
    <li className="request">
      <div className="person">
        <Avatar address={contact.id} name={name} />
        <div>
          <div className="name" dir="auto">
            {name}
          </div>
          <div className="sub">{contact.id}</div>
        </div>
      </div>
      <div className="actions">
        <button type="button" className="button primary" onClick={() => void accept()}>
          Accept
        </button>
        <button type="button" className="button plain" onClick={() => void attempt(contacts.decline(contact.id))}>
          Decline
        </button>
        <button
          type="button"
          className="button danger"
          onClick={() => void attempt(contacts.block(contact.id).then(() => contacts.decline(contact.id)))}
        >
          Block
        </button>
      </div>
    </li>
  );
}
