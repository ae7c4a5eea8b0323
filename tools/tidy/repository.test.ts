// The house rules, held against the whole repository. What each rule wants is shown in rules.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredDependencies, type Problem, sourceFiles, trackedPaths } from './repository.ts';
import { noAmbientTime, noEnvironment, noHtmlOrEval, noMathRandom } from './rules/calls.ts';
import { deadExports } from './rules/exports.ts';
import { declaredFeatures } from './rules/features.ts';
import { nothingGenerated } from './rules/generated.ts';
import { declaredImports, importDirections, noNodeInStd } from './rules/imports.ts';
import { noAny, noLooseEnds, noOnlyNoSilentSkip } from './rules/leftovers.ts';
import { fileLength, LONGER } from './rules/size.ts';

const files = sourceFiles();

function none(problems: readonly Problem[]): void {
  assert.equal(problems.length, 0, problems.map(({ path, line, message }) => `\n${path}:${line} ${message}`).join(''));
}

test('the rules see the repository', () => {
  assert.ok(files.length > 100, `${files.length} source files`);
  for (const path of Object.keys(LONGER))
    assert.ok(
      files.some((file) => file.path === path),
      `${path} is gone: remove its entry from LONGER in tools/tidy/rules/size.ts`,
    );
});
test('imports go in the directions of the design', () => none(files.flatMap(importDirections)));
test('std packages import nothing of Node', () => none(files.flatMap(noNodeInStd)));
test('every import is declared', () => {
  const declared = declaredDependencies();
  none(files.flatMap((file) => declaredImports(file, declared)));
});
test('no file is longer than it should be', () => none(files.flatMap((file) => fileLength(file))));
test('randomness comes from the Random port', () => none(files.flatMap(noMathRandom)));
test('time and logs come through ports in std packages', () => none(files.flatMap(noAmbientTime)));
test('the environment is read in one place', () => none(files.flatMap(noEnvironment)));
test('no text becomes markup or code', () => none(files.flatMap(noHtmlOrEval)));
test('no test runs alone or is skipped without a reason', () => none(files.flatMap(noOnlyNoSilentSkip)));
test('no wish without an issue', () => none(files.flatMap(noLooseEnds)));
test('the type checker is never silenced', () => none(files.flatMap(noAny)));
test('every feature says what it implements', () =>
  none(declaredFeatures(files.filter(({ path }) => path.startsWith('packages/features/')))));
test('nothing is exported in vain', () => none(deadExports(files)));
test('nothing generated is committed', () => none(nothingGenerated(trackedPaths())));
