// A reporter for `node --test` that speaks one JSON object a line to tools/run/suites.mjs.
import { relative, resolve } from 'node:path';
import { inspect } from 'node:util';

const line = (value) => `${JSON.stringify(value)}\n`;
const place = (data) => (data.file ? `${relative(process.cwd(), data.file)}:${data.line ?? 1}` : undefined);

/** What went wrong, with the cause that the person needs and not the runner's wrapping around it. */
function describe(error) {
  const cause = error?.cause ?? error;
  return typeof cause === 'string' ? cause : inspect(cause, { depth: 6, breakLength: 140 });
}

function failure(data, error, printed) {
  const file = data.file ?? resolve(data.name);
  const output = printed.get(file);
  printed.delete(file);
  return line({
    kind: 'failed',
    name: data.name,
    file: place(data),
    text: describe(error) + (output ? `\n--- output of the file ---\n${output}` : ''),
  });
}

export default async function* reporter(source) {
  const printed = new Map();
  const broken = [];
  for await (const event of source) {
    const { data } = event;
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      // What a test file printed is shown only beside a failure of that file.
      const file = data.entryFile ?? resolve(data.file);
      const kept = printed.get(file) ?? '';
      if (kept.length < 20_000) printed.set(file, kept + data.message);
      // Lines that start with `# ` are meant for the person who runs the suite (a measured size, a seed count).
      for (const text of data.message.split('\n')) if (text.startsWith('# ')) yield line({ kind: 'note', text: text.slice(2) });
      continue;
    }
    // What is running now, so that whoever ends a run that hangs can name it.
    if (event.type === 'test:dequeue' || event.type === 'test:complete') {
      const name = data.entryFile === undefined ? data.name : `${place(data)} › ${data.name}`;
      yield line({ kind: event.type === 'test:dequeue' ? 'begun' : 'ended', name });
      continue;
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    // Suites (describe) only group; a file that held no test is reported as a test named like the file.
    if (data.details?.type === 'suite' && event.type === 'test:pass') continue;
    if (event.type === 'test:pass') {
      if (data.skip !== undefined || data.todo !== undefined) {
        const reason = typeof data.skip === 'string' ? data.skip : typeof data.todo === 'string' ? `todo: ${data.todo}` : 'no reason given';
        yield line({ kind: 'skipped', name: data.name, reason });
      } else if (data.file === undefined || data.name !== relative(process.cwd(), data.file)) {
        if (data.name !== data.file) yield line({ kind: 'passed', name: data.name });
      }
      continue;
    }
    const error = data.details?.error;
    // A parent fails because its children did: they have been counted and shown already.
    if (error?.failureType === 'subtestsFailed') continue;
    // A file that fails as a whole (does not parse, crashes) has said why on stderr, which arrives later.
    if (data.file === undefined || data.name === relative(process.cwd(), data.file)) broken.push({ data, error });
    else yield failure(data, error, printed);
  }
  for (const { data, error } of broken) yield failure(data, error, printed);
}
