/** Calls that are wrong in some places, each with its replacement. */
import ts from 'typescript';
import type { Problem, SourceFile } from '../repository.ts';
import { isStd } from './imports.ts';

/** `Math.random`, `process.env`: an access whose object is a plain name. */
function access(node: ts.Node): string | undefined {
  if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  return `${node.expression.text}.${node.name.text}`;
}

export function noMathRandom(file: SourceFile): Problem[] {
  if (file.isTest || file.path.startsWith('packages/testkit/')) return [];
  return collect(file, (node) =>
    access(node) === 'Math.random'
      ? 'Math.random can be guessed and not replayed: use the Random port (crypto.getRandomValues in browsers).'
      : undefined,
  );
}

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate']);

/** Time and output come through ports, so that a whole server runs inside one simulated process. */
export function noAmbientTime(file: SourceFile): Problem[] {
  if (!isStd(file)) return [];
  return collect(file, (node) => {
    const name = access(node);
    if (name === 'Date.now' || name === 'performance.now') return `${name} is the machine's clock: use now() of the Clock port.`;
    if (name?.startsWith('console.')) return 'console is no log: use the Log port (log.info("event_name", { fields })).';
    if (
      ts.isNewExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === 'Date' &&
      (node.arguments?.length ?? 0) === 0
    )
      return 'new Date() is the machine’s clock: use now() of the Clock port.';
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && TIMERS.has(node.expression.text))
      return `${node.expression.text} is the machine's clock: use after() or soon() of the Clock port.`;
    return undefined;
  });
}

const ENVIRONMENT = /^(apps\/[^/]+\/src\/main\.tsx?$|apps\/cli\/|apps\/server\/src\/config\/|tools\/)/;

export function noEnvironment(file: SourceFile): Problem[] {
  if (file.isTest || ENVIRONMENT.test(file.path)) return [];
  return collect(file, (node) =>
    access(node) === 'process.env'
      ? 'Only main.ts reads the environment: make it a setting (apps/server/src/config/settings.ts) and pass the value in.'
      : undefined,
  );
}

const HTML = new Set(['innerHTML', 'outerHTML', 'dangerouslySetInnerHTML', 'insertAdjacentHTML', 'srcdoc']);

export function noHtmlOrEval(file: SourceFile): Problem[] {
  return collect(file, (node) => {
    const named =
      ts.isPropertyAccessExpression(node) || ts.isPropertyAssignment(node) || ts.isJsxAttribute(node) ? node.name.getText(file.tree) : '';
    if (HTML.has(named)) return `${named} turns text of strangers into markup: build elements, or use textContent.`;
    const callee = (ts.isCallExpression(node) || ts.isNewExpression(node)) && ts.isIdentifier(node.expression) ? node.expression.text : '';
    if (callee === 'eval' || callee === 'Function') return `${callee} runs text as code: write the code.`;
    return undefined;
  });
}

function collect(file: SourceFile, judge: (node: ts.Node) => string | undefined): Problem[] {
  const problems: Problem[] = [];
  file.walk((node) => {
    const message = judge(node);
    if (message !== undefined) problems.push(file.problem(node, message));
  });
  return problems;
}
