// Our web client in Chromium talks with each foreign client: contacts, text both ways with receipts, photos both ways.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { photograph } from '../e2e/photo.ts';
import { launch, noBrowser, Person } from '../e2e/support.ts';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import type { Account, Driver, Heard, MakeDriver, Network } from './drivers/driver.ts';
import { Profanity, profanityMissing } from './drivers/profanity.ts';
import { Slixmpp, slixmppMissing, slixmppUploadMissing } from './drivers/slixmpp.ts';
import { StanzaIo } from './drivers/stanza-io.ts';
import { XmppJs } from './drivers/xmpp-js.ts';

const TIMEOUT_MS = 3 * PATIENCE_MS;
const WEB = 'wendy';

describe('the web client and the clients of others', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let wendy: Person;
  let network: Network;
  let folder: string;
  let photo: Buffer;
  const webAddress = (): string => `${WEB}@${server.domain}`;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    const pem = await certificateOf(server.ports.xmpps, server.domain);
    trust(pem);
    folder = await mkdtemp(join(tmpdir(), 'parley-interop-'));
    const certificateFile = join(folder, 'server.pem');
    await writeFile(certificateFile, pem);
    const webSocket = server.webSocket.replace('127.0.0.1', 'localhost');
    network = { xmpp: server.ports.xmpp, xmpps: server.ports.xmpps, webSocket, certificateFile };
    photo = await photograph();
    browser = await launch();
    // The other name of this machine: files and WebSocket work whichever one was typed into the address bar.
    wendy = await Person.arrive(browser, server.httpOrigin.replace('127.0.0.1', 'localhost'), WEB);
    await wendy.signUp('a password for the web');
  });
  after(async () => {
    await wendy?.leave();
    await browser?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
    await server?.stop();
  });

  const account = async (name: string): Promise<Account> => {
    const made = { username: name, password: `secret-${name}`, domain: server.domain, resource: `${name}-device` };
    await server.createUser(made.username, made.password);
    return made;
  };

  /** The web client answers the request of `name`. */
  const accepts = async (name: string): Promise<void> => {
    const request = wendy.page.locator('li.request', { hasText: name });
    await request.getByRole('button', { name: 'Accept' }).click();
    await wendy.composerTo(name).waitFor();
  };
  /** The photo goes out from the open chat. */
  const sendsPhoto = async (name: string, caption = ''): Promise<void> => {
    const { page } = wendy;
    await page.locator('input[type=file]').first().setInputFiles({ name, mimeType: 'image/jpeg', buffer: photo });
    const field = page.getByRole('textbox', { name: `Caption for ${name}` });
    await field.fill(caption);
    await field.press('Enter');
  };
  const downloads = async (url: string): Promise<void> => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'image/jpeg');
    assert.ok(photo.equals(Buffer.from(await response.arrayBuffer())), 'the bytes of the photo');
  };
  /** The last bubble is a photo that Chromium could draw once it was opened. */
  const seesPhotoFrom = async (name: string): Promise<void> => {
    const { page } = wendy;
    await page
      .getByRole('button', { name: new RegExp(`^Open photo from ${name}`) })
      .last()
      .click();
    const viewer = page.getByRole('dialog', { name: `Photo from ${name}` });
    await waitFor('the photo to be drawn in full', () =>
      viewer.locator('img').evaluateAll((all) => all.some((one) => 'naturalWidth' in one && one.naturalWidth === 1500)),
    );
    await page.keyboard.press('Escape');
    await viewer.waitFor({ state: 'hidden' });
  };

  interface Foreign {
    readonly name: string;
    readonly make: MakeDriver;
    readonly skip?: string | false;
    readonly cannotUpload?: string | undefined;
    /** Who asks the other to become a contact. */
    readonly asks: 'foreign' | 'web';
  }
  const foreigners: readonly Foreign[] = [
    { name: 'xmppjs', make: (one, to) => new XmppJs(one, to), asks: 'foreign' },
    { name: 'stanzaio', make: (one, to) => new StanzaIo(one, to), asks: 'web' },
    {
      name: 'slixmpp',
      make: (one, to) => new Slixmpp(one, to),
      skip: slixmppMissing(),
      cannotUpload: slixmppUploadMissing(),
      asks: 'foreign',
    },
  ];

  for (const { name, make, skip = false, cannotUpload, asks } of foreigners) {
    describe(name, { skip }, () => {
      let self: Account;
      let driver: Driver;
      before(async () => {
        self = await account(name);
        driver = make(self, network);
        await driver.signIn();
      });
      after(() => driver?.dispose());
      const heard = (what: (one: Heard) => boolean): Promise<Heard> =>
        waitFor(`a message to reach ${name}; heard: ${JSON.stringify(driver.heard())}`, () =>
          driver.heard().find((one) => one.from === webAddress() && what(one)),
        );

      test('become contacts', { timeout: TIMEOUT_MS }, async () => {
        if (asks === 'foreign') {
          await driver.addContact(webAddress());
          await accepts(name);
          await waitFor('the request back', () => driver.requests().includes(webAddress()));
        } else {
          await wendy.add(name);
          await waitFor('the request', () => driver.requests().includes(webAddress()));
        }
        await driver.acceptContact(webAddress());
        await waitFor('subscription "both"', async () => (await driver.roster()).get(webAddress()) === 'both');
        await wendy.page.locator('.conversation .state', { hasText: 'online' }).waitFor();
      });

      test('chat both ways, with receipts both ways', { timeout: TIMEOUT_MS }, async () => {
        const id = await driver.send(webAddress(), `Hello from ${name} & <b>all</b> 👋`);
        await wendy.sees(`Hello from ${name} & <b>all</b> 👋`);
        await waitFor("the web client's receipt", () => driver.receipts().includes(id));
        await wendy.write(`Hello ${name}, "you" & <i>yours</i> ✓`);
        await heard((one) => one.text === `Hello ${name}, "you" & <i>yours</i> ✓` && one.link === undefined);
        await wendy.seesTick(`Hello ${name},`, 'delivered');
      });

      test('a photo of the web client comes as a link that downloads', { timeout: TIMEOUT_MS }, async () => {
        await sendsPhoto(`to-${name}.jpg`);
        const { link, text } = await heard((one) => one.link !== undefined);
        // Clients without XEP-0447 draw a picture when the body is the link.
        assert.equal(text, link);
        await downloads(text);
        await wendy.page.locator('li.item').last().locator('.ticks[data-state="delivered"]').waitFor();
      });

      test('a photo with words keeps both: words and link', { timeout: TIMEOUT_MS }, async () => {
        await sendsPhoto(`again-${name}.jpg`, 'At the sea');
        const { text, link } = await heard((one) => one.text.startsWith('At the sea'));
        assert.equal(text, `At the sea\n${link}`);
        await downloads(link ?? '');
        await wendy.seesTick('At the sea', 'delivered');
      });

      test('an uploaded photo and a document show in the web client', { timeout: TIMEOUT_MS, skip: cannotUpload ?? false }, async () => {
        const picture = await driver.upload?.('harbour.jpg', photo, 'image/jpeg');
        const id = await driver.sendLink(webAddress(), picture ?? '');
        await seesPhotoFrom(name);
        await waitFor('the receipt for the photo', () => driver.receipts().includes(id));
        const list = Buffer.from('bread, milk, soap\n'.repeat(300));
        const document = await driver.upload?.('shopping list.txt', list, 'text/plain');
        await driver.sendLink(webAddress(), document ?? '');
        const link = wendy.page.getByRole('link', { name: /^Download shopping list\.txt/ }).last();
        const [download] = await Promise.all([wendy.page.waitForEvent('download'), link.click()]);
        assert.equal(download.suggestedFilename(), 'shopping list.txt');
        const chunks: Buffer[] = [];
        for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
        assert.ok(list.equals(Buffer.concat(chunks)));
      });
    });
  }

  describe('profanity', { skip: profanityMissing() }, () => {
    const name = 'profanity';
    let terminal: Profanity;
    before(async () => {
      terminal = new Profanity(await account(name), network);
      await terminal.signIn();
    });
    after(() => terminal?.dispose());

    test('become contacts', { timeout: TIMEOUT_MS }, async () => {
      await terminal.type(`/roster add ${webAddress()}`);
      await terminal.type(`/sub request ${webAddress()}`);
      await accepts(name);
      await terminal.see(/subscription request/i);
      await terminal.type(`/sub allow ${webAddress()}`);
      await wendy.page.locator('.conversation .state', { hasText: 'online' }).waitFor();
    });

    test('chat both ways, with receipts both ways', { timeout: TIMEOUT_MS }, async () => {
      await terminal.type(`/msg ${webAddress()} Hello from a terminal & <more>`);
      await wendy.sees('Hello from a terminal & <more>');
      await waitFor("the web client's receipt", () => terminal.colourOf('Hello from a terminal') === 'default');
      await wendy.write('Hello terminal');
      await terminal.see('Hello terminal');
      await wendy.seesTick('Hello terminal', 'delivered');
      // Somebody who is away sends no receipt: then the line stays red.
      await terminal.type(`/msg ${(await account('absent')).username}@${server.domain} Anybody there?`);
      await waitFor('the line without a receipt', () => terminal.colourOf('Anybody there?') === 'red');
      await terminal.type(`/msg ${webAddress()}`);
    });

    test('a photo comes as a link that downloads', { timeout: TIMEOUT_MS }, async () => {
      await sendsPhoto('to-profanity.jpg');
      await downloads(await waitFor('the link', () => /https?:\/\/\S+\.jpg\S*/.exec(terminal.screen())?.[0]));
    });

    test('a photo with words keeps both: words and link', { timeout: TIMEOUT_MS }, async () => {
      await sendsPhoto('again-profanity.jpg', 'At the sea');
      await terminal.see('At the sea');
      await downloads(await waitFor('the link', () => /https?:\/\/\S+\/again-profanity\.jpg/.exec(terminal.screen())?.[0]));
      await wendy.seesTick('At the sea', 'delivered');
    });

    test('a file of the terminal shows in the web client', { timeout: TIMEOUT_MS }, async () => {
      const file = join(folder, 'from-profanity.jpg');
      await writeFile(file, photo);
      await terminal.type(`/sendfile ${file}`);
      await seesPhotoFrom(name);
    });
  });

  test('the page complained about nothing', () => {
    assert.deepEqual(wendy.complaints, []);
  });
});
