// Passkeys with Chromium's virtual authenticator: added under "Ways to sign in", used on another device that the person's passkeys follow to.
import { after, before, describe, it } from 'node:test';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

describe('passkeys', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let origin: string;
  const people: Person[] = [];

  before(async () => {
    // Browsers allow passkeys for names only, so not for 127.0.0.1.
    server = await startServer({ kind: 'parley', config: ({ http }) => ({ 'http.publicUrl': `http://localhost:${http}` }) });
    origin = `http://localhost:${server.ports.http}`;
    browser = await launch();
  });
  after(async () => {
    for (const person of people) await person.leave();
    await browser?.close();
    await server?.stop();
  });

  async function arrive(name: string): Promise<Person> {
    const person = await Person.arrive(browser, origin, name);
    people.push(person);
    return person;
  }
  /** A phone's or a laptop's own authenticator, whose owner always agrees; answers how to speak to it. */
  async function authenticator(page: Page): Promise<{ cdp: CDPSession; authenticatorId: string }> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return { cdp, authenticatorId };
  }

  it('is added to an account, signs in on another device, and opens nothing once it was removed', async () => {
    const ann = await arrive('ann');
    const { page } = ann;
    const phone = await authenticator(page);
    await ann.signUp('staple of the day');
    await page.getByRole('link', { name: 'Settings' }).first().click();
    await page.getByRole('link', { name: 'Ways to sign in' }).click();
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    const entry = page.getByRole('list', { name: 'Ways to sign in' }).getByText(/^Passkey: /);
    await entry.waitFor();
    await assertAccessible(page, 'the ways to sign in');
    await ann.shoot('passkey-ways');

    const desk = await arrive('ann-desk');
    const laptop = await authenticator(desk.page);
    const { credentials } = await phone.cdp.send('WebAuthn.getCredentials', { authenticatorId: phone.authenticatorId });
    for (const credential of credentials)
      await laptop.cdp.send('WebAuthn.addCredential', { authenticatorId: laptop.authenticatorId, credential });
    await desk.page.getByRole('button', { name: 'Use a passkey' }).click();
    await desk.page.getByRole('heading', { name: 'Chats' }).waitFor();

    await page.getByRole('button', { name: /^Remove Passkey/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('Nothing but a password so far.').waitFor();
    const again = await arrive('ann-again');
    const third = await authenticator(again.page);
    for (const credential of credentials)
      await third.cdp.send('WebAuthn.addCredential', { authenticatorId: third.authenticatorId, credential });
    await again.page.getByRole('button', { name: 'Use a passkey' }).click();
    await again.page.getByRole('alert').getByText('This passkey does not open an account here.').waitFor();
  });
});
