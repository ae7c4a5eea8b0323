// What each rule wants: a sample that it takes and one that it refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Problem, SourceFile } from './repository.ts';
import { noAmbientTime, noEnvironment, noHtmlOrEval, noMathRandom } from './rules/calls.ts';
import { deadExports } from './rules/exports.ts';
import { declaredFeatures } from './rules/features.ts';
import { nothingGenerated } from './rules/generated.ts';
import { declaredImports, importDirections, noNodeInStd } from './rules/imports.ts';
import { noAny, noLooseEnds, noOnlyNoSilentSkip } from './rules/leftovers.ts';
import { fileLength } from './rules/size.ts';

type Rule = (file: SourceFile) => Problem[];
const judge = (rule: Rule, path: string, text: string): string[] => rule(new SourceFile(path, text)).map(({ message }) => message);

function takes(rule: Rule, path: string, text: string): void {
  assert.deepEqual(judge(rule, path, text), [], `${path}: ${text}`);
}
function refuses(rule: Rule, path: string, text: string, message: RegExp): void {
  const said = judge(rule, path, text);
  assert.equal(said.length, 1, `${path}: ${text}: ${said.join('; ')}`);
  assert.match(said[0] ?? '', message);
}

test('import directions', () => {
  takes(importDirections, 'packages/protocol/src/a.ts', `import { el } from '@parley/xml';`);
  refuses(importDirections, 'packages/xml/src/a.ts', `import { Jid } from '@parley/protocol';`, /may not import @parley\/protocol/);
  refuses(importDirections, 'packages/core/src/a.ts', `export * from '@parley/features';`, /port/);
  refuses(importDirections, 'packages/core/src/a.ts', `const x = await import('@parley/storage/sqlite');`, /storage\/sqlite/);
  refuses(importDirections, 'packages/sdk/src/a.ts', `type X = import('@parley/core').Core;`, /never the server/);
  takes(importDirections, 'packages/transports/src/a.ts', `import type { Log } from '@parley/core/ports';`);
  refuses(importDirections, 'packages/transports/src/a.ts', `import { Core } from '@parley/core';`, /core\/ports only/);
  takes(importDirections, 'packages/http/src/a.ts', `import { registrar } from '@parley/features/registration/service';`);
  refuses(importDirections, 'packages/http/src/a.ts', `import registration from '@parley/features/registration';`, /service\.ts/);
  refuses(importDirections, 'apps/web/src/a.tsx', `import { Jid } from '@parley/protocol';`, /SDK only/);
  takes(importDirections, 'apps/server/src/a.ts', `import { openSqliteStorage } from '@parley/storage/sqlite';`);
  takes(importDirections, 'packages/core/src/a.test.ts', `import { FakeClock } from '@parley/testkit';`);
  refuses(importDirections, 'packages/core/src/a.ts', `import { FakeClock } from '@parley/testkit';`, /testkit/);
  refuses(importDirections, 'packages/core/src/a.ts', `import { el } from '../../xml/src/index.ts';`, /by its name/);
  refuses(importDirections, 'packages/brandnew/src/a.ts', '', /new workspace/);
});

test('features and engines among themselves', () => {
  takes(
    importDirections,
    'packages/features/src/mam/index.ts',
    `import { disco } from '../disco/service.ts'; import { keep } from '../cache.ts';`,
  );
  refuses(importDirections, 'packages/features/src/mam/index.ts', `import { x } from '../disco/rules.ts';`, /only its service\.ts/);
  takes(importDirections, 'packages/storage/src/engines/sqlite/a.ts', `import { x } from '../../kinds/index.ts';`);
  refuses(
    importDirections,
    'packages/storage/src/engines/sqlite/a.ts',
    `import { x } from '../files/index.ts';`,
    /may not use the engine files/,
  );
});

test('std packages without Node', () => {
  takes(noNodeInStd, 'packages/core/src/a.test.ts', `import { test } from 'node:test';`);
  takes(noNodeInStd, 'packages/sdk/src/platform/node/a.ts', `import { readFile } from 'node:fs';`);
  takes(noNodeInStd, 'packages/transports/src/a.ts', `import net from 'node:net';`);
  refuses(noNodeInStd, 'packages/core/src/a.ts', `import { randomBytes } from 'node:crypto';`, /port/);
  refuses(noNodeInStd, 'packages/storage/src/kinds/a.ts', `import { join } from 'node:path';`, /port/);
});

test('declared imports', () => {
  const declared = new Map([
    ['', new Set(['fast-check'])],
    ['packages/http', new Set(['fastify', '@parley/core'])],
  ]);
  const rule: Rule = (file) => declaredImports(file, declared);
  takes(
    rule,
    'packages/http/src/a.ts',
    `import Fastify from 'fastify'; import '@parley/core/ports'; import fs from 'node:fs'; import './b.ts';`,
  );
  takes(rule, 'packages/http/src/a.test.ts', `import fc from 'fast-check';`);
  refuses(rule, 'packages/http/src/a.ts', `import ws from 'ws';`, /ws is not declared in packages\/http\/package\.json/);
  refuses(rule, 'packages/http/src/a.ts', `import fc from 'fast-check';`, /not declared/);
});

test('file length', () => {
  takes(fileLength, 'packages/xml/src/a.ts', 'x;\n'.repeat(500));
  refuses(fileLength, 'packages/xml/src/a.ts', 'x;\n'.repeat(501), /501 lines, 500 are allowed/);
  const longer = { 'a.ts': { lines: 600, why: 'a sample' } };
  takes((file) => fileLength(file, longer), 'a.ts', 'x;\n'.repeat(600));
  refuses((file) => fileLength(file, longer), 'a.ts', 'x;\n'.repeat(601), /600 are allowed/);
  refuses((file) => fileLength(file, longer), 'a.ts', 'x;\n', /remove its entry/);
});

test('randomness', () => {
  for (const path of ['packages/core/src/a.test.ts', 'bench/a.ts', 'packages/testkit/src/a.ts'])
    takes(noMathRandom, path, 'Math.random();');
  takes(noMathRandom, 'packages/core/src/a.ts', '// Math.random() is not used\nconst text = "Math.random()"; random.bytes(8);');
  refuses(noMathRandom, 'apps/web/src/a.ts', 'const id = Math.random();', /Random port/);
});

test('time and logs', () => {
  takes(noAmbientTime, 'packages/core/src/a.ts', 'const at = new Date(ms); clock.after(5, run);');
  takes(noAmbientTime, 'apps/server/src/a.ts', 'Date.now(); setTimeout(run, 5); console.log(1);');
  for (const call of ['Date.now()', 'new Date()', 'performance.now()', 'setTimeout(run, 5)', 'setInterval(run, 5)'])
    refuses(noAmbientTime, 'packages/core/src/a.ts', `${call};`, /Clock port/);
  refuses(noAmbientTime, 'packages/features/src/a/index.ts', 'console.warn(1);', /Log port/);
});

test('environment', () => {
  for (const path of ['apps/server/src/main.ts', 'apps/cli/src/terminal.ts', 'apps/server/src/config/read.ts', 'tests/support/a.ts'])
    takes(noEnvironment, path, 'process.env.HOME;');
  refuses(noEnvironment, 'packages/transports/src/a.ts', `process.env['HOME'];`, /setting/);
});

test('markup and code from text', () => {
  takes(noHtmlOrEval, 'apps/web/src/a.tsx', 'const a = <p title="innerHTML">{text}</p>; node.textContent = text;');
  refuses(noHtmlOrEval, 'apps/web/src/a.ts', 'node.innerHTML = text;', /textContent/);
  refuses(noHtmlOrEval, 'apps/web/src/a.tsx', 'const a = <p dangerouslySetInnerHTML={x} />;', /markup/);
  refuses(noHtmlOrEval, 'tools/a.ts', 'eval(text);', /as code/);
  refuses(noHtmlOrEval, 'tools/a.ts', 'new Function(text);', /as code/);
});

test('tests that run alone or not at all', () => {
  takes(noOnlyNoSilentSkip, 'a.test.ts', `test('a', { skip: missing() }, () => {}); t.skip('needs a disk');`);
  takes(noOnlyNoSilentSkip, 'a.test.ts', `test('a', { skip: 'needs a disk' }, () => {}); list.skip();`);
  refuses(noOnlyNoSilentSkip, 'a.test.ts', `test.only('a', () => {});`, /remove only/);
  refuses(noOnlyNoSilentSkip, 'a.test.ts', `test('a', { only: true }, () => {});`, /remove only/);
  refuses(noOnlyNoSilentSkip, 'a.test.ts', `test.skip('a', () => {});`, /says why/);
  refuses(noOnlyNoSilentSkip, 'a.test.ts', 't.skip();', /says why/);
  refuses(noOnlyNoSilentSkip, 'a.test.ts', `test('a', { skip: true }, () => {});`, /says why/);
});

test('loose ends', () => {
  takes(noLooseEnds, 'a.ts', `// TODO #12: later\nconst text = 'TODO';`);
  refuses(noLooseEnds, 'a.ts', '/** One.\n * FIXME: two\n */\nrun();', /number of the issue/);
  refuses(noLooseEnds, 'a.ts', 'run(); // TODO later', /number of the issue/);
});

test('the type checker', () => {
  takes(noAny, 'a.ts', '// any word\nconst any: unknown = 1; type T = { any: string };');
  refuses(noAny, 'a.ts', 'const a = b as any;', /unknown/);
  refuses(noAny, 'a.ts', 'function f(a: any[]): void {}', /unknown/);
  refuses(noAny, 'a.ts', '// @ts-ignore\nrun(1);', /narrower/);
});

test('features declare what they implement', () => {
  const index = (text: string): SourceFile => new SourceFile('packages/features/src/ping/index.ts', text);
  const list = new SourceFile('packages/features/src/index.ts', `import ping from './ping/index.ts';`);
  const said = (...files: SourceFile[]): string =>
    declaredFeatures(files)
      .map(({ message }) => message)
      .join('\n');
  assert.equal(said(list, index(`export default defineFeature({ name: 'ping', implements: [{ xep: 199 }] });`)), '');
  assert.match(said(list, index(`export default defineFeature({ name: 'ping' });`)), /implements/);
  assert.match(said(list, index(`export default defineFeature({ name: 'ping', implements: [] });`)), /implements/);
  assert.match(said(list, index(`export default defineFeature({ name: 'pong', implements: [{ xep: 199 }] });`)), /one name/);
  assert.match(said(list, index('export const ping = 1;')), /defines no feature/);
  assert.match(said(list, new SourceFile('packages/features/src/ping/rules.ts', '')), /no index\.ts/);
  assert.match(
    said(new SourceFile('packages/features/src/index.ts', ''), index(`defineFeature({ name: 'ping', implements: [{}] });`)),
    /not in the list/,
  );
});

test('dead exports', () => {
  const said = (...texts: string[]): string[] =>
    deadExports(texts.map((text, i) => new SourceFile(`packages/a/src/${i}.ts`, text))).map(({ message }) => message);
  assert.deepEqual(said('export function used() {}', `import { used } from './0.ts'; used();`), []);
  assert.deepEqual(said('export const inner = 1; run(inner);'), []);
  assert.deepEqual(said('export class Dead {}', 'run();'), ['Nobody uses Dead: remove it.']);
  assert.deepEqual(said('export const open = 1;', `export * from './0.ts';`), []);
});

test('generated files', () => {
  assert.deepEqual(nothingGenerated(['packages/a/src/data.ts', 'docs/images/chat.png', 'apps/web/src/logs.ts']), []);
  for (const path of ['apps/web/dist/index.js', 'x/node_modules/y.js', 'data/parley.db', 'a.tsbuildinfo', 'tls/server.key'])
    assert.equal(nothingGenerated([path]).length, 1, path);
});
