// The button of another provider: to its pages (oidc-provider's own) and back, on a desk and on a phone, and as a further way into an account.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type OidcServer, startOidc } from '../support/oidc.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe('accounts by another provider', { skip: noBrowser }, () => {
  let folder: string;
  let provider: OidcServer;
  let server: TestServer;
  let browser: Browser;
  const people: Person[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-social-'));
    provider = await startOidc(() => [`${server.httpOrigin}/sign-in/company`]);
    provider.people.set('ann', { sub: 'ann', name: 'Ann Lee', email: 'ann.lee@company.example', email_verified: true });
    const file = join(folder, 'providers.yaml');
    const { issuer, clientId, clientSecret } = provider;
    await writeFile(file, JSON.stringify({ company: { name: 'Company', issuer, clientId, clientSecret } }));
    server = await startServer({ kind: 'parley', config: { 'social.providers': file } });
    browser = await launch();
  });
  after(async () => {
    for (const person of people) await person.leave();
    await browser?.close();
    await server?.stop();
    await provider?.close();
    await rm(folder, { recursive: true });
  });

  async function arrive(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await Person.arrive(browser, server.httpOrigin, name, options);
    people.push(person);
    return person;
  }
  /** The provider's pages: who somebody is, and that they agree. */
  async function agree(page: Page, login: string): Promise<void> {
    await page.locator('input[name=login]').fill(login);
    await page.locator('input[name=password]').fill('anything');
    await page.locator('button[type=submit]').click();
    await page.locator('input[name=prompt][value=consent]').waitFor({ state: 'attached' });
    await page.locator('button[type=submit]').click();
  }
  const chats = (page: Page): Promise<void> => page.getByRole('heading', { name: 'Chats' }).waitFor();

  it('a newcomer on a phone: there and back, a name, the chats; nothing of it stays in the address', async () => {
    const { page } = await arrive('ann', PHONE);
    await page.getByRole('button', { name: 'Continue with Company' }).waitFor();
    await assertAccessible(page, 'the sign-in page with a provider');
    await page.getByRole('button', { name: 'Continue with Company' }).click();
    await agree(page, 'ann');
    const name = page.getByLabel('User name');
    await name.waitFor();
    assert.equal(await name.inputValue(), 'ann.lee');
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/');
    await assertAccessible(page, 'the page for the name');
    await people[0]?.shoot('social-name');
    await name.fill('ann');
    await page.getByRole('button', { name: 'Create account' }).click();
    await chats(page);
    await page.reload();
    await chats(page);
  });

  it('the same person on another device: no name is asked for', async () => {
    const { page } = await arrive('ann-desk');
    await page.getByRole('button', { name: 'Continue with Company' }).click();
    await agree(page, 'ann');
    await chats(page);
  });

  it('somebody says no, or opens the address of another attempt: a sentence, and the sign-in page', async () => {
    const { page } = await arrive('nobody');
    await page.getByRole('button', { name: 'Continue with Company' }).click();
    await page.locator('a[href$="/abort"]').click();
    await page.getByText('Company did not let you in here.').waitFor();
    await page.goto(`${server.httpOrigin}/sign-in/company?code=stolen&state=stolen`);
    await page.getByText('This attempt to sign in began in another tab.').waitFor();
    assert.equal(new URL(page.url()).search, '');
  });

  it('an account with a password gets it as a further way in, and loses it again', async () => {
    const bob = await arrive('bob');
    await bob.signUp('staple of the day');
    const { page } = bob;
    await page.getByRole('link', { name: 'Settings' }).first().click();
    await page.getByRole('link', { name: 'Ways to sign in' }).click();
    await page.getByText('Nothing but a password so far.').waitFor();
    await assertAccessible(page, 'the ways to sign in');
    await page.getByRole('button', { name: 'Connect Company' }).click();
    await agree(page, 'bob');
    await page.getByRole('listitem').getByText('Company', { exact: true }).waitFor();
    await bob.shoot('social-ways');
    const again = await arrive('bob-again');
    await again.page.getByRole('button', { name: 'Continue with Company' }).click();
    await agree(again.page, 'bob');
    await chats(again.page);
    await page.getByRole('button', { name: 'Remove Company' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('Nothing but a password so far.').waitFor();
  });
});
