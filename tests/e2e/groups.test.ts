// A group from its making to leaving it, in three browsers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const item = (page: Page, text: string): Locator => page.locator('li.item', { hasText: text }).last();

describe('a group', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let bob: Person;
  let eve: Person;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann');
    await ann.signUp('correct horse battery');
    bob = await Person.arrive(browser, server.httpOrigin, 'bob', { colorScheme: 'dark' });
    await bob.signUp('staple of the day');
    eve = await Person.arrive(browser, server.httpOrigin, 'eve', { viewport: { width: 390, height: 800 } });
    await eve.signUp('the third password');
    await ann.add('bob');
    await bob.page.getByRole('button', { name: 'Accept' }).click();
    await bob.composer.waitFor();
  });
  after(async () => {
    for (const person of [ann, bob, eve]) await person?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('is made with a name and members, who have it in their list at once', async () => {
    const { page } = ann;
    await page.getByRole('link', { name: 'New chat' }).first().click();
    await page.getByRole('link', { name: 'New group' }).click();
    await page.getByRole('checkbox', { name: /bob/ }).check();
    await page.getByRole('searchbox', { name: 'Name, user name or address' }).fill('eve');
    await page.getByRole('checkbox', { name: /eve/ }).check();
    await assertAccessible(page, 'choosing members');
    await ann.shoot('new-group-members');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByLabel('Name of the group').fill('Harbour walk');
    await assertAccessible(page, 'naming a group');
    await ann.shoot('new-group-name');
    await page.getByRole('button', { name: 'Create group' }).click();
    await page.getByRole('textbox', { name: 'Message to Harbour walk' }).waitFor();
    await bob.page.getByRole('link', { name: /^Harbour walk/ }).waitFor();
    await eve.page.getByRole('link', { name: /^Harbour walk/ }).waitFor();
  });

  it('everybody sees who wrote what; two ticks when all have it, blue when all have read it', async () => {
    await ann.write('Welcome to the walk');
    await bob.page.getByRole('link', { name: /^Harbour walk/ }).click();
    await bob.sees('Welcome to the walk');
    await item(bob.page, 'Welcome').locator('.sender', { hasText: 'ann' }).waitFor();
    await ann.seesTick('Welcome to the walk', 'delivered');
    await eve.page.getByRole('link', { name: /^Harbour walk/ }).click();
    await eve.sees('Welcome to the walk');
    await ann.seesTick('Welcome to the walk', 'read');
    await eve.write('I am in');
    await bob.write('Me too');
    await ann.sees('I am in');
    await ann.sees('Me too');
    await assertAccessible(ann.page, 'a group');
    await ann.shoot('group-light');
    await bob.shoot('group-dark');
    await eve.shoot('phone-group');
    await assertAccessible(eve.page, 'a group on a phone');
  });

  it('who is typing is told by name', async () => {
    await bob.typesUntil(ann.page.locator('.conversation .state.typing', { hasText: 'bob is typing' }));
    await bob.composer.fill('');
  });

  it('reactions, replies, corrections and deletion work as between two', async () => {
    await item(ann.page, 'I am in').hover();
    await item(ann.page, 'I am in').getByRole('button', { name: 'React', exact: true }).click();
    await ann.page.getByRole('menuitem', { name: 'React with ❤️' }).click();
    await item(eve.page, 'I am in').getByRole('button', { name: 'Reactions: ❤️' }).waitFor();
    await item(bob.page, 'I am in').hover();
    await item(bob.page, 'I am in').getByRole('button', { name: 'Message menu' }).click();
    await bob.page.getByRole('menuitem', { name: 'Reply' }).click();
    await bob.write('Great, Eve');
    await item(eve.page, 'Great, Eve').locator('.quote', { hasText: 'You' }).waitFor();
    await bob.composer.press('ArrowUp');
    await bob.page.locator('.writing-bar').getByText('Edit message').waitFor();
    await bob.composer.fill('Great, dear Eve');
    await bob.composer.press('Enter');
    await item(ann.page, 'Great, dear Eve').getByText('Edited').waitFor();
    await item(bob.page, 'Me too').hover();
    await item(bob.page, 'Me too').getByRole('button', { name: 'Message menu' }).click();
    await bob.page.getByRole('menuitem', { name: 'Delete' }).click();
    await bob.page.getByRole('button', { name: 'Delete for everyone' }).click();
    await ann.sees('This message was deleted');
  });

  it('an @ offers the members; whoever is meant sees it in the list and in the text', async () => {
    await eve.page.getByRole('link', { name: 'Back to the chats' }).click();
    const row = eve.page.getByRole('link', { name: /^Harbour walk/ });
    await row.waitFor();
    await ann.composer.pressSequentially('Can @e');
    const offered = ann.page.getByRole('listbox', { name: 'Members to mention' });
    await offered.getByRole('option', { name: 'eve' }).waitFor();
    assert.equal(await offered.getByRole('option').count(), 1);
    await assertAccessible(ann.page, 'choosing whom to mention');
    await ann.shoot('group-mention');
    await ann.composer.press('Enter');
    await offered.waitFor({ state: 'detached' });
    assert.equal(await ann.composer.inputValue(), 'Can @eve ');
    await ann.composer.pressSequentially('bring tea?');
    await ann.composer.press('Enter');
    await row.getByText('mentions you').waitFor();
    await assertAccessible(eve.page, 'a list with a mention');
    await item(bob.page, 'bring tea?').locator('.mention', { hasText: '@eve' }).waitFor();
    assert.equal(await item(bob.page, 'bring tea?').locator('.mention[data-me]').count(), 0);
    await row.click();
    await item(eve.page, 'bring tea?').locator('.mention[data-me]', { hasText: '@eve' }).waitFor();
    await assertAccessible(eve.page, 'a message with a mention');
  });

  it('messages disappear after a time that holds for all', async () => {
    const { page } = bob;
    await page.getByRole('button', { name: 'Group info', exact: true }).click();
    await page.getByRole('button', { name: /^Disappearing messages/ }).click();
    await page.getByRole('radio', { name: '24 hours' }).click();
    await page.getByRole('button', { name: 'Disappearing messages 24 hours' }).waitFor();
    await ann.page.getByText('bob set new messages to disappear after 24 hours').first().waitFor();
    await page.getByRole('button', { name: /^Disappearing messages/ }).click();
    await page.getByRole('radio', { name: 'Off' }).click();
    await ann.page.getByText('bob turned off disappearing messages').first().waitFor();
    await page.keyboard.press('Escape');
  });

  it('message info says who has read it', async () => {
    await item(ann.page, 'Welcome').hover();
    await item(ann.page, 'Welcome').getByRole('button', { name: 'Message menu' }).click();
    await ann.page.getByRole('menuitem', { name: 'Message info' }).click();
    const read = ann.page.getByRole('region', { name: 'Read by' });
    await read.getByText('bob').waitFor();
    await read.getByText('eve').waitFor();
    await assertAccessible(ann.page, 'the info of a group message');
    await ann.shoot('group-message-info');
    await ann.page.keyboard.press('Escape');
  });

  it('its owner makes an admin, changes name and description, and removes somebody', async () => {
    const { page } = ann;
    await page.getByRole('button', { name: 'Group info', exact: true }).click();
    await page.getByRole('list', { name: 'Members' }).getByText('eve', { exact: true }).waitFor();
    await assertAccessible(page, 'the group info');
    await ann.shoot('group-info');
    await page.getByRole('button', { name: 'What to do with bob' }).click();
    await page.getByRole('menuitem', { name: 'Make admin' }).click();
    await page.getByRole('listitem').filter({ hasText: 'bob' }).getByText('Admin', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Change the name' }).click();
    await page.getByRole('textbox', { name: 'Name of the group' }).fill('Sunday walk');
    await page.getByRole('button', { name: 'Save' }).click();
    // It closes when the server has taken it.
    await page.getByRole('textbox', { name: 'Name of the group' }).waitFor({ state: 'detached' });
    // Members learn of it at once, though nobody has joined.
    await bob.page.getByRole('heading', { name: 'Sunday walk' }).waitFor();
    await page.getByRole('button', { name: 'What to do with eve' }).click();
    await page.getByRole('menuitem', { name: 'Remove from the group' }).click();
    await eve.page.getByText('You are not a member of this group any more.').waitFor();
    await page.getByRole('list', { name: 'Members' }).getByText('eve', { exact: true }).waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
  });

  it('who was away has what was said meanwhile', async () => {
    await bob.goOffline();
    await ann.write('Said while Bob was in the tunnel');
    await ann.seesTick('Said while Bob was in the tunnel', 'sent');
    await bob.goOnline();
    await bob.sees('Said while Bob was in the tunnel');
  });

  it('whoever leaves can read what was said, and no more', async () => {
    const { page } = bob;
    await page.getByRole('button', { name: 'Group info', exact: true }).click();
    await page.getByRole('button', { name: 'Leave group' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
    await page.getByText('You are not a member of this group any more.').waitFor();
    await bob.sees('Welcome to the walk');
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...bob.complaints, ...eve.complaints], []);
  });
});
