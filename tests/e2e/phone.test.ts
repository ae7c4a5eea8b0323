// Two people, one of them on a phone, and a second device of one: a number, a code by text message, and nothing to remember.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { codeIn, startTwilio } from '../support/sms.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true };
const ANN = '+436641234567';
const BOB = '+4915112345678';

describe('accounts by phone number', { skip: noBrowser }, () => {
  let sms: Awaited<ReturnType<typeof startTwilio>>;
  let server: TestServer;
  let browser: Browser;
  const people: Person[] = [];

  before(async () => {
    sms = await startTwilio();
    server = await startServer({
      kind: 'parley',
      config: { 'phone.providers': 'twilio', 'features.identity.country': 'DE', ...sms.config },
    });
    browser = await launch();
  });
  after(async () => {
    for (const person of people) await person.leave();
    await browser?.close();
    await server?.stop();
    await sms?.close();
  });

  async function arrive(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await Person.arrive(browser, server.httpOrigin, name, options);
    people.push(person);
    return person;
  }
  const number = (page: Page) => page.getByRole('textbox', { name: 'Phone number', exact: true });
  const code = (page: Page) => page.getByRole('textbox', { name: 'Code', exact: true });
  const chats = (page: Page): Promise<void> => page.getByRole('heading', { name: 'Chats' }).waitFor();
  async function codeTo(to: string, count = 1): Promise<string> {
    return codeIn((await sms.smsTo(to, count)).text) || assert.fail('no code');
  }

  it('the number comes first; the country is found by name and by key', async () => {
    const { page } = await arrive('ann');
    await page.getByRole('heading', { name: 'Continue with your phone number' }).waitFor();
    const country = page.getByRole('button', { name: /^Country: / });
    assert.match((await country.getAttribute('aria-label')) ?? '', /Germany, \+49/);
    await assertAccessible(page, 'the page for the number');
    await country.click();
    const search = page.getByRole('combobox', { name: 'Search for a country' });
    await search.waitFor();
    await assertAccessible(page, 'the choice of countries');
    await search.fill('no such country');
    await page.getByText('No country of this name.').waitFor();
    await search.fill('+43');
    assert.equal(await page.getByRole('option').count(), 1);
    await search.fill('austr');
    assert.deepEqual(await page.getByRole('option').allTextContents(), ['🇦🇺Australia+61', '🇦🇹Austria+43']);
    await people[0]?.shoot('countries');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Country: Austria, +43' }).waitFor();
    await waitFor('the keyboard in the field', () => number(page).evaluate('document.activeElement?.type === "tel"') as Promise<boolean>);
    // Esc chooses nothing, and gives the keyboard back.
    await page.getByRole('button', { name: /^Country: / }).click();
    await page.keyboard.press('Escape');
    await search.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Country: Austria, +43' }).waitFor();
  });

  it('a newcomer: number, code, name; what is wrong is said', async () => {
    const [ann] = people as [Person];
    const { page } = ann;
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('alert').getByText('Please type your phone number.').waitFor();
    await number(page).fill('0664');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('alert').getByText('This is not a whole phone number.').waitFor();
    await assertAccessible(page, 'the page for the number, with a mistake');
    await number(page).fill('0664 1234567');
    await page.getByRole('button', { name: 'Send code' }).click();
    await code(page).waitFor();
    await page.getByText(ANN).waitFor();
    await assertAccessible(page, 'the page for the code');
    const right = await codeTo(ANN);
    await code(page).fill(right === '000000' ? '111111' : '000000');
    await page.getByRole('alert').getByText('You can try 4 more times').waitFor();
    assert.equal(await code(page).getAttribute('autocomplete'), 'one-time-code');
    await code(page).fill(right);
    const name = page.getByLabel('User name');
    await name.waitFor();
    assert.equal(await name.inputValue(), '', 'a number suggests no name');
    await assertAccessible(page, 'the page for the name');
    await name.fill('ann');
    await page.getByRole('button', { name: 'Create account' }).click();
    await chats(page);
  });

  it('on a phone: a number that brings its country, from the keyboard or from the clipboard; they chat', async () => {
    const bob = await arrive('bob', PHONE);
    const { page } = bob;
    await number(page).fill('+43 664 1');
    await number(page).fill('0043 664 1234567');
    await page.getByRole('button', { name: 'Country: Austria, +43' }).waitFor();
    await number(page).evaluate(`((field) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text', 'Bob: +49 (0) 151 / 123 456 78');
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    })(document.querySelector('input[type=tel]'))`);
    await page.getByRole('button', { name: 'Country: Germany, +49' }).waitFor();
    await assertAccessible(page, 'the page for the number on a phone');
    await bob.shoot('phone-number');
    await page.getByRole('button', { name: /^Country: / }).click();
    await assertAccessible(page, 'the choice of countries on a phone');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Send code' }).click();
    await code(page).fill(await codeTo(BOB));
    await page.getByLabel('User name').fill('bob');
    await page.getByRole('button', { name: 'Create account' }).click();
    await chats(page);
    await bob.add('ann');
    await bob.write('No password anywhere.');
    const [ann] = people as [Person];
    await ann.openChat('bob');
    await ann.sees('No password anywhere.');
  });

  it('another device of the same person: the first one is told, and throws it out', async () => {
    // The waiting time between two codes is in memory.
    await server.restart();
    const other = await arrive('ann-other', PHONE);
    await number(other.page).fill(ANN);
    await other.page.getByRole('button', { name: 'Send code' }).click();
    await code(other.page).fill(await codeTo(ANN, 2));
    await chats(other.page);
    const [{ page }] = people as [Person];
    await page.getByRole('link', { name: /^localhost .*signed in/ }).click();
    await page
      .getByText(/signed in to your account with a code sent to your phone number/)
      .last()
      .waitFor();
    await page.getByRole('link', { name: 'Linked devices', exact: true }).click();
    await page.getByRole('button', { name: /^Sign out (?!.*this device)/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out', exact: true }).click();
    await other.page.getByRole('heading', { name: 'Continue with your phone number' }).waitFor();
  });

  it('a second number is added to the account, and removed', async () => {
    const [ann] = people as [Person];
    const { page } = ann;
    await page.evaluate('location.hash = "#/?panel=ways"');
    await page.getByRole('listitem').getByText(ANN).waitFor();
    const field = page.getByRole('textbox', { name: 'Another phone number' });
    await field.fill('+43 664 7654321');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('textbox', { name: 'Code that was sent to +436647654321' }).fill(await codeTo('+436647654321'));
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('listitem').getByText('+436647654321').waitFor();
    await assertAccessible(page, 'the ways to sign in, with numbers');
    await page.getByRole('button', { name: 'Remove +436647654321' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('listitem').getByText('+436647654321').waitFor({ state: 'detached' });
  });

  it('for development: the code is on the page, and it says why', async (t) => {
    const local = await startServer({ kind: 'parley', config: { 'phone.providers': 'console' } });
    t.after(() => local.stop());
    const dev = await Person.arrive(browser, local.httpOrigin, 'dev');
    people.push(dev);
    await number(dev.page).fill(BOB);
    await dev.page.getByRole('button', { name: 'Send code' }).click();
    const banner = dev.page.getByRole('status').filter({ hasText: 'For development only' });
    await banner.waitFor();
    await assertAccessible(dev.page, 'the page with the code of a server for development');
    await code(dev.page).fill((await banner.locator('strong').textContent()) ?? '');
    await dev.page.getByLabel('User name').waitFor();
  });

  it('no page complained', () => {
    // A refused number and a wrong code are answers that a browser reports.
    for (const { name, complaints } of people)
      assert.deepEqual(
        complaints.filter((one) => !/status of 40[03]/.test(one)),
        [],
        name,
      );
  });
});
