import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { duration, table } from './output.ts';
import { run } from './program.ts';
import { splitArguments } from './settings.ts';
import type { Terminal } from './terminal.ts';

interface Scripted extends Terminal {
  readonly said: { out: string; err: string };
  readonly asked: { question: string; hidden: boolean }[];
}

/** A terminal with these answers; without any, nobody sits there. */
function scripted(options: { answers?: string[]; stdin?: string; environment?: Record<string, string>; cwd?: string } = {}): Scripted {
  const said = { out: '', err: '' };
  const asked: Scripted['asked'] = [];
  const answers = [...(options.answers ?? [])];
  return {
    said,
    asked,
    environment: options.environment ?? {},
    cwd: options.cwd ?? tmpdir(),
    interactive: options.answers !== undefined,
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    async ask(question, hidden = false) {
      asked.push({ question, hidden });
      return answers.shift() ?? assert.fail(`not expected: ${question}`);
    },
    input: async () => options.stdin ?? '',
  };
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'parley-cli-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('the settings of the server may stand anywhere among the arguments', () => {
  assert.deepEqual(splitArguments(['user', '--dataDir', '/x', 'add', 'ann', '--listen.http=off', '--json']), {
    server: ['--dataDir', '/x', '--listen.http=off'],
    rest: ['user', 'add', 'ann', '--json'],
  });
  assert.deepEqual(splitArguments(['--config=a.yaml', 'queue']), { server: ['--config=a.yaml'], rest: ['queue'] });
  assert.deepEqual(splitArguments(['--config', '--json']), { server: ['--config'], rest: ['--json'] });
});

test('accounts of a stopped server', async (t) => {
  const data = `--dataDir=${join(await folder(t), 'data')}`;
  const ann = scripted({ answers: ['secret', 'secret'] });
  assert.equal(await run(['user', 'add', 'Ann', data], ann), 0, ann.said.err);
  assert.equal(ann.said.out, 'ann@localhost was added.\n');
  assert.ok(ann.asked.length === 2 && ann.asked.every(({ hidden }) => hidden), 'the password is asked for twice, without echo');
  assert.match(ann.said.err, /Made the data folder/);

  const bob = scripted({ stdin: 'secret\n' });
  assert.equal(await run(['user', 'add', 'bob@localhost', '--password-stdin', '--json', data], bob), 0, bob.said.err);
  assert.deepEqual(JSON.parse(bob.said.out), { jid: 'bob@localhost' });

  const again = scripted({ stdin: 'secret' });
  assert.equal(await run(['user', 'add', 'bob', '--password-stdin', data], again), 1);
  assert.equal(again.said.err, 'This user name is taken; choose another.\n');

  const list = scripted();
  assert.equal(await run(['user', 'list', '--json', data], list), 0);
  assert.deepEqual(
    (JSON.parse(list.said.out) as { jid: string }[]).map(({ jid }) => jid),
    ['ann@localhost', 'bob@localhost'],
  );
  const page = scripted();
  await run(['user', 'list', '--after', 'ann', '--limit', '1', data], page);
  assert.match(page.said.out, /^ADDRESS .*\nbob@localhost /);

  const password = scripted({ stdin: 'other' });
  assert.equal(await run(['user', 'password', 'ann', '--password-stdin', data], password), 0, password.said.err);

  const silent = scripted();
  assert.equal(await run(['user', 'remove', 'ann', data], silent), 1, 'nobody to ask');
  assert.match(silent.said.err, /--yes/);
  const no = scripted({ answers: ['y'] });
  assert.equal(await run(['user', 'remove', 'ann', data], no), 1);
  const yes = scripted({ answers: ['yes'] });
  assert.equal(await run(['user', 'remove', 'ann', data], yes), 0, yes.said.err);
  const gone = scripted();
  assert.equal(await run(['user', 'remove', 'ann', '--yes', data], gone), 1);
  assert.equal(gone.said.err, 'There is no user ann@localhost.\n');

  for (const [args, answer] of [
    [['queue'], 'No message is waiting.\n'],
    [['session', 'list'], 'The server is stopped; nobody is signed in.\n'],
  ] as const) {
    const terminal = scripted();
    assert.equal(await run([...args, data], terminal), 0, terminal.said.err);
    assert.equal(terminal.said.out, answer);
  }
});

test('passwords that are not given, differ, or are empty change nothing', async (t) => {
  const data = `--dataDir=${join(await folder(t), 'data')}`;
  for (const [terminal, message] of [
    [scripted(), /--password-stdin/],
    [scripted({ answers: ['one', 'two'] }), /differ/],
    [scripted({ answers: [''] }), /needed/],
  ] as const) {
    assert.equal(await run(['user', 'add', 'ann', data], terminal), 1);
    assert.match(terminal.said.err, message);
  }
  for (const stdin of ['', '\n', 'one\ntwo\n']) {
    const terminal = scripted({ stdin });
    assert.equal(await run(['user', 'add', 'ann', '--password-stdin', data], terminal), 1, JSON.stringify(stdin));
  }
  const list = scripted();
  await run(['user', 'list', '--json', data], list);
  assert.deepEqual(JSON.parse(list.said.out), []);
});

test('no data: only the first account makes a folder', async (t) => {
  const path = join(await folder(t), 'none');
  for (const args of [['user', 'list'], ['queue'], ['session', 'list'], ['user', 'remove', 'ann', '--yes']]) {
    const terminal = scripted();
    assert.equal(await run([...args, `--dataDir=${path}`], terminal), 1);
    assert.match(terminal.said.err, /^There is no Parley data in .*--dataDir=FOLDER\.\n$/);
  }
});

test('settings are checked, with one sentence for what is wrong', async (t) => {
  const path = await folder(t);
  const check = async (yaml: string, ...more: string[]): Promise<{ code: number; out: string; err: string }> => {
    await writeFile(join(path, 'parley.yaml'), yaml);
    const terminal = scripted({ cwd: path });
    const code = await run(['config', 'check', '--config', 'parley.yaml', ...more], terminal);
    return { code, ...terminal.said };
  };
  const right = await check('domain: chat.example\ndataDir: here\n', '--json');
  assert.equal(right.code, 0, right.err);
  assert.deepEqual((({ ok, domain, dataDir }) => ({ ok, domain, dataDir }))(JSON.parse(right.out)), {
    ok: true,
    domain: 'chat.example',
    dataDir: join(path, 'here'),
  });
  assert.match((await check('domain: chat.example\n')).out, /^The settings are in order\.\n/);
  for (const [yaml, message] of [
    ['domian: chat.example\n', /did you mean domain/],
    ['listen:\n  http: nowhere\n', /listen\.http must be address:port/],
    ['tls:\n  mode: files\n  cert: a.pem\n  key: b.pem\n', /cannot read .*a\.pem: there is no such file/],
    [': [\n', /is not YAML/],
  ] as const) {
    const wrong = await check(yaml);
    assert.equal(wrong.code, 1, yaml);
    assert.match(wrong.err, message);
    assert.doesNotMatch(wrong.err, /\n\s+at /, 'no stack');
  }
  const variable = scripted({ environment: { PARLEY_LISTEN_HTPP: 'off' } });
  assert.equal(await run(['config', 'check'], variable), 1);
  assert.match(variable.said.err, /did you mean PARLEY_LISTEN_HTTP/);
});

test('commands that do not exist, help and version', async () => {
  for (const args of [['usr'], ['user', 'ad'], ['user', 'add'], ['queue', '--limit=many'], ['queue', '--frobnicate']]) {
    const terminal = scripted();
    assert.equal(await run(args, terminal), 1, args.join(' '));
    assert.ok(terminal.said.err !== '' && !terminal.said.err.includes('    at '), terminal.said.err);
  }
  const help = scripted();
  assert.equal(await run(['--help'], help), 0);
  for (const word of ['user', 'queue', 'session', 'config', 'doctor', '--config FILE']) assert.ok(help.said.out.includes(word), word);
  const version = scripted();
  assert.equal(await run(['--version'], version), 0);
  assert.match(version.said.out, /^\d+\.\d+\.\d+\n$/);
});

test('tables and times', () => {
  assert.equal(table(['A', 'LONG'], [['wide cell', 'x']]), 'A          LONG\nwide cell  x\n');
  assert.equal(table(['A'], [['\u001b[31mred\u202e']]), 'A\n�[31mred�\n');
  assert.deepEqual([0, 999, 61_000, 3_600_000, 90_061_000].map(duration), ['0s', '0s', '1m 1s', '1h', '1d 1h']);
});
