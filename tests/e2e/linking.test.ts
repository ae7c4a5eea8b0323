// Linking a browser as people know it: a code and a picture on the new one, confirmed on the one that is signed in. The new one is a phone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe('linking a device', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  const people: Person[] = [];

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
  });
  after(async () => {
    for (const person of people) await person.leave();
    await browser?.close();
    await server?.stop();
  });
  async function arrive(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await Person.arrive(browser, server.httpOrigin, name, options);
    people.push(person);
    return person;
  }
  async function showCode({ page }: Person): Promise<string> {
    await page.getByRole('button', { name: 'Link with another device' }).click();
    const code = page.getByRole('status', { name: 'Code', exact: true });
    await code.waitFor();
    return ((await code.textContent()) ?? '').trim();
  }

  it('the code is typed on the signed-in device, which sees who asks; the new one shows the chats, and is in the list of devices', async () => {
    const ann = await arrive('ann');
    await ann.signUp('staple of the day');
    const phone = await arrive('ann-phone', PHONE);
    const code = await showCode(phone);
    assert.match(code, /^[A-Z2-9]{4}-[A-Z2-9]{4}$/);
    await phone.page.getByRole('img', { name: 'QR code with the code below' }).waitFor();
    await assertAccessible(phone.page, 'the page with the code');
    await phone.shoot('link-code');

    const { page } = ann;
    await page.getByRole('link', { name: 'Settings' }).first().click();
    await page.getByRole('link', { name: 'Devices' }).click();
    await page.getByLabel('Link a device').fill(code.toLowerCase());
    await page.getByRole('button', { name: 'Next' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('127.0.0.1').waitFor();
    await assertAccessible(page, 'who asks to be linked');
    await ann.shoot('link-confirm');
    await dialog.getByRole('button', { name: 'Link', exact: true }).click();
    await phone.page.getByRole('heading', { name: 'Chats' }).waitFor();
    await page.getByRole('list', { name: 'Devices' }).getByRole('listitem').nth(1).waitFor();
  });

  it('the picture leads to the same question; a no is told to the new device', async () => {
    const desk = await arrive('desk');
    const code = await showCode(desk);
    const { page } = people[0] as Person;
    await page.goto(`${server.httpOrigin}/#/?panel=devices&link=${code.replace('-', '')}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await desk.page.getByRole('alert').getByText('The other device has declined.').waitFor();
    await desk.page.getByRole('button', { name: 'Sign in in another way' }).click();
    await desk.page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  });
});
