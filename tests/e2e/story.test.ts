// Two people, two browsers, one server: from signing up to reading the history without a network.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { photograph } from './photo.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

describe('two people chat in their browsers', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let bob: Person;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
  });
  after(async () => {
    await ann?.leave();
    await bob?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('both sign up', async () => {
    ann = await Person.arrive(browser, server.httpOrigin, 'ann');
    await assertAccessible(ann.page, 'the sign-in page');
    await ann.shoot('sign-in');
    await ann.signUp('correct horse battery');
    bob = await Person.arrive(browser, server.httpOrigin, 'bob', { colorScheme: 'dark' });
    await bob.signUp('staple of the day');
    await assertAccessible(bob.page, 'the empty chat list');
  });

  it('a taken name and a wrong password are told as sentences', async () => {
    const eve = await Person.arrive(browser, server.httpOrigin, 'ann');
    const { page } = eve;
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('User name').fill('ann');
    await page.getByLabel('Password', { exact: true }).fill('another password');
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('This user name is taken').waitFor();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('User name').fill('ann');
    await page.getByLabel('Password', { exact: true }).fill('not her password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The user name or the password is not right.').waitFor();
    await assertAccessible(page, 'the sign-in page with an error');
    await eve.leave();
  });

  it('one asks, the other accepts', async () => {
    await ann.add('bob');
    await bob.page.getByRole('heading', { name: 'Wants to chat with you' }).waitFor();
    await bob.shoot('contact-request');
    await bob.page.getByRole('button', { name: 'Accept' }).click();
    await bob.composer.waitFor();
    // Being accepted shows: the other's presence is known now.
    await ann.page.locator('.conversation .state', { hasText: 'online' }).waitFor();
  });

  it('they chat both ways, see each other typing, and the ticks turn blue', async () => {
    await ann.write('Good morning, Bob!');
    await bob.sees('Good morning, Bob!');
    await ann.seesTick('Good morning, Bob!', 'read');
    await bob.typesUntil(ann.page.locator('.conversation .state.typing'));
    await bob.write('Hi Ann! Have you seen the sky? https://example.org/sky');
    await ann.sees('Have you seen the sky?');
    await bob.seesTick('Have you seen the sky?', 'read');
    const link = ann.page.getByRole('link', { name: 'https://example.org/sky', exact: true });
    assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
  });

  it('text is shown as text, whatever it looks like', async () => {
    const nasty = '<img src=x onerror=alert(1)> javascript:alert(1) &amp;';
    await ann.write(nasty);
    await bob.sees(nasty);
    assert.equal(await bob.page.locator('.timeline img').count(), 0);
    assert.equal(await bob.page.locator('.timeline a[href^="javascript"]').count(), 0);
  });

  it('a photo comes as a placeholder with its room reserved, then a thumbnail; in full only on a click', async () => {
    await bob.page.getByRole('link', { name: 'Settings' }).first().click();
    await bob.page.getByLabel('Never').check();
    await bob.page.getByRole('link', { name: 'Back', exact: true }).click();
    const full: string[] = [];
    bob.page.on('request', (request) => {
      if (request.resourceType() === 'image') full.push(request.url());
    });
    await ann.page
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'sunrise.jpg', mimeType: 'image/jpeg', buffer: await photograph() });
    await ann.page.getByRole('textbox', { name: 'Caption for sunrise.jpg' }).waitFor();
    await assertAccessible(ann.page, 'the tray of staged files');
    await ann.shoot('staged-photo');
    await ann.page.getByRole('textbox', { name: 'Caption for sunrise.jpg' }).fill('Sunrise over the harbour');
    await ann.page.getByRole('textbox', { name: 'Caption for sunrise.jpg' }).press('Enter');
    await ann.sees('Sunrise over the harbour');
    await bob.sees('Sunrise over the harbour');
    const photo = bob.page.getByRole('button', { name: /^Open photo from ann/ });
    // Sizes, not places: the list may still be on its way to its end.
    const sizes = async (): Promise<{ room: number[]; message: number[] }> => {
      const [room, message] = [await photo.boundingBox(), await bob.page.locator('li.item', { has: photo }).boundingBox()];
      return { room: [room?.width ?? 0, room?.height ?? 0], message: [message?.width ?? 0, message?.height ?? 0] };
    };
    const before = await sizes();
    const [width = 0, height = 0] = before.room;
    assert.ok(Math.abs(width / height - 1.5) < 0.05, `the room is ${width}×${height}`);
    await photo.locator('canvas').waitFor();
    await photo.locator('img:not([hidden])').waitFor();
    assert.deepEqual(await sizes(), before, 'nothing moves when the thumbnail comes');
    const small = await photo.locator('img').getAttribute('src');
    assert.ok(
      small !== null && full.every((url) => url.endsWith(small) || new URL(url).pathname.startsWith('/icons/')),
      `only the thumbnail was fetched: ${full}`,
    );
    await ann.seesTick('Sunrise over the harbour', 'read');
    await photo.click();
    const viewer = bob.page.getByRole('dialog', { name: 'Photo from ann' });
    await viewer.getByRole('img', { name: 'Sunrise over the harbour' }).waitFor();
    await assertAccessible(bob.page, 'the viewer');
    await bob.shoot('viewer');
    await bob.page.keyboard.press('Escape');
    await viewer.waitFor({ state: 'hidden' });
  });

  it('a document keeps its name and its bytes', async () => {
    const bytes = Buffer.from('Tickets for the boat\n'.repeat(40));
    await ann.page.locator('input[type=file]').first().setInputFiles({ name: 'tickets.txt', mimeType: 'text/plain', buffer: bytes });
    await ann.page.getByRole('region', { name: 'Files for bob' }).getByRole('button', { name: 'Send', exact: true }).click();
    const link = bob.page.getByRole('link', { name: /^Download tickets\.txt/ });
    const [download] = await Promise.all([bob.page.waitForEvent('download'), link.click()]);
    assert.equal(download.suggestedFilename(), 'tickets.txt');
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    assert.deepEqual(Buffer.concat(chunks), bytes);
  });

  it('without a network a message waits under a clock, survives a reload, and goes out by itself: clock, one tick, two ticks, blue', async () => {
    await ann.installed();
    await bob.goOffline();
    await ann.goOffline();
    await ann.write('Written in the tunnel');
    await ann.seesTick('Written in the tunnel', 'pending');
    await ann.page.getByText('1 message waits').waitFor();
    await ann.shoot('offline');
    await assertAccessible(ann.page, 'the page without a network');
    await ann.page.reload();
    await ann.seesTick('Written in the tunnel', 'pending');
    await ann.sees('Good morning, Bob!');
    await ann.goOnline();
    // The server has it, and no device of Bob's: one tick.
    await ann.seesTick('Written in the tunnel', 'sent');
    // Bob's device has it, while Bob looks elsewhere: two ticks.
    await bob.page.getByRole('button', { name: 'Contact info', exact: true }).waitFor();
    await bob.closeChat();
    await bob.goOnline();
    await ann.seesTick('Written in the tunnel', 'delivered');
    const row = bob.page.getByRole('link', { name: /^ann .*1 unread message/ });
    await row.waitFor();
    await waitFor('the number in the title', async () => (await bob.page.title()).startsWith('(1) Parley'));
    // Bob reads it: blue.
    await row.click();
    await bob.page.locator('.timeline').getByText('1 unread message').waitFor();
    await ann.seesTick('Written in the tunnel', 'read');
    assert.equal(await bob.page.locator('li.item', { hasText: 'Written in the tunnel' }).count(), 1, 'delivered once');
  });

  it('a photo staged without a network is sent when it is back, also after a reload', async () => {
    await ann.goOffline();
    await ann.page
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'later.jpg', mimeType: 'image/jpeg', buffer: await photograph(2) });
    await ann.page.getByRole('textbox', { name: 'Caption for later.jpg' }).fill('Sent later');
    await ann.page.keyboard.press('Enter');
    await ann.seesTick('Sent later', 'pending');
    await ann.page.reload();
    await ann.seesTick('Sent later', 'pending');
    await ann.goOnline();
    await bob.sees('Sent later');
    await ann.seesTick('Sent later', 'read');
  });

  it('opens without a network, with its history', async () => {
    await bob.installed();
    await bob.goOffline();
    await bob.page.reload();
    await bob.sees('Good morning, Bob!');
    await bob.sees('Sent later');
    // The thumbnail was seen before, so it is still there.
    await bob.page.locator('.photo img:not([hidden])').first().waitFor();
    await bob.shoot('opened-offline');
    await bob.goOnline();
    await ann.write('Are you back?');
    await bob.sees('Are you back?');
  });

  it('read receipts can be switched off, for both directions', async () => {
    const receipts = async (on: boolean): Promise<void> => {
      await bob.page.getByRole('link', { name: 'Settings' }).first().click();
      await bob.page.getByRole('switch', { name: /^Read receipts/ }).setChecked(on);
      await bob.page.getByRole('link', { name: 'Back', exact: true }).click();
    };
    await receipts(false);
    await ann.write('A quiet word');
    await bob.sees('A quiet word');
    await bob.write('I heard it');
    await ann.sees('I heard it');
    // What came after it is here, so a marker would have come, too.
    await ann.seesTick('A quiet word', 'delivered');
    await bob.seesTick('I heard it', 'delivered');
    await receipts(true);
    await bob.seesTick('I heard it', 'read');
  });

  it('a name of one’s own is seen by whoever comes', async () => {
    await bob.page.getByRole('link', { name: 'Settings' }).first().click();
    await bob.page.getByLabel('Your name').fill('Bob Berger');
    await bob.page.getByRole('button', { name: 'Save' }).click();
    await bob.page.getByText('Your name was saved.').waitFor();
    await bob.page.getByRole('link', { name: 'Back', exact: true }).click();
    const carla = await Person.arrive(browser, server.httpOrigin, 'carla');
    await carla.signUp('the third password');
    await carla.add('bob');
    await carla.page.getByRole('heading', { name: 'Bob Berger' }).waitFor();
    await bob.page.getByRole('heading', { name: 'Wants to chat with you' }).waitFor();
    await bob.page.getByRole('button', { name: 'Decline' }).click();
    assert.deepEqual(carla.complaints, []);
    await carla.leave();
  });

  it('is usable and accessible in both themes, on a big and on a small screen', async () => {
    for (const theme of ['Light', 'Dark']) {
      await ann.page.getByRole('link', { name: 'Settings' }).first().click();
      await ann.page.getByLabel(theme, { exact: true }).check();
      const name = theme.toLowerCase();
      await ann.page.getByRole('heading', { name: 'Settings' }).waitFor();
      await assertAccessible(ann.page, `the settings, ${name}`);
      await ann.shoot(`settings-${name}`);
      await ann.page.getByRole('link', { name: /^Blocked people/ }).click();
      await ann.page.getByRole('heading', { name: 'Blocked people' }).waitFor();
      await assertAccessible(ann.page, `the blocked people, ${name}`);
      await ann.page.keyboard.press('Escape');
      await ann.page.getByRole('heading', { name: 'Settings' }).waitFor();
      await ann.page.keyboard.press('Escape');
      await ann.page.getByRole('heading', { name: 'Chats' }).waitFor();
      await ann.page.getByRole('link', { name: 'New chat' }).first().click();
      await ann.page.getByLabel('User name or address').waitFor();
      await assertAccessible(ann.page, `a new chat, ${name}`);
      await ann.page.keyboard.press('Escape');
      await ann.page.getByRole('heading', { name: 'Chats' }).waitFor();
      await ann.page.getByRole('button', { name: 'Contact info', exact: true }).click();
      await ann.page.getByRole('heading', { name: 'Contact info' }).waitFor();
      await assertAccessible(ann.page, `chat and contact, ${name}`);
      await ann.shoot(`contact-${name}`);
      await ann.page.keyboard.press('Escape');
      await ann.page.getByRole('heading', { name: 'Contact info' }).waitFor({ state: 'detached' });
      await ann.shoot(`chat-${name}`);
      await ann.page.setViewportSize({ width: 390, height: 800 });
      await assertAccessible(ann.page, `the chat on a phone, ${name}`);
      await ann.shoot(`phone-chat-${name}`);
      await ann.page.getByRole('link', { name: 'Back to the chats' }).click();
      await ann.page.getByRole('heading', { name: 'Chats' }).waitFor();
      await assertAccessible(ann.page, `the chats on a phone, ${name}`);
      await ann.shoot(`phone-list-${name}`);
      await ann.page.setViewportSize({ width: 1280, height: 800 });
      await ann.openChat('bob');
    }
  });

  it('the keyboard reaches everything: search, a chat, its messages', async () => {
    const search = ann.page.locator('.list-pane input[type=search]');
    await ann.page.keyboard.press('Control+k');
    await ann.page.locator('.list-pane input[type=search]:focus').waitFor();
    await ann.page.keyboard.type('bo');
    await ann.page.keyboard.press('Enter');
    await waitFor('the search to be over', async () => (await search.inputValue()) === '');
    await ann.composerTo('bob').waitFor();
    await ann.page.locator('li.item[tabindex="0"]').focus();
    await ann.page.keyboard.press('ArrowUp');
    const label = await ann.page.locator('li.item:focus').getAttribute('aria-label');
    assert.match(label ?? '', /^(You|bob), .+, \d\d:\d\d/);
    // Closing what had the focus leaves the focus at what took its place.
    await ann.page.getByRole('button', { name: 'Contact info', exact: true }).press('Enter');
    await ann.page.getByRole('button', { name: 'Copy address' }).focus();
    await ann.page.keyboard.press('Escape');
    await ann.page.locator('.conversation .who:focus').waitFor();
    await ann.page.keyboard.press('Escape');
    await ann.page.getByRole('heading', { name: 'Parley' }).waitFor();
    await ann.page.locator('h1:focus', { hasText: 'Chats' }).waitFor();
  });

  it('blocking ends it, and unblocking undoes that', async () => {
    await ann.openChat('bob');
    await ann.page.getByRole('button', { name: 'Contact info', exact: true }).click();
    await ann.page.getByRole('button', { name: 'Block bob' }).click();
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click();
    await ann.page.getByText('You have blocked bob.').waitFor();
    await ann.page.getByRole('button', { name: 'Unblock', exact: true }).click();
    await ann.composer.waitFor();
    await ann.page.keyboard.press('Escape');
  });

  it('a link to a chat works by name, and a mangled one opens the list', async () => {
    await ann.page.evaluate('location.hash = "#/chat/BOB"');
    await ann.page.getByRole('textbox', { name: 'Message to bob' }).waitFor();
    await ann.page.evaluate('location.hash = "#/chat/%E0%A4%A"');
    await ann.page.getByRole('heading', { name: 'Parley' }).waitFor();
    await ann.openChat('bob');
    await ann.page.evaluate('location.hash = "#/chat/a%20b%40@"');
    await ann.page.getByRole('heading', { name: 'Parley' }).waitFor();
  });

  it('signing out leaves nothing behind', async () => {
    await ann.page.getByRole('link', { name: 'Settings' }).first().click();
    await ann.page.getByRole('button', { name: 'Sign out' }).click();
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    await ann.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await ann.page.reload();
    await ann.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await ann.page.getByText('Good morning').count(), 0);
  });

  it('no page complained', () => {
    assert.deepEqual([...ann.complaints, ...bob.complaints], []);
  });
});
