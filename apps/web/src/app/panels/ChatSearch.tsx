import { type ReactElement, useDeferredValue, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { moveRovingFocus } from '../../ui/roving.ts';
import { MessageHit, useMessageSearch } from '../list/MessageHits.tsx';
import type { Route } from '../route.ts';
import { PanelHeader } from './PanelHeader.tsx';

/** The right drawer that searches one chat. */
export function ChatSearch({ route, id, name }: { readonly route: Route; readonly id: string; readonly name: string }): ReactElement {
  const [typed, setTyped] = useState('');
  const query = useDeferredValue(typed.trim());
  const found = useMessageSearch(query, id);
  return (
    <>
      <PanelHeader title="Search messages" back={{ ...route, find: false }} close />
      <search className="search">
        <Icon name="search" size={20} />
        <input
          type="search"
          // biome-ignore lint/a11y/noAutofocus: the drawer was opened to type here
          autoFocus
          value={typed}
          placeholder="Search"
          aria-label={`Search the chat with ${name}`}
          onChange={(event) => setTyped(event.target.value)}
        />
      </search>
      <div className="scroll">
        {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the links inside */}
        <div className="rows" onKeyDown={moveRovingFocus}>
          {query.length < 2 ? (
            <div className="blank">
              <p>Search for messages in this chat.</p>
            </div>
          ) : found === undefined ? (
            <div className="blank">
              <span className="spinner" role="status" aria-label="Searching" />
            </div>
          ) : found.length === 0 ? (
            <div className="blank" role="status">
              <p>No messages found.</p>
            </div>
          ) : (
            <ul aria-label="Messages found">
              {found.map((message) => (
                <li key={message.id}>
                  <MessageHit message={message} query={query} named={false} />
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </>
  );
}
