// Browsers for the end-to-end tests: Debian's Chromium, one context a person, each with a network cable that can be pulled.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { repository } from '../support/server.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

/** Why the browser tests are skipped, or false. */
export const noBrowser: string | false = CHROMIUM === undefined ? 'no Chromium here: apt-get install chromium' : false;

/** Where the screenshots go. */
export const screenshots = join(repository, 'tests/e2e/screenshots');

/** Starts the browser; it speaks to nobody but the server under test. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
    timeout: 2 * PATIENCE_MS,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      // The server's own certificate, also for the service worker, which a context's ignoreHTTPSErrors does not cover.
      '--ignore-certificate-errors',
    ],
  });
}

/** A proxy between one browser and the server. While it is cut, everything through it breaks, as with a pulled cable. */
export class Cable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  constructor() {
    this.#server = createServer((incoming, outgoing) => {
      if (this.#cut) {
        incoming.socket.destroy();
        return;
      }
      const forward = request(incoming.url ?? '', { method: incoming.method, headers: incoming.headers, agent: false }, (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      });
      forward.once('error', () => outgoing.destroy());
      incoming.pipe(forward);
    });
    this.#server.on('connect', (incoming, socket, head) => {
      const [host = '', port = ''] = (incoming.url ?? '').split(':');
      if (this.#cut) {
        socket.destroy();
        return;
      }
      const far = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) far.write(head);
        socket.pipe(far);
        far.pipe(socket);
      });
      this.#keep(far);
      far.once('error', () => socket.destroy());
      socket.once('error', () => far.destroy());
      far.once('close', () => socket.destroy());
      socket.once('close', () => far.destroy());
    });
    this.#server.on('connection', (socket) => this.#keep(socket));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Listens on a free port; the address for a browser context. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

/** A message on the screen with this text. */
const bubble = (page: Page, text: string): Locator => page.locator('li.item', { hasText: text }).last();

/** Resolves when a message with this text lights up. It does so for a moment only: to be called before what makes it light up. */
export async function lightsUp(page: Page, text: string): Promise<void> {
  await page.evaluate(`new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no message with this text lit up')), ${PATIENCE_MS});
    const look = () => {
      if (![...document.querySelectorAll('li.item[data-lit]')].some((one) => one.textContent.includes(${JSON.stringify(text)}))) return;
      clearTimeout(late);
      watch.disconnect();
      resolve();
    };
    const watch = new MutationObserver(look);
    watch.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-lit'] });
    look();
  })`);
}

/** Somebody in front of a browser. */
export class Person {
  readonly name: string;
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #cable: Cable;
  /** What the page complained about: must stay empty. */
  readonly complaints: string[] = [];
  #offline = false;

  private constructor(name: string, page: Page, context: BrowserContext, cable: Cable) {
    this.name = name;
    this.page = page;
    this.context = context;
    this.#cable = cable;
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      const text = message.text();
      // Without a network the browser itself reports each failed request; that is not the page's fault.
      if (
        message.type() === 'error' &&
        !(this.#offline || /ERR_(INTERNET|NETWORK|PROXY|CONNECTION|TUNNEL|EMPTY|SOCKET|TIMED_OUT|FAILED)/.test(text))
      )
        this.complaints.push(text);
    });
  }

  static async arrive(browser: Browser, origin: string, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const cable = new Cable();
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      ignoreHTTPSErrors: true,
      proxy: { server: await cable.listen() },
      ...options,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const person = new Person(name, page, context, cable);
    await page.goto(origin);
    return person;
  }

  async signUp(password: string): Promise<void> {
    const { page } = this;
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('User name').fill(this.name);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Chats' }).waitFor();
    // Said when the server has answered: what comes from here on comes as it happens.
    await page.getByText('No chats yet').waitFor();
  }

  /** Adds somebody by user name, which opens the chat. */
  async add(user: string): Promise<void> {
    const { page } = this;
    await page.getByRole('link', { name: 'New chat' }).first().click();
    await page.getByLabel('User name or address').fill(user);
    await page.getByRole('button', { name: 'Start chat' }).click();
    await this.composerTo(user).waitFor();
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message to / });
  }

  /** The composer of the chat with somebody whose name begins like this: it is there once that chat is open, and no other. */
  composerTo(name: string): Locator {
    return this.page.getByRole('textbox', { name: new RegExp(`^Message to ${name}`, 'i') });
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Types until it shows: the sign of it lasts for some seconds only, which a slow machine may sleep through. */
  async typesUntil(seen: Locator): Promise<void> {
    await waitFor('the sign of typing', async () => {
      await this.composer.pressSequentially('x');
      return seen.isVisible();
    });
  }

  /** Waits until a message with this text is on the screen. */
  sees(text: string): Promise<void> {
    return bubble(this.page, text).waitFor();
  }

  /** Waits until an own message shows this state. */
  seesTick(text: string, state: 'pending' | 'sent' | 'delivered' | 'read'): Promise<void> {
    return bubble(this.page, text).locator(`.ticks[data-state="${state}"]`).waitFor();
  }

  async openChat(name: string): Promise<void> {
    await this.page
      .getByRole('list', { name: 'Chats' })
      .getByRole('link', { name: new RegExp(`^${name}`) })
      .click();
    await this.composerTo(name).waitFor();
  }

  /** Looks elsewhere: from here on no chat is open, and what comes in stays unread. */
  async closeChat(): Promise<void> {
    await this.page.evaluate('location.hash = "#/"');
    await this.page.locator('.conversation').waitFor({ state: 'detached' });
  }

  /** Waits until the page can be opened without a network. */
  async installed(): Promise<void> {
    await this.page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
  }

  async goOffline(): Promise<void> {
    this.#offline = true;
    this.#cable.cut();
    await this.context.setOffline(true);
  }

  async goOnline(): Promise<void> {
    this.#cable.mend();
    await this.context.setOffline(false);
    this.#offline = false;
  }

  async shoot(name: string): Promise<void> {
    await mkdir(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`), animations: 'disabled' });
  }

  async leave(): Promise<void> {
    await this.context.close();
    this.#cable.close();
  }
}

/** No serious or critical finding of axe on the page, once nothing fades or moves any more: colours on their way have no contrast. */
export async function assertAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(`Promise.all(document.getAnimations()
    .filter((one) => one.playState === 'running' && one.effect.getComputedTiming().endTime !== Infinity)
    .map((one) => one.finished.catch(() => undefined))).then(() => undefined)`);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const words = grave.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n    ${nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`).join('\n    ')}`,
  );
  assert.equal(grave.length, 0, `${where} is not accessible:\n  ${words.join('\n  ')}`);
}
