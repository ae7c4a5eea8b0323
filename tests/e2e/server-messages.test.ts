// What the server itself says: a chat of its own that is only read, with its mark, its count and a notification.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { parley } from '../support/cli.ts';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const NOTIFICATIONS =
  'navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) => all.map((one) => `${one.title}: ${one.body}`))';

describe('messages of the server', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let carla: Person;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann', { permissions: ['notifications'] });
    await ann.signUp('correct horse battery');
    await ann.installed();
    // Without Web Push, which this browser has not in its private windows.
    await ann.page.evaluate(`localStorage.setItem('parley.preferences', '{"notifications":true,"push":false}')`);
    await ann.page.reload();
    await ann.page.getByText('No chats yet').waitFor();
  });
  after(async () => {
    await ann?.leave();
    await carla?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('an announcement is a chat with something unread, and is notified of', async () => {
    const { page } = ann;
    // Nobody looks: as when the tab is behind another.
    await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })`);
    assert.equal((await parley(server, ['motd', 'set', 'We move on Sunday'])).code, 0);
    const row = page.getByRole('link', { name: /^localhost .*We move on Sunday.*1 unread message/ });
    await row.waitFor();
    await row.locator('.avatar svg').waitFor();
    await waitFor(
      'the notification',
      async () => JSON.stringify(await page.evaluate(NOTIFICATIONS)) === '["localhost: We move on Sunday"]',
    );
    await waitFor('the number in the title', async () => (await page.title()).startsWith('(1)'));
    await page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, get: () => false })`);
  });

  it('nobody can answer it', async () => {
    const { page } = ann;
    await page.getByRole('link', { name: /^localhost / }).click();
    await ann.sees('We move on Sunday');
    await page.getByText('Only the server writes here.').waitFor();
    await page.getByRole('link', { name: /^localhost .*unread/ }).waitFor({ state: 'detached' });
    assert.equal(await ann.composer.count(), 0);
    await page.locator('.conversation .state', { hasText: 'Messages of the server' }).waitFor();
    assert.equal(await page.getByRole('region', { name: 'Contact', exact: true }).count(), 0, 'nothing to add or to block');
    const bubble = page.locator('li.item', { hasText: 'We move on Sunday' });
    await bubble.hover();
    await bubble.getByRole('button', { name: 'Message menu' }).click();
    await page.getByRole('menuitem', { name: 'Copy' }).waitFor();
    assert.deepEqual(await page.getByRole('menuitem').allTextContents(), ['Copy', 'Forward', 'Star', 'Delete']);
    assert.equal(await bubble.getByRole('button', { name: 'React' }).count(), 0);
    await page.keyboard.press('Escape');
    await assertAccessible(page, 'a chat of the server');
    await ann.shoot('server-messages');
  });

  it('it can be muted, and what it says can be forwarded, but not to it', async () => {
    const { page } = ann;
    await page.getByRole('button', { name: 'Server info', exact: true }).click();
    const drawer = page.getByRole('complementary', { name: 'Server info' });
    await drawer.getByRole('button', { name: 'Mute notifications' }).click();
    await page.getByRole('dialog', { name: 'Mute localhost' }).getByLabel('Always').check();
    await page.getByRole('button', { name: 'Mute', exact: true }).click();
    await drawer.getByRole('button', { name: 'Unmute notifications' }).waitFor();
    await assertAccessible(page, 'about the server');
    const bubble = page.locator('li.item', { hasText: 'We move on Sunday' });
    await bubble.hover();
    await bubble.getByRole('button', { name: 'Message menu' }).click();
    await page.getByRole('menuitem', { name: 'Forward' }).click();
    const dialog = page.getByRole('dialog', { name: 'Forward message to' });
    await dialog.waitFor();
    assert.equal(await dialog.getByRole('checkbox').count(), 0, 'there is nobody else yet');
    await page.keyboard.press('Escape');
  });

  it('a new account finds the welcome on a device that is fresh', async () => {
    assert.equal((await parley(server, ['welcome', 'set', 'Good to see you'])).code, 0);
    await server.createUser('carla', 'staple of the day');
    carla = await Person.arrive(browser, server.httpOrigin, 'carla');
    await carla.page.getByLabel('User name').fill('carla');
    await carla.page.getByLabel('Password', { exact: true }).fill('staple of the day');
    await carla.page.getByRole('button', { name: 'Sign in' }).click();
    // The message of the day comes as well, and is the newer one.
    await carla.page.getByRole('link', { name: /^localhost / }).click();
    await carla.sees('Good to see you');
    await carla.sees('We move on Sunday');
    await carla.page.getByText('Only the server writes here.').waitFor();
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...(carla?.complaints ?? [])], []);
  });
});
