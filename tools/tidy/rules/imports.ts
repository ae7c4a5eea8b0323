/** Who may import whom (docs/design/architecture.md), and what std packages may not import. */
import { posix } from 'node:path';
import ts from 'typescript';
import type { Problem, SourceFile } from '../repository.ts';

/** For each workspace: the `@parley/…` doors it may use, and what to do when another one seems needed. */
const MAY_IMPORT: Readonly<Record<string, { readonly doors: readonly string[]; readonly instead: string }>> = {
  'packages/xml': { doors: [], instead: 'xml is the ground floor: move what needs more to the package that has it' },
  'packages/protocol': { doors: ['xml'], instead: 'protocol keeps no state and does no I/O: put the decision into core or a feature' },
  'packages/storage': { doors: [], instead: 'engines know only the kinds of storage: pass what else is needed as an option' },
  'packages/core': {
    doors: ['protocol', 'xml', 'storage'],
    instead: 'give core a port (packages/core/src/ports) and let apps/server hand in the implementation',
  },
  'packages/features': {
    doors: ['core', 'protocol', 'storage', 'xml'],
    instead: 'use what the public door of core offers (the context of setup), or add a hook or port there',
  },
  'packages/transports': {
    doors: ['core/ports', 'protocol', 'xml'],
    instead: 'a transport talks to core through @parley/core/ports only',
  },
  'packages/cluster': { doors: ['core/ports', 'protocol', 'xml'], instead: 'a cluster talks to core through @parley/core/ports only' },
  'packages/http': {
    doors: ['core/ports', 'protocol', 'storage', 'features/*/service'],
    instead: 'take it as a parameter (apps/server composes), or use the service.ts of a feature',
  },
  'packages/sdk': {
    doors: ['protocol', 'xml', 'sdk/browser', 'sdk/node'],
    instead: 'the SDK knows the wire, never the server: what both need belongs to protocol',
  },
  'packages/sdk-react': { doors: ['sdk', 'sdk/browser'], instead: 'hooks wrap the SDK: add what is missing there' },
  'packages/testkit': {
    doors: ['core', 'core/ports', 'protocol', 'sdk', 'storage', 'xml'],
    instead: 'the testkit simulates ports; engines and sockets are joined to it in tests/',
  },
  'apps/web': { doors: ['sdk', 'sdk/browser', 'sdk-react'], instead: 'the web client uses the SDK only: add what is missing there' },
  'apps/cli': {
    doors: ['server', 'http', 'transports', 'core', 'storage'],
    instead: 'the command line tool goes through the doors of the server: add what is missing there',
  },
  'apps/server': {
    doors: [
      'core',
      'core/ports',
      'features',
      'features/*',
      'features/*/service',
      'http',
      'protocol',
      'storage',
      'storage/*',
      'transports',
      'xml',
      'cluster',
    ],
    instead: 'the server never uses the SDK, the clients or the testkit',
  },
};

/** Only tests may use these, in any workspace. */
const TEST_DOORS = ['testkit', 'storage', 'storage/*'];

/** Packages whose source runs everywhere: no Node, no DOM. */
const STD = /^packages\/(xml|protocol|core|features|sdk|testkit)\/src\/(?!platform\/)|^packages\/storage\/src\/(kinds\/|index\.ts$)/;

export function isStd(file: SourceFile): boolean {
  return STD.test(file.path) && !file.isTest;
}

export function workspaceOf(path: string): string | undefined {
  return /^(packages|apps)\/[^/]+/.exec(path)?.[0];
}

interface Import {
  readonly specifier: string;
  readonly node: ts.Node;
}

/** `import … from`, `export … from`, `import()`, and types by `import('…')`. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  file.walk((node) => {
    let at: ts.Node | undefined;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) at = node.moduleSpecifier;
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) at = node.arguments[0];
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) at = node.argument.literal;
    if (at !== undefined && ts.isStringLiteralLike(at)) found.push({ specifier: at.text, node: at });
  });
  return found;
}

function matches(door: string, name: string): boolean {
  return new RegExp(`^${door.replace('*', '[^/]+')}$`).test(name);
}

/** Directions between workspaces and between features. */
export function importDirections(file: SourceFile): Problem[] {
  const workspace = workspaceOf(file.path);
  if (workspace === undefined) return [];
  const rule = MAY_IMPORT[workspace];
  if (rule === undefined)
    return [file.problem(1, `${workspace} is a new workspace: say in tools/tidy/rules/imports.ts what it may import.`)];
  const problems: Problem[] = [];
  for (const { specifier, node } of importsOf(file)) {
    const name = /^@parley\/(.+)$/.exec(specifier)?.[1];
    if (name !== undefined) {
      const doors = file.isTest ? [...rule.doors, ...TEST_DOORS] : rule.doors;
      if (!doors.some((door) => matches(door, name)))
        problems.push(file.problem(node, `${workspace} may not import ${specifier}: ${rule.instead}.`));
      continue;
    }
    if (!specifier.startsWith('.')) continue;
    const target = posix.normalize(posix.join(posix.dirname(file.path), specifier));
    // Black-box helpers of tests/ may be used by tests anywhere.
    if (!target.startsWith(`${workspace}/`) && !(file.isTest && target.startsWith('tests/')))
      problems.push(file.problem(node, `${specifier} leaves ${workspace}: import the other package by its name (@parley/…).`));
    problems.push(...betweenFeatures(file, node, target), ...betweenEngines(file, node, target));
  }
  return problems;
}

function betweenFeatures(file: SourceFile, node: ts.Node, target: string): Problem[] {
  const own = /^packages\/features\/src\/([^/]+)\//.exec(file.path)?.[1];
  const other = /^packages\/features\/src\/([^/]+)\/(.+)$/.exec(target);
  if (own === undefined || other === null || other[1] === own || other[2] === 'service.ts') return [];
  return [file.problem(node, `The feature ${own} may use of ${other[1]} only its service.ts: lend there what is needed.`)];
}

function betweenEngines(file: SourceFile, node: ts.Node, target: string): Problem[] {
  const own = /^packages\/storage\/src\/engines\/([^/]+)\//.exec(file.path)?.[1];
  const other = /^packages\/storage\/src\/engines\/([^/]+)\//.exec(target)?.[1];
  if (own === undefined || other === undefined || own === other) return [];
  return [file.problem(node, `The engine ${own} may not use the engine ${other}: move what both need to packages/storage/src.`)];
}

/** std packages run in browsers and in the simulation: nothing of Node. */
export function noNodeInStd(file: SourceFile): Problem[] {
  if (!isStd(file)) return [];
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('node:'))
    .map(({ specifier, node }) =>
      file.problem(node, `${specifier} is of Node, and this package runs everywhere: take it through a port (Clock, Random, Crypto …).`),
    );
}

/** What is imported is declared in the package.json of the workspace; tests may use what any workspace declares. */
export function declaredImports(file: SourceFile, declared: ReadonlyMap<string, ReadonlySet<string>>): Problem[] {
  const workspace = workspaceOf(file.path) ?? '';
  const own = declared.get(workspace);
  const test = file.isTest || workspace === '' || !file.path.startsWith(`${workspace}/src/`);
  return importsOf(file)
    .filter(({ specifier }) => /^[@a-z]/.test(specifier) && !specifier.startsWith('node:') && !specifier.startsWith('virtual:'))
    .flatMap(({ specifier, node }) => {
      const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] ?? '');
      if (own?.has(name) || (test && (name.startsWith('@parley/') || [...declared.values()].some((all) => all.has(name))))) return [];
      if (declared.has(workspace) && name === `@parley/${workspace.split('/')[1]}`) return [];
      return [
        file.problem(
          node,
          `${name} is not declared in ${workspace === '' ? '' : `${workspace}/`}package.json: add it to its dependencies.`,
        ),
      ];
    });
}
