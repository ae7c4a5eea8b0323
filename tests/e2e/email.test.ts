// Two people, and two devices of one of them, who never type a password: codes come over a real mail server.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

describe('accounts by e-mail address', { skip: noBrowser }, () => {
  let folder: string;
  let post: MailServer;
  let server: TestServer;
  let browser: Browser;
  const people: Person[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-email-'));
    post = await startMailServer(folder);
    server = await startServer({ kind: 'parley', config: post.config });
    browser = await launch();
  });
  after(async () => {
    for (const person of people) await person.leave();
    await browser?.close();
    await server?.stop();
    await post?.close();
    await rm(folder, { recursive: true });
  });

  async function arrive(name: string): Promise<Person> {
    const person = await Person.arrive(browser, server.httpOrigin, name);
    people.push(person);
    return person;
  }
  async function askForCode({ page }: Person, to: string): Promise<void> {
    await page.getByRole('button', { name: 'Continue with e-mail' }).click();
    await page.getByRole('textbox', { name: 'E-mail address' }).fill(to);
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('textbox', { name: 'Code', exact: true }).waitFor();
  }
  const codeTo = async (to: string, mail = 1): Promise<string> =>
    /\d{6}/.exec((await post.mailTo(to, mail)).parts.get('text/plain') ?? '')?.[0] ?? assert.fail('no code');

  it('a newcomer: address, code, name; a wrong code says so', async () => {
    const ann = await arrive('ann');
    const { page } = ann;
    await page.getByRole('button', { name: 'Continue with e-mail' }).click();
    await page.getByRole('textbox', { name: 'E-mail address' }).waitFor();
    await assertAccessible(page, 'the page for the address');
    await page.getByRole('textbox', { name: 'E-mail address' }).fill('nobody');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('alert').getByText('This is not a user name or an address.').waitFor();
    await page.getByRole('textbox', { name: 'E-mail address' }).fill('Ann.Lee+chat@mail.example');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByRole('textbox', { name: 'Code', exact: true }).waitFor();
    await assertAccessible(page, 'the page for the code');
    await ann.shoot('code');
    const code = await codeTo('ann.lee+chat@mail.example');
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(code === '000000' ? '111111' : '000000');
    await page.getByRole('alert').getByText('You can try 4 more times').waitFor();
    // Whole, it goes by itself.
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(code);
    const name = page.getByLabel('User name');
    await name.waitFor();
    assert.equal(await name.inputValue(), 'ann.lee');
    await assertAccessible(page, 'the page for the name');
    await name.fill('ann');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Chats' }).waitFor();
  });

  it('they chat; a reload and a second tab need nothing', async () => {
    const bob = await arrive('bob');
    await askForCode(bob, 'bob@mail.example');
    await bob.page.getByRole('textbox', { name: 'Code', exact: true }).fill(await codeTo('bob@mail.example'));
    await bob.page.getByRole('button', { name: 'Create account' }).click();
    await bob.page.getByRole('heading', { name: 'Chats' }).waitFor();
    await bob.add('ann');
    await bob.write('No password anywhere.');
    const ann = people[0] as Person;
    await ann.openChat('bob');
    await ann.sees('No password anywhere.');
    const tab = await bob.context.newPage();
    await tab.goto(`${server.httpOrigin}/`);
    await tab.getByRole('link', { name: /^ann/ }).click();
    await tab.getByRole('textbox', { name: /^Message to / }).fill('From a second tab.');
    await tab.keyboard.press('Enter');
    await ann.sees('From a second tab.');
    await tab.close();
    await bob.page.reload();
    await bob.sees('From a second tab.');
    await bob.write('After a reload.');
    await ann.sees('After a reload.');
  });

  it('another device of the same person: the code alone, and the chats are there', async () => {
    // The waiting time between two codes is in memory.
    await server.restart();
    const desk = await arrive('ann-desk');
    await askForCode(desk, 'ann.lee+chat@mail.example');
    await desk.page.getByRole('textbox', { name: 'Code', exact: true }).fill(await codeTo('ann.lee+chat@mail.example', 2));
    await desk.page.getByRole('heading', { name: 'Chats' }).waitFor();
    await desk.openChat('bob');
    await desk.sees('After a reload.');
  });
});
