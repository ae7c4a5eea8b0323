import type { ConversationSnapshot } from '@parley/sdk';
import { useConversation } from '@parley/sdk-react';
import { type ReactNode, useState } from 'react';
import { Sheet } from '../../ui/Sheet.tsx';
import { attempt } from '../toasts.tsx';

const LEVELS: readonly (readonly [ConversationSnapshot['notify'], string])[] = [
  ['all', 'Every message'],
  ['mentions', 'Only when I am mentioned'],
  ['nothing', 'Nothing'],
];

/** What a group notifies of, in words. */
export const notifyWords = (notify: ConversationSnapshot['notify']): string => LEVELS.find(([level]) => level === notify)?.[1] ?? '';

/** What should this group notify of? */
export function NotifyDialog({ id, close }: { readonly id: string; readonly close: () => void }): ReactNode {
  const { conversation, state } = useConversation(id);
  const [chosen, choose] = useState(state.notify);
  return (
    <Sheet title={`Notifications of ${state.name}`} close={close}>
      <p>The same on all your devices. A muted group still tells you when you are mentioned, if that is what you choose.</p>
      <fieldset className="plain-set">
        <legend className="visually-hidden">What notifies</legend>
        {LEVELS.map(([level, label]) => (
          <label key={level} className="choice">
            <input type="radio" name="notify" checked={chosen === level} onChange={() => choose(level)} />
            {label}
          </label>
        ))}
      </fieldset>
      <div className="buttons">
        <button type="button" className="button plain" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          className="button primary"
          onClick={() => {
            close();
            if (chosen !== state.notify) void attempt(conversation.change({ notify: chosen }));
          }}
        >
          Save
        </button>
      </div>
    </Sheet>
  );
}
