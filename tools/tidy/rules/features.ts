/** Every feature says what it implements, and the server has all of them. */
import ts from 'typescript';
import type { Problem, SourceFile } from '../repository.ts';

const FEATURE = /^packages\/features\/src\/([^/]+)\/[^/]+$/;

/** Judges all files of packages/features together. */
export function declaredFeatures(files: readonly SourceFile[]): Problem[] {
  const problems: Problem[] = [];
  const folders = new Set(files.flatMap(({ path }) => FEATURE.exec(path)?.[1] ?? []));
  const list = files.find(({ path }) => path === 'packages/features/src/index.ts');
  for (const folder of folders) {
    if (folder === 'testing') continue;
    const path = `packages/features/src/${folder}/index.ts`;
    const index = files.find((file) => file.path === path);
    if (index === undefined) {
      problems.push({
        path,
        line: 1,
        message: `The folder ${folder} has no index.ts: a feature's door is its index.ts with defineFeature.`,
      });
      continue;
    }
    problems.push(...declaration(index, folder));
    if (list !== undefined && !list.text.includes(`'./${folder}/index.ts'`))
      problems.push(list.problem(1, `The feature ${folder} is not in the list of standard features: import it here.`));
  }
  return problems;
}

function declaration(file: SourceFile, folder: string): Problem[] {
  const problems: Problem[] = [];
  let found = false;
  file.walk((node) => {
    if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression) || node.expression.text !== 'defineFeature') return;
    found = true;
    const [shape] = node.arguments;
    if (shape === undefined || !ts.isObjectLiteralExpression(shape)) return;
    const property = (name: string): ts.Expression | undefined =>
      shape.properties.filter(ts.isPropertyAssignment).find((one) => one.name.getText(file.tree) === name)?.initializer;
    const implement = property('implements');
    if (implement === undefined || (ts.isArrayLiteralExpression(implement) && implement.elements.length === 0))
      problems.push(
        file.problem(node, 'Say what it implements: implements: [{ xep: 280, version: "1.0.1", status: "complete" }] (an RFC, too).'),
      );
    const name = property('name');
    if (name !== undefined && ts.isStringLiteral(name) && name.text !== folder)
      problems.push(file.problem(name, `The feature is called ${name.text} and its folder ${folder}: give both one name.`));
  });
  if (!found) problems.push(file.problem(1, `The folder ${folder} defines no feature: call defineFeature in its index.ts.`));
  return problems;
}
