/** Exports that nobody uses. */
import ts from 'typescript';
import type { Problem, SourceFile } from '../repository.ts';

/** Names of exported functions, classes and constants with their place. Types may be exported for whoever needs to name them. */
function exportsOf(file: SourceFile): { name: string; node: ts.Node }[] {
  const found: { name: string; node: ts.Node }[] = [];
  for (const statement of file.tree.statements) {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    const kinds = modifiers.map((modifier) => modifier.kind);
    if (!kinds.includes(ts.SyntaxKind.ExportKeyword) || kinds.includes(ts.SyntaxKind.DefaultKeyword)) continue;
    if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name !== undefined)
      found.push({ name: statement.name.text, node: statement.name });
    if (ts.isVariableStatement(statement))
      for (const { name } of statement.declarationList.declarations) if (ts.isIdentifier(name)) found.push({ name: name.text, node: name });
  }
  return found;
}

/** Judges all files together: an exported name that is mentioned nowhere but where it is declared. Files whose all is re-exported are doors themselves. */
export function deadExports(files: readonly SourceFile[]): Problem[] {
  const mentions = new Map<string, number>();
  const reexported = new Set<string>();
  for (const file of files) {
    file.walk((node) => {
      if (ts.isIdentifier(node)) mentions.set(node.text, (mentions.get(node.text) ?? 0) + 1);
      if (ts.isExportDeclaration(node) && node.exportClause === undefined && node.moduleSpecifier !== undefined)
        reexported.add(new URL((node.moduleSpecifier as ts.StringLiteral).text, `file:///${file.path}`).pathname.slice(1));
    });
  }
  return files
    .filter(({ path }) => !reexported.has(path) && !/(^|\/)(index\.ts|[^/]*\.config\.ts)$/.test(path))
    .flatMap((file) =>
      exportsOf(file)
        .filter(({ name }) => (mentions.get(name) ?? 0) < 2)
        .map(({ name, node }) => file.problem(node, `Nobody uses ${name}: remove it.`)),
    );
}
