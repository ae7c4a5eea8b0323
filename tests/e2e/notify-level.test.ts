// What a group notifies of: chosen in the chat's menu, kept for all devices, and obeyed when the group is muted.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import type { Browser } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const NOTIFICATIONS =
  'navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) => all.map((one) => `${one.title}: ${one.body}`).sort())';

describe('what a group notifies of', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  const clients: ChatClient[] = [];
  let bob: ChatClient;
  let phone: ChatClient;
  let group: string;

  async function client(username: string): Promise<ChatClient> {
    const chat = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
    clients.push(chat);
    const synced = new Promise<void>((resolve) => void chat.once('sync.done', () => resolve()));
    await chat.signIn({ username, password: 'correct horse battery' });
    await synced;
    return chat;
  }
  const write = async (to: string, text: string): Promise<void> => void (await (await bob.conversation(to).send(text)).sent);
  const notified = (...expected: string[]): Promise<boolean> =>
    waitFor(
      `the notifications ${expected}`,
      async () => JSON.stringify(await ann.page.evaluate(NOTIFICATIONS)) === JSON.stringify(expected),
    );
  async function choose(item: string): Promise<void> {
    const row = ann.page.getByRole('listitem').filter({ has: ann.page.getByRole('link', { name: /^Walkers/ }) });
    await row.hover();
    await row.getByRole('button', { name: 'Chat menu: Walkers' }).click();
    await ann.page.getByRole('menuitem', { name: item, exact: true }).click();
  }

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    await server.createUser('bob', 'correct horse battery');
    ann = await Person.arrive(browser, server.httpOrigin, 'ann', { permissions: ['notifications'] });
    await ann.signUp('correct horse battery');
    await ann.installed();
    // Without Web Push, which this browser has not in its private windows; and as when the tab is behind another.
    await ann.page.evaluate(`localStorage.setItem('parley.preferences', '{"notifications":true,"push":false}')`);
    await ann.page.reload();
    await ann.page.getByText('No chats yet').waitFor();
    await ann.page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })`);
    bob = await client('bob');
    phone = await client('ann');
    group = (await bob.groups.create({ name: 'Walkers', members: ['ann'] })).id;
    await ann.page.getByRole('link', { name: /^Walkers/ }).waitFor();
    // What comes while a new group is being read is no news: from the first message that is shown on, all are.
    await write(group, 'Welcome');
    await ann.page
      .getByRole('link', { name: /^Walkers/ })
      .getByText('Welcome')
      .waitFor();
  });
  after(async () => {
    for (const chat of clients) await chat.close();
    await ann?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('every message at first', async () => {
    await write(group, 'To the lighthouse?');
    await notified('Walkers: bob: To the lighthouse?');
  });

  it('only mentions, when that is chosen in the menu; the other device knows', async () => {
    await choose('What notifies');
    const dialog = ann.page.getByRole('dialog', { name: 'Notifications of Walkers' });
    assert.ok(await dialog.getByLabel('Every message').isChecked());
    await dialog.getByLabel('Only when I am mentioned').check();
    await assertAccessible(ann.page, 'what a group notifies of');
    await ann.shoot('what-notifies');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await waitFor('the level on the phone', async () => phone.conversation(group).snapshot().notify === 'mentions');
    await write(group, 'Anybody?');
    await write(group, 'ann, what do you think?');
    await notified('Walkers: bob mentioned you: ann, what do you think?');
    await write(group, 'I go now');
    await write('ann', 'A word between us');
    await notified('Walkers: bob mentioned you: ann, what do you think?', 'bob: A word between us');
  });

  it('mentions in a muted group, too', async () => {
    await choose('Mute notifications');
    await ann.page.getByRole('dialog', { name: 'Mute Walkers' }).getByLabel('Always').check();
    await ann.page.getByRole('button', { name: 'Mute', exact: true }).click();
    await waitFor('the mute on the phone', async () => phone.conversation(group).snapshot().mutedUntil > 0);
    await write(group, 'ann, are you there?');
    await notified('Walkers: bob mentioned you: ann, are you there?', 'bob: A word between us');
  });

  it('nothing, when that is chosen on another device; a chat of two has no such choice', async () => {
    await phone.conversation(group).change({ notify: 'nothing', mutedUntil: 0 });
    await assert.rejects(phone.conversation('bob').change({ notify: 'nothing' }), { code: 'invalid-argument' });
    await ann.page.getByRole('link', { name: /^Walkers .*notifies of nothing/ }).waitFor();
    await write(group, 'ann, hello?');
    await write('ann', 'She does not answer');
    await notified('Walkers: bob mentioned you: ann, are you there?', 'bob: She does not answer');
    await ann.page
      .getByRole('listitem')
      .filter({ has: ann.page.getByRole('link', { name: /^bob/ }) })
      .hover();
    await ann.page.getByRole('button', { name: 'Chat menu: bob' }).click();
    await ann.page.getByRole('menuitem', { name: 'Mute notifications' }).waitFor();
    assert.equal(await ann.page.getByRole('menuitem', { name: 'What notifies' }).count(), 0);
  });

  it('no page complained', () => {
    assert.deepEqual(ann.complaints, []);
  });
});
