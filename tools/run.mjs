// The one way in: `npm start`, `npm test`, `npm run check|dev|bench|build|docs`.
// Plain JavaScript that needs nothing installed and runs on any Node >= 20: it installs what is missing and
// hands the work to the pinned Node of node_modules.
import { bench, build, check, dev, docs, start, test } from './run/commands.mjs';
import { Problem } from './run/shell.mjs';

const commands = { start, test, check, dev, bench, build, docs };
const [name, ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
if (command === undefined) {
  console.error(`Usage: node tools/run.mjs ${Object.keys(commands).join('|')} [arguments]`);
  process.exit(2);
}
try {
  process.exitCode = await command(args);
} catch (error) {
  // A Problem is a sentence for the person at the terminal; anything else is a bug and keeps its stack.
  console.error(error instanceof Problem ? `\n${error.message}` : error);
  process.exitCode = 1;
}
