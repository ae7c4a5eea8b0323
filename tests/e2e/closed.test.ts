// A server that lets nobody register, and a session that ends: what the first page says then.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

describe('a server that is closed to strangers', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  before(async () => {
    server = await startServer({ kind: 'parley', config: { 'registration.open': false } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it('offers no sign-up, and says in a sentence that nobody knows this name', async () => {
    const guest = await Person.arrive(browser, server.httpOrigin, 'guest');
    const { page } = guest;
    // The domain and the word about registration come in one answer.
    await page.getByText('@localhost').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Create an account' }).count(), 0);
    await page.getByLabel('User name').fill('guest');
    await page.getByLabel('Password', { exact: true }).fill('let me in please');
    await page.getByRole('button', { name: 'Show password' }).click();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The user name or the password is not right.').waitFor();
    await assertAccessible(page, 'the sign-in page of a closed server');
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('type'), 'text');
    assert.deepEqual(guest.complaints, []);
    await guest.leave();
  });

  it('says so when the server cannot be reached, and works when it can be again', async () => {
    const guest = await Person.arrive(browser, server.httpOrigin, 'guest');
    await guest.page.getByText('@localhost').waitFor();
    // The rest of the app is fetched while the person types; then the network goes.
    await guest.page.getByLabel('User name').fill('guest');
    for (const part of ['session', 'ChatApp'])
      await waitFor(`${part} to be fetched`, () =>
        guest.page.evaluate(`performance.getEntriesByType('resource').some(({ name }) => /\\/${part}-[^/]*\\.js$/.test(name))`),
      );
    await guest.goOffline();
    await guest.page.getByLabel('Password', { exact: true }).fill('let me in please');
    await guest.page.getByRole('button', { name: 'Sign in' }).click();
    await guest.page
      .getByRole('alert')
      .getByText(/connection|network|server/i)
      .waitFor();
    await guest.goOnline();
    await guest.page.getByRole('button', { name: 'Sign in' }).click();
    await guest.page.getByText('The user name or the password is not right.').waitFor();
    await guest.leave();
  });
});
