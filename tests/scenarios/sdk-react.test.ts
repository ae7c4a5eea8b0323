// The hooks show the client's snapshots; what changes on screen is watched by the browser tests.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import {
  ChatProvider,
  useChat,
  useConnection,
  useContacts,
  useConversation,
  useConversations,
  useMessages,
  usePresence,
  useTyping,
  useUpload,
  useUser,
} from '@parley/sdk-react';
import { createElement, type ReactElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';

function Everything(): ReactElement {
  const chat = useChat();
  const { conversation, state } = useConversation('bob@example.org');
  const shown = {
    connection: useConnection().state,
    user: useUser() === chat.user.snapshot(),
    conversations: useConversations().length,
    contacts: useContacts().contacts.length,
    name: state.name,
    same: conversation === chat.conversation('bob@example.org'),
    window: useMessages(conversation).list === conversation.latest,
    own: useMessages('bob@example.org', { pageSize: 5 }).list !== conversation.latest,
    typing: useTyping('bob@example.org'),
    presence: usePresence('bob@example.org').state,
    upload: useUpload(undefined) === undefined,
  };
  return createElement('pre', null, JSON.stringify(shown));
}

it('hooks read the client of the provider around them', async () => {
  const client = ChatClient.create({ server: 'wss://example.org/ws', store: memoryStore() });
  const html = renderToStaticMarkup(createElement(ChatProvider, { client }, createElement(Everything)));
  assert.deepEqual(JSON.parse(html.replace(/<\/?pre>/g, '').replaceAll('&quot;', '"')), {
    connection: 'signed-out',
    user: true,
    conversations: 0,
    contacts: 0,
    name: 'bob',
    same: true,
    window: true,
    own: true,
    typing: false,
    presence: 'unknown',
    upload: true,
  });
  await client.close();
});

it('hooks outside of a provider say what is missing', () => {
  assert.throws(() => renderToStaticMarkup(createElement(Everything)), /ChatProvider/);
});
