/** Files that want to be two. */
import type { Problem, SourceFile } from '../repository.ts';

const MAX_LINES = 500;

/** Files that may be longer for now: how long at most, and why. An entry that is not needed fails, too. */
export const LONGER: Readonly<Record<string, { readonly lines: number; readonly why: string }>> = {
  'packages/xml/src/scan.ts': { lines: 600, why: 'one loop over the bytes, which calls into other files would slow down' },
  'tests/scenarios/bad-input.test.ts': { lines: 700, why: 'one table of cases' },
};

export function fileLength(file: SourceFile, longer: typeof LONGER = LONGER): Problem[] {
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
  const allowed = longer[file.path];
  if (allowed !== undefined && lines <= MAX_LINES)
    return [file.problem(1, `It has ${lines} lines: remove its entry from LONGER in tools/tidy/rules/size.ts.`)];
  const most = allowed?.lines ?? MAX_LINES;
  if (lines <= most) return [];
  return [file.problem(most + 1, `${lines} lines, ${most} are allowed: move a part that has a name of its own into a second file.`)];
}
