// A long history in a small page: opened at the first unread message, older ones loaded without a jump, few nodes, uploads that can be stopped.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { photograph } from './photo.ts';
import { assertAccessible, launch, noBrowser, Person } from './support.ts';

const HISTORY = 330;
const UNREAD = 40;

interface Anchor {
  readonly key: string;
  readonly top: number;
  /** How far the list is scrolled, and how far it could be, in pixels. */
  readonly at: number;
  readonly height: number;
}

/**
 * The first message that is wholly in view, and where it stands, once the list is at rest: nothing is being loaded, and nothing has changed
 * for ten frames. Runs in the page, as text, because these tests know no DOM types.
 */
const ANCHOR = `new Promise((resolve) => {
  const look = () => {
    const host = document.querySelector('.timeline');
    const edge = host.getBoundingClientRect().top;
    const items = [...host.querySelectorAll('li.item')];
    const seen = items.find((item) => item.getBoundingClientRect().top >= edge);
    if (seen === undefined || document.querySelector('.timeline-loading') !== null) return undefined;
    return { key: seen.dataset.key, top: seen.getBoundingClientRect().top, at: host.scrollTop, height: host.scrollHeight };
  };
  let last = '';
  let same = 0;
  const frame = () => {
    const now = look();
    const text = JSON.stringify(now) ?? '';
    same = now !== undefined && text === last ? same + 1 : 0;
    last = text;
    if (same >= 10) resolve(now);
    else requestAnimationFrame(frame);
  };
  frame();
})`;

async function atRest(page: Page): Promise<Anchor> {
  return (await page.evaluate(ANCHOR)) as Anchor;
}

describe('a long conversation', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let bob: ChatClient;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann');
    await ann.signUp('correct horse battery');
    bob = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
    await bob.register({ username: 'bob', password: 'staple of the day' });
    await send(1, HISTORY);
  });
  after(async () => {
    await bob?.close();
    await ann?.leave();
    await browser?.close();
    await server?.stop();
  });

  async function send(from: number, to: number): Promise<void> {
    const conversation = bob.conversation('ann');
    const handles = [];
    for (let number = from; number <= to; number++) {
      const more = number % 9 === 0 ? ` ${'and a little more to read '.repeat(9)}` : '';
      handles.push(await conversation.send(`Message ${number}.${more}`));
    }
    await Promise.all(handles.map((handle) => handle.sent));
  }

  it('jumps to the newest message and keeps the page small', async () => {
    const { page } = ann;
    // The server had all of them; her page has them when the row shows the last. Opened earlier, the divider counts fewer.
    await page.getByRole('link', { name: new RegExp(`^bob .*Message ${HISTORY}\\.`) }).click();
    await ann.composer.waitFor();
    await page.locator('.timeline').getByText(`${HISTORY} unread messages`).waitFor();
    await page.getByRole('button', { name: /^Jump to latest/ }).click();
    await ann.sees(`Message ${HISTORY}.`);
    // A stranger's message can be answered by adding or blocking: both are offered.
    await page.getByRole('button', { name: 'Add to contacts' }).waitFor();
    await assertAccessible(page, 'a chat with a stranger');
    const items = await page.locator('li.item').count();
    assert.ok(items < 80, `${items} messages in the page`);
    // At the end everything counts as read, which the row of the chat tells; left earlier, the chat would open at the divider again.
    await page.getByRole('button', { name: /^Jump to latest/ }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /^bob .*unread/ }).waitFor({ state: 'detached' });
  });

  it('loads older messages above without moving what is read', async () => {
    const { page } = ann;
    // Everything is read now: opened again, the chat begins at its end.
    await ann.closeChat();
    await page.getByRole('link', { name: /^bob .*Message/ }).click();
    await ann.sees(`Message ${HISTORY}.`);
    // Five loads fill the window of 300 messages: until then the list grows with each.
    for (let round = 0; round < 5; round++) {
      await page.evaluate(`document.querySelector('.timeline').scrollTop = 760`);
      const before = await atRest(page);
      // Into the reach of the loader; the position is then held by the list, not by luck.
      await page.evaluate(`document.querySelector('.timeline').scrollTop = 640`);
      const expected = before.top + before.at - 640;
      await waitFor('older messages', () => page.evaluate(`document.querySelector('.timeline').scrollHeight > ${before.height} + 400`));
      await atRest(page);
      const top = (await page.evaluate(`document.querySelector('[data-key="${before.key}"]')?.getBoundingClientRect().top`)) as
        | number
        | undefined;
      assert.ok(top !== undefined, 'the message that was read is still there');
      assert.ok(Math.abs(top - expected) <= 2, `it stood at ${expected} and stands at ${top}`);
    }
    const nodes = (await page.evaluate('document.querySelectorAll("*").length')) as number;
    assert.ok(nodes < 3000, `${nodes} nodes`);
  });

  it('counts what comes in below, and jumps there', async () => {
    const { page } = ann;
    await send(HISTORY + 1, HISTORY + 3);
    const jump = page.getByRole('button', { name: 'Jump to latest, 3 new messages' });
    await jump.click();
    await ann.sees(`Message ${HISTORY + 3}.`);
    await page.getByRole('button', { name: /^Jump to latest/ }).waitFor({ state: 'detached' });
  });

  it('opens at the first unread message', async () => {
    const { page } = ann;
    await page.getByRole('link', { name: /^bob .*unread/ }).waitFor({ state: 'detached' });
    await ann.closeChat();
    await send(HISTORY + 4, HISTORY + 3 + UNREAD);
    await page.getByRole('link', { name: new RegExp(`^bob .*${UNREAD} unread messages`) }).click();
    await page.locator('.timeline').getByText(`${UNREAD} unread messages`).waitFor();
    await atRest(page);
    const first = page.locator('li.item', { hasText: `Message ${HISTORY + 4}.` });
    const box = await first.boundingBox();
    const pane = await page.locator('.timeline').boundingBox();
    assert.ok(
      box !== null && pane !== null && box.y >= pane.y - 2 && box.y < pane.y + pane.height / 2,
      `the first unread message is at ${box?.y}`,
    );
  });

  it('an upload shows its progress and can be stopped', async () => {
    const { page } = ann;
    await page.getByRole('button', { name: /^Jump to latest/ }).click();
    let asked = false;
    await page.route('**/media/**', (route) => {
      if (route.request().method() === 'PUT') asked = true;
      else return route.continue();
    });
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'slow.jpg', mimeType: 'image/jpeg', buffer: await photograph() });
    await page.getByRole('textbox', { name: 'Caption for slow.jpg' }).fill('Never mind');
    await page.keyboard.press('Enter');
    await ann.seesTick('Never mind', 'pending');
    const ring = page.getByRole('button', { name: /^Sending photo, \d+ %\. Cancel$/ });
    await ring.waitFor();
    await assertAccessible(page, 'a photo on its way');
    await ann.shoot('uploading');
    await waitFor('the upload to begin', () => asked);
    await ring.click();
    await page.locator('li.item', { hasText: 'Never mind' }).waitFor({ state: 'detached' });
    await page.unroute('**/media/**');
  });

  it('takes photos by paste and by drop', async () => {
    const { page } = ann;
    const bytes = [...(await photograph(3))].join(',');
    const transfer = `(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array([${bytes}])], 'copied.jpg', { type: 'image/jpeg' }));
      return data;
    })()`;
    await page.evaluate(
      `document.querySelector('.composer textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData: ${transfer}, bubbles: true, cancelable: true }))`,
    );
    await page.getByRole('region', { name: 'Files for bob' }).waitFor();
    await page.getByRole('button', { name: 'Remove copied.jpg' }).click();
    await page.getByRole('region', { name: 'Files for bob' }).waitFor({ state: 'detached' });
    await page.evaluate(`(() => {
      const dataTransfer = ${transfer};
      const pane = document.querySelector('.conversation');
      pane.dispatchEvent(new DragEvent('dragenter', { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
    await page.getByText('Drop photos and files here').waitFor();
    await page.evaluate(
      `document.querySelector('.conversation').dispatchEvent(new DragEvent('drop', { dataTransfer: ${transfer}, bubbles: true, cancelable: true }))`,
    );
    await page.getByRole('textbox', { name: 'Caption for copied.jpg' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('region', { name: 'Files for bob' }).waitFor({ state: 'detached' });
    await ann.composer.waitFor();
  });

  it('drafts are kept per chat', async () => {
    const { page } = ann;
    await ann.composer.fill('What I wanted to say');
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: /^bob .*Draft: What I wanted to say/ }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: /^bob .*Draft: What I wanted to say/ }).click();
    assert.equal(await ann.composer.inputValue(), 'What I wanted to say');
  });

  it('no page complained', () => {
    assert.deepEqual(ann.complaints, []);
  });
});
