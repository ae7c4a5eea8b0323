// What the web client weighs: a budget that fails the build, not a hope.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PRECACHE_LIMIT_BYTES, precacheList } from '../../apps/web/tools/precache.ts';
import { FIRST_LOAD_BUDGET_BYTES, weigh } from '../../apps/web/tools/size.ts';
import { repository } from '../support/server.ts';

const dist = join(repository, 'apps/web/dist');

describe('the weight of the web client', () => {
  it('reaches the sign-in page with at most 120 kB of JavaScript', async (t) => {
    const { firstLoad, allScripts, styles } = await weigh(dist);
    t.diagnostic(
      `first load ${(firstLoad / 1000).toFixed(1)} kB brotli; all scripts ${(allScripts / 1000).toFixed(1)} kB, styles ${(styles / 1000).toFixed(1)} kB`,
    );
    console.log(`JavaScript to the sign-in page: ${(firstLoad / 1000).toFixed(1)} kB brotli (budget ${FIRST_LOAD_BUDGET_BYTES / 1000} kB)`);
    assert.ok(firstLoad <= FIRST_LOAD_BUDGET_BYTES, `${firstLoad} bytes`);
    assert.ok(firstLoad < allScripts, 'the chat is not part of the first load');
  });

  it('precaches what it needs offline, and not more than 1 MB', async () => {
    const urls = (await precacheList(dist)).map(({ url }) => url);
    assert.ok(urls.includes('/') && urls.includes('/wallpaper.svg') && urls.some((url) => url.includes('ChatApp')), `${urls}`);
    assert.ok(
      !urls.some((url) => url.endsWith('.br') || url === '/sw.js'),
      `precaches of at most ${PRECACHE_LIMIT_BYTES} bytes hold no twins`,
    );
  });

  it('has no inline script or style, which the content security policy would refuse', async () => {
    const html = await readFile(join(dist, 'index.html'), 'utf8');
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/);
  });
});
