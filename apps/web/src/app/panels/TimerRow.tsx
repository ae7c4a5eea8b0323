import type { Conversation } from '@parley/sdk';
import { useFeatures } from '@parley/sdk-react';
import { type ReactElement, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { Sheet } from '../../ui/Sheet.tsx';
import { attempt } from '../toasts.tsx';
import { TIMES, timerWords } from './timer-words.ts';

/** Disappearing messages (XEP-0466): after how long new messages of this chat go. Not shown where the server does not do it. */
export function TimerRow({ conversation, timer }: { readonly conversation: Conversation; readonly timer: number }): ReactElement | null {
  const { disappearing } = useFeatures();
  const [asking, setAsking] = useState(false);
  if (!disappearing) return null;
  return (
    <>
      <button type="button" className="menu-row" onClick={() => setAsking(true)}>
        <Icon name="timer" />
        <span>
          Disappearing messages
          <span className="sub">{timerWords(timer)}</span>
        </span>
      </button>
      {asking && (
        <Sheet title="Disappearing messages" close={() => setAsking(false)}>
          <p>New messages in this chat go after this time, for everyone. Files that somebody saved stay with them.</p>
          <fieldset className="plain-set">
            <legend className="visually-hidden">Messages go after</legend>
            {TIMES.map(([label, seconds]) => (
              <label key={label} className="choice">
                <input
                  type="radio"
                  name="timer"
                  checked={timer === seconds}
                  onChange={() => {
                    setAsking(false);
                    void attempt(conversation.setTimer(seconds));
                  }}
                />
                {label}
              </label>
            ))}
          </fieldset>
        </Sheet>
      )}
    </>
  );
}
