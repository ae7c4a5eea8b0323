import { useConversation } from '@parley/sdk-react';
import { type ReactElement, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { isMuted, MuteDialog } from '../list/ChatMenu.tsx';
import type { Route } from '../route.ts';
import { attempt } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';

/** The right drawer of the chat in which the own server speaks. */
export function ServerPanel({ route, id }: { readonly route: Route; readonly id: string }): ReactElement {
  const { conversation, state } = useConversation(id);
  const [muting, setMuting] = useState(false);
  const muted = isMuted(state);
  return (
    <>
      <PanelHeader title="Server info" back={{ ...route, info: false }} close />
      <div className="scroll">
        <div className="profile">
          <Avatar address={id} name={state.name} size="xl" server />
          <div className="title" dir="auto">
            {state.name}
          </div>
        </div>
        <div className="section">
          <p>
            Here the server that keeps your account tells you what concerns it: that a new device signed in, or what its operator announces.
          </p>
        </div>
        <div className="section flush">
          <button
            type="button"
            className="menu-row"
            onClick={() => (muted ? void attempt(conversation.change({ mutedUntil: 0 })) : setMuting(true))}
          >
            <Icon name={muted ? 'bell' : 'bellOff'} />
            <span>{muted ? 'Unmute notifications' : 'Mute notifications'}</span>
          </button>
        </div>
      </div>
      {muting && <MuteDialog id={id} name={state.name} close={() => setMuting(false)} />}
    </>
  );
}
