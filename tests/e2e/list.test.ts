// The list of chats: pinned, muted, archived, unread, the same in two browsers of one person; and what a fresh browser shows at once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import type { Browser, Locator, Page } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const FRIENDS = ['bob', 'carla', 'dan', 'eve'];

const row = (page: Page, name: string): Locator =>
  page
    .getByRole('list', { name: 'Chats' })
    .getByRole('listitem')
    .filter({ has: page.getByRole('link', { name: new RegExp(`^${name} `) }) });

async function order(page: Page): Promise<string[]> {
  return await page.getByRole('list', { name: 'Chats' }).locator('.name').allTextContents();
}

/** Waits until the chats stand like this. */
async function stand(page: Page, names: readonly string[]): Promise<void> {
  let last: string[] = [];
  await waitFor(`the order ${names}`, async () => {
    last = await order(page);
    return names.every((name, index) => last[index] === name);
  }).catch((cause: unknown) => assert.fail(`${cause}; they stand ${last}`));
}

async function menu(page: Page, name: string, choice: string): Promise<void> {
  await row(page, name).hover();
  await row(page, name)
    .getByRole('button', { name: `Chat menu: ${name}` })
    .click();
  await page.getByRole('menuitem', { name: choice, exact: true }).click();
}

describe('the list of chats', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let tablet: Person;
  const others = new Map<string, ChatClient>();

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann');
    await ann.signUp('correct horse battery');
    for (const name of FRIENDS) {
      const chat = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
      await chat.register({ username: name, password: 'staple of the day' });
      await (await chat.conversation('ann').send(`Hello from ${name}`)).sent;
      others.set(name, chat);
    }
    await row(ann.page, 'eve').waitFor();
  });
  after(async () => {
    for (const chat of others.values()) await chat.close();
    await ann?.leave();
    await tablet?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('a fresh browser paints the same list', async () => {
    tablet = await Person.arrive(browser, server.httpOrigin, 'ann', { colorScheme: 'dark' });
    await tablet.page.getByLabel('User name').fill('ann');
    await tablet.page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await tablet.page.getByRole('button', { name: 'Sign in' }).click();
    await row(tablet.page, 'bob').waitFor();
    await tablet.page.getByRole('link', { name: /^bob .*Hello from bob.*1 unread message/ }).waitFor();
    await stand(tablet.page, ['eve', 'dan', 'carla', 'bob']);
  });

  it('a pinned chat stands on top, also on the other device', async () => {
    await row(ann.page, 'bob').hover();
    await row(ann.page, 'bob').getByRole('button', { name: 'Chat menu: bob' }).click();
    await ann.page.getByRole('menuitem', { name: 'Pin chat' }).waitFor();
    await assertAccessible(ann.page, 'the menu of a chat');
    await ann.shoot('chat-menu');
    await ann.page.getByRole('menuitem', { name: 'Pin chat' }).click();
    await row(tablet.page, 'bob').getByText('pinned').waitFor();
    await stand(tablet.page, ['bob']);
    await stand(ann.page, ['bob']);
  });

  it('a muted chat is counted nowhere, and says that it is muted', async () => {
    await menu(ann.page, 'carla', 'Mute notifications');
    await ann.page.getByRole('dialog', { name: 'Mute carla' }).getByLabel('Always').check();
    await assertAccessible(ann.page, 'for how long to mute');
    await ann.page.getByRole('button', { name: 'Mute', exact: true }).click();
    await row(tablet.page, 'carla').getByText('muted').waitFor();
    await waitFor('the number in the title', async () => (await ann.page.title()).startsWith('(3)'));
  });

  it('an archived chat leaves the list, on both, and stays away when something new comes', async () => {
    await menu(ann.page, 'dan', 'Archive chat');
    await row(ann.page, 'dan').waitFor({ state: 'detached' });
    await row(tablet.page, 'dan').waitFor({ state: 'detached' });
    await (await others.get('dan')!.conversation('ann').send('Are you there?')).sent;
    await (await others.get('eve')!.conversation('ann').send('One after it')).sent;
    await ann.page.getByRole('link', { name: /^eve .*One after it/ }).waitFor();
    assert.equal(await row(ann.page, 'dan').count(), 0);
    await ann.page.getByRole('link', { name: /^Archived/ }).click();
    await ann.page.getByRole('heading', { name: 'Archived' }).waitFor();
    await assertAccessible(ann.page, 'the archived chats');
    await menu(ann.page, 'dan', 'Unarchive chat');
    await ann.page.getByRole('link', { name: 'Back', exact: true }).click();
    await row(tablet.page, 'dan').waitFor();
  });

  it('a chat is marked as unread by keyboard, found by the filter, and read on one device is read on the other', async () => {
    const { page } = ann;
    await page.getByRole('link', { name: /^eve / }).click();
    await ann.composerTo('eve').waitFor();
    await page.getByRole('link', { name: /^eve .*unread/ }).waitFor({ state: 'detached' });
    await tablet.page.getByRole('link', { name: /^eve .*unread/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    // Closing the chat moves the focus, too.
    await page.locator('.conversation').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /^eve / }).focus();
    await page.keyboard.press('Shift+F10');
    await page.locator('[role=menuitem]:focus').waitFor();
    await page.keyboard.press('End');
    await page.locator('[role=menuitem]:focus', { hasText: 'Mark as unread' }).press('Enter');
    await row(page, 'eve').getByText('marked as unread').waitFor();
    await page.getByRole('button', { name: 'Unread', exact: true }).click();
    await waitFor('four unread chats', async () => String((await order(page)).toSorted()) === 'bob,carla,dan,eve');
    await assertAccessible(page, 'the filtered list');
    await ann.shoot('list-light');
    await tablet.shoot('list-dark');
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await menu(page, 'eve', 'Mark as read');
    await row(page, 'eve').getByText('marked as unread').waitFor({ state: 'detached' });
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...tablet.complaints], []);
  });
});
