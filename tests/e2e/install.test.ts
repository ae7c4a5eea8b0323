// Installing the page as an app: what the browser itself says is missing for that.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, CDPSession } from 'playwright-core';
import { startServer, type TestServer } from '../support/server.ts';
import { launch, noBrowser, Person } from './support.ts';

interface AppManifest {
  readonly url: string;
  readonly errors: readonly { readonly message: string; readonly critical: number }[];
  readonly data?: string;
}

describe('the page as an app', { skip: noBrowser }, () => {
  let server: TestServer;
  let browser: Browser;
  let ann: Person;
  let devtools: CDPSession;

  before(async () => {
    server = await startServer({ kind: 'parley' });
    browser = await launch();
    ann = await Person.arrive(browser, server.httpOrigin, 'ann');
    devtools = await ann.context.newCDPSession(ann.page);
  });
  after(async () => {
    await ann?.leave();
    await browser?.close();
    await server?.stop();
  });

  it('can be installed: the browser finds nothing missing', async () => {
    await ann.signUp('correct horse battery');
    await ann.installed();
    const manifest = (await devtools.send('Page.getAppManifest')) as AppManifest;
    assert.notEqual(manifest.url, '', 'the page names a manifest');
    assert.deepEqual(manifest.errors, []);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    // A browser context of the tests is a private window, in which no browser installs anything.
    const missing = installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito');
    assert.deepEqual(missing, []);
  });

  it('every icon that the manifest promises is there, in the size it names', async () => {
    const { data = '{}', url } = (await devtools.send('Page.getAppManifest')) as AppManifest;
    const { icons = [] } = JSON.parse(data) as { icons?: { src: string; sizes: string; purpose?: string }[] };
    assert.ok(icons.some(({ sizes }) => sizes === '512x512') && icons.some(({ purpose = '' }) => purpose.includes('maskable')));
    for (const { src, sizes } of icons) {
      const size = (await ann.page.evaluate(
        `new Promise((resolve) => { const image = new Image(); image.onload = () => resolve(image.naturalWidth + 'x' + image.naturalHeight); image.onerror = () => resolve('broken'); image.src = ${JSON.stringify(new URL(src, url).href)}; })`,
      )) as string;
      assert.ok(sizes === 'any' ? size !== 'broken' : size === sizes, `${src} is ${size}, the manifest says ${sizes}`);
    }
  });
});
