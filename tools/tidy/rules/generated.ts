/** What a program wrote is not committed. */
import type { Problem } from '../repository.ts';

const GENERATED: readonly (readonly [RegExp, string])[] = [
  [/(^|\/)(node_modules|dist|coverage|artifacts)\//, 'it is made by a command'],
  [/\.(tsbuildinfo|log|sock|db|db-wal|db-shm|pid|orig|rej|swp)$/, 'it is left by a program'],
  [/(^|\/)\.DS_Store$/, 'it is left by a program'],
  [/(^|\/)data\//, 'it is the data of a server'],
  [/\.(key|pem|p12)$/, 'it may be a secret'],
];

export function nothingGenerated(paths: readonly string[]): Problem[] {
  return paths.flatMap((path) => {
    const reason = GENERATED.find(([pattern]) => pattern.test(path))?.[1];
    return reason === undefined
      ? []
      : [{ path, line: 1, message: `Do not commit this, ${reason}: git rm --cached, and name it in .gitignore.` }];
  });
}
