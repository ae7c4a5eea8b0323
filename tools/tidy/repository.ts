/** The files of the repository as the rules see them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One breach of a rule. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  /** What to do instead, as a sentence. */
  readonly message: string;
}

/** One source file, parsed when a rule asks. */
export class SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  #tree: ts.SourceFile | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get tree(): ts.SourceFile {
    const kind = this.path.endsWith('.tsx') ? ts.ScriptKind.TSX : /\.m?js$/.test(this.path) ? ts.ScriptKind.JS : ts.ScriptKind.TS;
    this.#tree ??= ts.createSourceFile(this.path, this.text, ts.ScriptTarget.Latest, true, kind);
    return this.#tree;
  }

  /** Tests and what only they use. */
  get isTest(): boolean {
    return /\.test\.tsx?$|(^|\/)(testing|test)\//.test(this.path) || /^(tests|bench)\//.test(this.path);
  }

  problem(at: ts.Node | number, message: string): Problem {
    const line = typeof at === 'number' ? at : this.tree.getLineAndCharacterOfPosition(at.getStart(this.tree)).line + 1;
    return { path: this.path, line, message };
  }

  /** Every node, parents first. */
  walk(visit: (node: ts.Node) => void): void {
    const step = (node: ts.Node): void => {
      visit(node);
      ts.forEachChild(node, step);
    };
    step(this.tree);
  }
}

/** Folders that are made, not written: what .gitignore names, for a copy of the project that is no clone. */
const MADE = /(^|\/)(node_modules|dist|artifacts|\.git|\.parley)$|^data$|^bench\/tmp$|^tests\/e2e\/screenshots$/;

/** Every file below, as paths from the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return MADE.test(path) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Asks git; an unpacked archive has no repository, and a machine may have no git: then the files that lie there count. */
function paths(...options: string[]): string[] {
  const { status, stdout } = spawnSync('git', ['ls-files', ...options], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return status === 0 ? stdout.split('\n').filter((path) => path !== '') : filesBelow('');
}

/** Paths that are committed. */
export function trackedPaths(): string[] {
  return paths();
}

/** Paths of what somebody writes: committed, or about to be. */
function writtenPaths(): string[] {
  return paths('--cached', '--others', '--exclude-standard');
}

/** Code that somebody writes. */
export function sourceFiles(): SourceFile[] {
  return writtenPaths()
    .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && existsSync(join(root, path)))
    .map((path) => new SourceFile(path, readFileSync(join(root, path), 'utf8')));
}

/** `@parley/…` and other packages that each workspace declares, by folder (`packages/xml`); '' is the root. */
export function declaredDependencies(): Map<string, Set<string>> {
  const declared = new Map<string, Set<string>>();
  for (const path of writtenPaths()) {
    if (!/(^|\/)package\.json$/.test(path)) continue;
    const folder = path.replace(/\/?package\.json$/, '');
    if (!existsSync(join(root, path)) || !/^(|packages\/[^/]+|apps\/[^/]+)$/.test(folder)) continue;
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(root, path), 'utf8')) as Record<
      string,
      Record<string, string> | undefined
    >;
    declared.set(folder, new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]));
  }
  return declared;
}
