// The page is reached under another name than that of the accounts, as chat.example.org for ann@example.org.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { startServer, type TestServer } from '../support/server.ts';
import { launch, noBrowser, Person } from './support.ts';

describe('a page under another name than the domain', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  before(async () => {
    server = await startServer({ kind: 'parley', config: { domain: 'example.org' } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const { host, name } of [
    { host: '127.0.0.1', name: 'ann' },
    { host: 'localhost', name: 'bea' },
  ]) {
    it(`signs up, keeps the chat over a reload and signs in again, at ${host}`, async () => {
      const ann = await Person.arrive(browser, server.httpOrigin.replace('127.0.0.1', host), name);
      const { page } = ann;
      await page.getByText('@example.org').waitFor();
      await ann.signUp('correct horse battery');
      await ann.add('bob');
      await page.reload();
      await ann.composer.waitFor();
      await page.getByRole('link', { name: 'Settings' }).first().click();
      await page.getByText(`${name}@example.org`).first().waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.getByText('@example.org', { exact: true }).waitFor();
      await page.getByLabel('User name').fill(name);
      await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Chats' }).waitFor();
      assert.deepEqual(ann.complaints, []);
      await ann.leave();
    });
  }
});
