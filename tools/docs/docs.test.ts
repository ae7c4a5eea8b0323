import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { SaxesParser } from 'saxes';
import { doap, merged } from './doap.ts';
import { allStandards, pages } from './pages.ts';

for (const [name, text] of pages()) {
  test(`docs/reference/${name} is what the code declares`, async () => {
    const written = await readFile(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');
    assert.equal(written, text, 'run: npm run docs');
  });
}

test('every specification is named by number, the XEPs with the version that was read, everywhere the same', () => {
  const versions = new Map<number, string>();
  for (const { xep, rfc, version } of allStandards()) {
    assert.equal((xep === undefined) !== (rfc === undefined), true, `XEP or RFC: ${xep} ${rfc}`);
    if (xep === undefined) continue;
    assert.match(version ?? '', /^\d+\.\d+(\.\d+)?$/, `XEP-${xep} says no version`);
    assert.equal(versions.get(xep) ?? version, version, `XEP-${xep} is declared with two versions`);
    versions.set(xep, version ?? '');
  }
});

test('the DOAP file is well-formed and has each specification once', () => {
  const text = doap([...allStandards(), { xep: 9999, version: '1.0', status: 'partial', note: 'a < b & "c"' }]);
  const seen: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  parser.on('opentag', (tag) => {
    const resource = tag.attributes['rdf:resource']?.value;
    if ((tag.local === 'xep' || tag.local === 'implements') && resource !== undefined) seen.push(resource);
  });
  parser.write(text).close();
  assert.deepEqual(seen, [...new Set(seen)]);
  assert.ok(seen.includes('https://xmpp.org/extensions/xep-0198.html') && seen.includes('https://xmpp.org/rfcs/rfc6120.html'));
});

test('two declarations of one specification are one entry', () => {
  assert.deepEqual(
    merged([
      { xep: 30, version: '2.5.0', status: 'partial', note: 'of rooms' },
      { rfc: 6120, status: 'complete' },
      { xep: 30, version: '2.5.0', status: 'complete', note: 'of the server' },
    ]),
    [
      { xep: 30, version: '2.5.0', status: 'complete', note: 'of rooms; of the server' },
      { rfc: 6120, status: 'complete' },
    ],
  );
});

test('docs/reference/compliance.md names what is declared, and tests that are there', async () => {
  const page = new URL('../../docs/reference/compliance.md', import.meta.url);
  const text = await readFile(page, 'utf8');
  const declared = new Set(allStandards().flatMap(({ xep, rfc }) => [`XEP-${xep}`, `RFC-${rfc}`]));
  const rows = text.split('\n').filter((line) => /\| yes/.test(line));
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const named = [...row.matchAll(/(XEP|RFC)[- ]0*(\d+)/g)].map(([, kind, number]) => `${kind}-${number}`);
    assert.ok(named.length > 0, row);
    for (const one of named) assert.ok(declared.has(one), `${one} is not declared`);
    assert.match(row, /\]\(/, `no test: ${row}`);
  }
  for (const [, link = ''] of text.matchAll(/\]\(([^)]+)\)/g)) await access(new URL(link, page));
});
