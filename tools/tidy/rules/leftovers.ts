/** What is put in for an hour and stays for a year. */
import ts from 'typescript';
import type { Problem, SourceFile } from '../repository.ts';

const RUNNERS = new Set(['test', 'it', 'describe', 'suite', 't']);

/** `test.only`, `{ only: true }`; `test.skip`, `t.skip()`, `{ skip: true }` without a reason. */
export function noOnlyNoSilentSkip(file: SourceFile): Problem[] {
  if (!file.isTest && !file.path.startsWith('tools/')) return [];
  const problems: Problem[] = [];
  file.walk((node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && ts.isIdentifier(node.expression.expression)) {
      const { name, expression } = node.expression;
      if (!RUNNERS.has(expression.text)) return;
      if (name.text === 'only') problems.push(file.problem(node, 'A test that runs alone hides all others: remove only.'));
      if (name.text === 'skip' && (expression.text !== 't' || node.arguments.length === 0))
        problems.push(file.problem(node, 'A skipped test says why: { skip: "needs …" }, or t.skip("needs …").'));
    }
    if (ts.isPropertyAssignment(node) && node.initializer.kind === ts.SyntaxKind.TrueKeyword) {
      const name = node.name.getText(file.tree);
      if (name === 'only') problems.push(file.problem(node, 'A test that runs alone hides all others: remove only.'));
      if (name === 'skip') problems.push(file.problem(node, 'A skipped test says why: { skip: "needs …" }.'));
    }
  });
  return problems;
}

/** Wishes in comments name an issue, or nobody finds them again. */
export function noLooseEnds(file: SourceFile): Problem[] {
  return comments(file)
    .filter(({ text }) => /\b(TODO|FIXME|XXX)\b/.test(text) && !/#\d+/.test(text))
    .map(({ line }) => file.problem(line, 'Say the number of the issue (#12) that this waits for, or do it now.'));
}

/** No way around the type checker. */
export function noAny(file: SourceFile): Problem[] {
  const problems = comments(file)
    .filter(({ text }) => /@ts-(ignore|nocheck|expect-error)\b/.test(text))
    .map(({ line }) =>
      file.problem(line, 'The type checker is right: mend the type (a narrower one, a type guard) instead of silencing it.'),
    );
  file.walk((node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword)
      problems.push(file.problem(node, 'any switches the type checker off: use unknown and narrow it, or name the shape.'));
  });
  return problems;
}

/** The lines of all comments. */
function comments(file: SourceFile): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  const seen = new Set<number>();
  const take = (start: number, end: number): void => {
    if (seen.has(start)) return;
    seen.add(start);
    const first = file.tree.getLineAndCharacterOfPosition(start).line + 1;
    for (const [index, text] of file.text.slice(start, end).split('\n').entries()) found.push({ line: first + index, text });
  };
  file.walk((node) => {
    if (node.kind === ts.SyntaxKind.JsxText) return;
    for (const range of ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []) take(range.pos, range.end);
    for (const range of ts.getTrailingCommentRanges(file.text, node.getEnd()) ?? []) take(range.pos, range.end);
  });
  return found;
}
