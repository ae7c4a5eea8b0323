// Finding a message, photos of people, and what a push shows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import type { Browser } from 'playwright-core';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { photograph } from './photo.ts';
import { assertAccessible, launch, lightsUp, noBrowser, Person } from './support.ts';

const HISTORY = 400;
/** How many messages the page has kept. Runs in the page, as text, because these tests know no DOM types. */
const KEPT = `new Promise((resolve, reject) => {
  const open = indexedDB.open('parley');
  open.onerror = () => reject(open.error);
  open.onsuccess = () => {
    const count = open.result.transaction('message').objectStore('message').count();
    count.onsuccess = () => resolve(count.result);
    open.result.close();
  };
})`;

describe('finding and recognizing', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let bob: Person;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    bob = await Person.arrive(browser, server.httpOrigin, 'bob', { colorScheme: 'dark' });
    await bob.signUp('staple of the day');
    const writer = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
    await writer.signIn({ username: 'bob', password: 'staple of the day' });
    await server.createUser('ann', 'correct horse battery');
    const handles = [];
    for (let n = 1; n <= HISTORY; n++)
      handles.push(await writer.conversation('ann').send(n === 7 ? 'The lighthouse keeper sends his love' : `Message ${n}`));
    await Promise.all(handles.map((handle) => handle.sent));
    await writer.close();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann', { permissions: ['notifications'] });
    await ann.page.getByLabel('User name').fill('ann');
    await ann.page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await ann.page.getByRole('button', { name: 'Sign in' }).click();
    await ann.page.getByRole('link', { name: /^bob / }).waitFor();
    // A fresh device shows the list at once, and reads what is unread meanwhile.
    await waitFor('all that is unread', async () => ((await ann.page.evaluate(KEPT)) as number) >= HISTORY);
  });
  after(async () => {
    await ann?.leave();
    await bob?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('a message from long ago is found by a word, and a click goes there', async () => {
    const { page } = ann;
    await page.getByRole('link', { name: new RegExp(`^bob .*Message ${HISTORY}`) }).click();
    // The chat opens at its first unread message, and reads older ones meanwhile.
    const jump = page.getByRole('button', { name: /^Jump to latest/ });
    await jump.click();
    await ann.sees(`Message ${HISTORY}`);
    await jump.waitFor({ state: 'detached' });
    // All of it is read first where the server cannot search: whoever scrolls up comes to the first message.
    const scrollUp = async (): Promise<boolean> => {
      await page.evaluate(`document.querySelector('.timeline').scrollTop = 0`);
      return (await page.locator('li.item', { hasText: 'lighthouse' }).count()) > 0;
    };
    await waitFor('the beginning of the chat', scrollUp, 2 * PATIENCE_MS);
    await page.getByRole('searchbox', { name: 'Search chats, people and messages' }).fill('lighth');
    const hit = page.getByRole('list', { name: 'Messages', exact: true }).getByRole('link', { name: /lighthouse keeper/ });
    await hit.waitFor();
    await assertAccessible(page, 'messages found');
    await ann.shoot('search');
    await Promise.all([lightsUp(page, 'lighthouse keeper'), hit.click()]);
    await page.getByRole('button', { name: 'Clear search' }).click();
  });

  it('one chat is searched in its drawer', async () => {
    const { page } = ann;
    await page.getByRole('button', { name: 'Search this chat' }).click();
    await page.getByRole('searchbox', { name: 'Search the chat with bob' }).fill('keeper');
    await page.getByRole('list', { name: 'Messages found' }).getByRole('link').first().waitFor();
    await assertAccessible(page, 'the search in a chat');
    await ann.shoot('search-in-chat');
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: 'Search the chat with bob' }).waitFor({ state: 'detached' });
  });

  it('a photo of oneself is cut, saved, and seen by others', async () => {
    const { page } = bob;
    await page.getByRole('link', { name: 'Settings' }).first().click();
    await page.getByRole('button', { name: 'Add photo' }).waitFor();
    await page
      .locator('input[type=file][accept="image/*"]')
      .setInputFiles({ name: 'me.jpg', mimeType: 'image/jpeg', buffer: await photograph() });
    const crop = page.getByRole('dialog', { name: 'Move and zoom' });
    await crop.getByRole('slider').fill('1.5');
    await crop.getByRole('application').press('ArrowLeft');
    await assertAccessible(page, 'cutting a photo');
    await bob.shoot('crop');
    await crop.getByRole('button', { name: 'Use this' }).click();
    await page.getByText('Your photo was saved.').waitFor();
    await page.locator('.picture-picker .avatar img').waitFor();
    await assertAccessible(page, 'the settings with a photo');
    await bob.shoot('own-photo');
    await ann.page.getByRole('button', { name: 'Add to contacts' }).click();
    await bob.page.getByRole('link', { name: 'Back', exact: true }).click();
    await bob.page.getByRole('button', { name: 'Accept' }).first().click();
    await ann.page.locator('.conversation .state', { hasText: 'online' }).waitFor();
    await ann.page.reload();
    await ann.page.locator('.list-pane .row .avatar img').waitFor();
    await ann.page.locator('.conversation header .avatar img').waitFor();
    await ann.shoot('photo-of-a-contact');
  });

  it('a push shows who wrote, and goes when it was read elsewhere', async () => {
    const { page } = ann;
    await ann.installed();
    const devtools = await page.context().newCDPSession(page);
    const registered = new Promise<string>((resolve) => {
      devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        const [one] = registrations;
        if (one !== undefined) resolve(one.registrationId);
      });
    });
    await devtools.send('ServiceWorker.enable');
    const registrationId = await registered;
    const push = (told: object): Promise<unknown> =>
      devtools.send('ServiceWorker.deliverPushMessage', { origin: server.httpOrigin, registrationId, data: JSON.stringify(told) });
    const shown = async (): Promise<string[]> =>
      (await page.evaluate(
        'navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) => all.map((one) => `${one.title}: ${one.body}`))',
      )) as string[];
    const until = (...expected: string[]): Promise<boolean> =>
      waitFor(`the notifications ${expected}`, async () => JSON.stringify(await shown()) === JSON.stringify(expected));
    const bobs = { v: 1, tag: 't1', kind: 'chat', conversation: `bob@${server.domain}`, from: `bob@${server.domain}`, name: 'Bob' };
    await push({ ...bobs, type: 'message', count: 2, body: 'Are you there?' });
    await until('Bob (2): Are you there?');
    await push({ ...bobs, type: 'read' });
    await until();
    await push({ v: 1, type: 'message', tag: 't2' });
    await until('Parley: New message');
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...bob.complaints], []);
  });
});
