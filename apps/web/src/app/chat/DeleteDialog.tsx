import type { Conversation, Message } from '@parley/sdk';
import type { ReactElement } from 'react';
import { Sheet } from '../../ui/Sheet.tsx';
import { attempt } from '../toasts.tsx';

/** As long as a message may be deleted for everyone. Milliseconds: two days and twelve hours. */
const DELETE_MS = 60 * 3_600_000;

/** For everyone, or only here. */
export function DeleteDialog({
  message,
  conversation,
  close,
}: {
  readonly message: Message;
  readonly conversation: Conversation;
  readonly close: () => void;
}): ReactElement {
  const everyone = message.mine && !message.deleted && message.status !== 'failed' && Date.now() - message.sentAt < DELETE_MS;
  const run = (work: Promise<void>): void => {
    close();
    void attempt(work);
  };
  return (
    <Sheet title="Delete message?" close={close}>
      <p>
        {everyone
          ? 'For everyone, it is taken back from all devices; people may have read it already. For you, it only disappears from this device.'
          : 'It disappears from this device.'}
      </p>
      <div className="buttons stacked">
        {everyone && (
          <button type="button" className="button danger" onClick={() => run(conversation.deleteForEveryone(message.id))}>
            Delete for everyone
          </button>
        )}
        <button type="button" className="button danger" onClick={() => run(conversation.deleteForMe(message.id))}>
          Delete for me
        </button>
        <button type="button" className="button plain" onClick={close}>
          Cancel
        </button>
      </div>
    </Sheet>
  );
}
