// What can be done with a message after it was sent, by mouse and by keyboard, as two people see it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, lightsUp, noBrowser, Person } from './support.ts';

const item = (page: Page, text: string): Locator => page.locator('li.item', { hasText: text }).last();

async function menu(page: Page, text: string, choice: string): Promise<void> {
  const message = item(page, text);
  await message.hover();
  await message.getByRole('button', { name: 'Message menu' }).click();
  await page.getByRole('menu', { name: 'Message menu' }).getByRole('menuitem', { name: choice, exact: true }).click();
}

describe('what can be done with a message', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let bob: Person;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann', { permissions: ['clipboard-read', 'clipboard-write'] });
    await ann.signUp('correct horse battery');
    bob = await Person.arrive(browser, server.httpOrigin, 'bob', { colorScheme: 'dark' });
    await bob.signUp('staple of the day');
    await ann.add('bob');
    await bob.page.getByRole('button', { name: 'Accept' }).click();
    await bob.composer.waitFor();
  });
  after(async () => {
    await ann?.leave();
    await bob?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('a quick reaction by mouse shows as a pill under the bubble, for both, and is taken away again', async () => {
    await ann.write('Shall we meet at the harbour?');
    await bob.sees('Shall we meet at the harbour?');
    await item(bob.page, 'harbour').hover();
    await item(bob.page, 'harbour').getByRole('button', { name: 'React', exact: true }).click();
    await bob.page.getByRole('menuitem', { name: 'React with 👍' }).waitFor();
    await assertAccessible(bob.page, 'the bar of reactions');
    await bob.shoot('reaction-bar');
    await bob.page.getByRole('menuitem', { name: 'React with 👍' }).click();
    await item(ann.page, 'harbour').getByRole('button', { name: 'Reactions: 👍' }).waitFor();
    await item(ann.page, 'harbour').hover();
    await item(ann.page, 'harbour').getByRole('button', { name: 'React', exact: true }).click();
    await ann.page.getByRole('menuitem', { name: 'React with ❤️' }).click();
    await item(bob.page, 'harbour').getByRole('button', { name: 'Reactions: 👍 ❤️ 2' }).click();
    await bob.page.getByRole('dialog', { name: 'Reactions' }).getByText('ann').waitFor();
    await assertAccessible(bob.page, 'the list of reactions');
    await bob.shoot('reaction-list');
    await bob.page.getByRole('button', { name: /^You/ }).click();
    await item(ann.page, 'harbour').getByRole('button', { name: 'Reactions: ❤️' }).waitFor();
  });

  it('an answer carries what it answers, and a click goes there', async () => {
    await menu(bob.page, 'harbour', 'Reply');
    await bob.page.locator('.writing-bar').getByText('Shall we meet at the harbour?').waitFor();
    await bob.shoot('replying');
    await bob.write('Gladly, at five');
    const quote = item(ann.page, 'Gladly').getByRole('button', { name: /You.*Shall we meet/ });
    await quote.waitFor();
    await Promise.all([lightsUp(ann.page, 'Shall we meet'), quote.click()]);
    assert.equal(await bob.page.locator('.writing-bar').count(), 0);
  });

  it('the emoji picker finds by word, puts signs into the text, and works from the keyboard', async () => {
    await bob.page.getByRole('button', { name: 'Emoji' }).click();
    const picker = bob.page.getByRole('dialog', { name: 'Emoji' });
    await picker.getByRole('button', { name: 'grinning face', exact: true }).waitFor();
    await bob.shoot('emoji-picker');
    await picker.getByRole('searchbox').fill('sailboat');
    await picker.getByRole('region', { name: 'Found' }).getByRole('button', { name: 'sailboat' }).waitFor();
    await assertAccessible(bob.page, 'the emoji picker');
    await bob.page.keyboard.press('ArrowDown');
    await bob.page.keyboard.press('Enter');
    await bob.page.keyboard.press('Escape');
    await picker.waitFor({ state: 'detached' });
    assert.equal(await bob.composer.inputValue(), '⛵');
    await bob.composer.press('Enter');
    await ann.sees('⛵');
  });

  it('a message is edited with Arrow up, and both see that it was', async () => {
    await ann.write('I bring the mapp');
    await bob.sees('I bring the mapp');
    await ann.composer.press('ArrowUp');
    await ann.page.locator('.writing-bar').getByText('Edit message').waitFor();
    assert.equal(await ann.composer.inputValue(), 'I bring the mapp');
    await assertAccessible(ann.page, 'editing');
    await ann.shoot('editing');
    await ann.composer.fill('I bring the map');
    await ann.composer.press('Enter');
    await item(bob.page, 'I bring the map').getByText('Edited').waitFor();
    assert.equal(await bob.page.locator('li.item').getByText('I bring the mapp').count(), 0);
    assert.equal(await ann.composer.inputValue(), '');
    // Esc leaves everything as it was.
    await ann.composer.press('ArrowUp');
    await ann.page.locator('.writing-bar').getByText('Edit message').waitFor();
    await ann.composer.fill('Something else');
    await ann.composer.press('Escape');
    await ann.page.locator('.writing-bar').waitFor({ state: 'detached' });
    assert.equal(await ann.composer.inputValue(), '');
    await ann.sees('I bring the map');
  });

  it('the keyboard opens the menu, walks it, and comes back', async () => {
    const { page } = ann;
    await page.locator('li.item[tabindex="0"]').focus();
    await page.keyboard.press('End');
    await page.locator('li.item:focus', { hasText: 'I bring the map' }).waitFor();
    await page.keyboard.press('Shift+F10');
    const menuBox = page.getByRole('menu', { name: 'Message menu' });
    await menuBox.waitFor();
    await assertAccessible(page, 'the message menu');
    await ann.shoot('message-menu');
    await page.locator('[role=menuitem]:focus', { hasText: 'Message info' }).waitFor();
    await page.keyboard.press('c');
    await page.locator('[role=menuitem]:focus', { hasText: 'Copy' }).waitFor();
    await page.keyboard.press('Enter');
    await menuBox.waitFor({ state: 'detached' });
    await waitFor('the copy', async () => (await page.evaluate('navigator.clipboard.readText()')) === 'I bring the map');
    await page.locator('li.item:focus', { hasText: 'I bring the map' }).waitFor();
    await page.keyboard.press('Enter');
    await menuBox.waitFor();
    await page.keyboard.press('Escape');
    await page.locator('li.item:focus', { hasText: 'I bring the map' }).waitFor();
    assert.match((await page.evaluate('location.hash')) as string, /chat/, 'Esc closed the menu and not the chat');
  });

  it('message info says when it was read', async () => {
    await menu(ann.page, 'I bring the map', 'Message info');
    const info = ann.page.getByRole('dialog', { name: 'Message info' });
    await info.getByText('Read').waitFor();
    await assertAccessible(ann.page, 'the message info');
    await ann.shoot('message-info');
    await ann.page.keyboard.press('Escape');
    await info.waitFor({ state: 'detached' });
  });

  it('deleting for everyone leaves a tombstone, deleting for me nothing', async () => {
    await ann.write('A secret');
    await bob.sees('A secret');
    await menu(bob.page, 'A secret', 'Reply');
    await bob.page.locator('.writing-bar').waitFor();
    await bob.page.keyboard.press('Escape');
    await bob.page.locator('.writing-bar').waitFor({ state: 'detached' });
    await menu(ann.page, 'A secret', 'Delete');
    await ann.page.getByRole('button', { name: 'Delete for everyone' }).waitFor();
    await assertAccessible(ann.page, 'the question before deleting');
    await ann.shoot('delete-question');
    await ann.page.getByRole('button', { name: 'Delete for everyone' }).click();
    await bob.sees('This message was deleted');
    await ann.sees('You deleted this message');
    assert.equal(await bob.page.locator('li.item').getByText('A secret').count(), 0);
    await menu(bob.page, 'This message was deleted', 'Delete');
    await bob.page.getByRole('button', { name: 'Delete for me' }).waitFor();
    assert.equal(await bob.page.getByRole('button', { name: 'Delete for everyone' }).count(), 0);
    await bob.page.getByRole('button', { name: 'Delete for me' }).click();
    await item(bob.page, 'This message was deleted').waitFor({ state: 'detached' });
  });

  it('a message is forwarded to somebody else', async () => {
    await ann.page.getByRole('link', { name: 'New chat' }).first().click();
    await ann.page.getByLabel('User name or address').fill('carla');
    const carla = await Person.arrive(browser, server.httpOrigin, 'carla', { viewport: { width: 390, height: 800 }, hasTouch: true });
    await carla.signUp('the third password');
    await ann.page.getByRole('button', { name: 'Start chat' }).click();
    await ann.composerTo('carla').waitFor();
    await ann.openChat('bob');
    await menu(ann.page, 'Gladly, at five', 'Forward');
    const dialog = ann.page.getByRole('dialog', { name: 'Forward message to' });
    await dialog.getByRole('checkbox', { name: /carla/ }).check();
    await assertAccessible(ann.page, 'choosing where to forward');
    await ann.shoot('forwarding');
    await dialog.getByRole('button', { name: 'Forward', exact: true }).click();
    await ann.composerTo('carla').waitFor();
    await item(ann.page, 'Gladly, at five').getByText('Forwarded').waitFor();
    await carla.page.getByRole('link', { name: /^ann / }).click();
    await carla.composerTo('ann').waitFor();
    await item(carla.page, 'Gladly, at five').getByText('Forwarded').waitFor();
    await carla.write('On a phone');
    await carla.page.locator('li.item', { hasText: 'On a phone' }).locator('.bubble').click({ button: 'right' });
    await carla.page.getByRole('menu', { name: 'Message menu' }).waitFor();
    await assertAccessible(carla.page, 'the message menu on a phone');
    await carla.shoot('phone-message-menu');
    await carla.page.keyboard.press('Escape');
    assert.deepEqual(carla.complaints, []);
    await carla.leave();
  });

  it('everything shows again after a reload, without a network, in both themes', async () => {
    await ann.openChat('bob');
    await ann.installed();
    await ann.goOffline();
    await ann.page.reload();
    await ann.sees('You deleted this message');
    await ann.page
      .locator('li.item', { hasText: /^Shall|harbour/ })
      .first()
      .getByRole('button', { name: 'Reactions: ❤️' })
      .waitFor();
    await assertAccessible(ann.page, 'a chat with everything, light');
    await ann.shoot('changes-light');
    await bob.shoot('changes-dark');
    await assertAccessible(bob.page, 'a chat with everything, dark');
    // A reaction without a network waits, and goes out by itself.
    await item(ann.page, 'Gladly').hover();
    await item(ann.page, 'Gladly').getByRole('button', { name: 'React', exact: true }).click();
    await ann.page.getByRole('menuitem', { name: 'React with 😂' }).click();
    await item(ann.page, 'Gladly').getByRole('button', { name: 'Reactions: 😂' }).waitFor();
    await ann.goOnline();
    await item(bob.page, 'Gladly').getByRole('button', { name: 'Reactions: 😂' }).waitFor();
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...bob.complaints], []);
  });
});
