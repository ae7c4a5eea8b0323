// The formats in which ejabberd and Prosody keep things: literals only, and whatever is no literal is refused.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EjabberdDump } from './ejabberd.ts';
import { Atom, parseTerm, TermSplitter, Tuple } from './erlang.ts';
import { parseItems } from './lua.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('Erlang terms: records, binaries in all their shapes, numbers, quoted atoms', () => {
  const term = parseTerm(
    `{archive_msg,{<<"ann">>,<<>>},\n  <<"a\\"b\\\\c"\n "d">>,[1,-2,3.5],<<195,169>>,'X y',none,<<"\\x{e9}"/utf8>>,"text"}`,
  );
  assert.ok(term instanceof Tuple && term.record === 'archive_msg');
  const [, owner, text, list, latin, quoted, atom, utf8, string] = term.items;
  assert.deepEqual(owner, new Tuple([bytes('ann'), bytes('')]));
  assert.deepEqual(text, bytes('a"b\\cd'));
  assert.deepEqual(list, [1, -2, 3.5]);
  assert.deepEqual(latin, bytes('é'));
  assert.deepEqual([quoted, atom], [new Atom('X y'), new Atom('none')]);
  assert.deepEqual([utf8, string], [bytes('é'), bytes('text')]);
});

test('what is no term is refused: half ones, funs, endless nesting, numbers that are no bytes', () => {
  for (const text of ['', '{a', '{a,}', '<<1', '<<256>>', '<<"a', '#Fun<x>', 'Var', '{a}x', '[a|b]', '{'.repeat(10_000), '<<"\\x{100}">>'])
    assert.throws(() => parseTerm(text), SyntaxError, text.slice(0, 20));
});

test('where terms end: not at dots in texts, also when the file comes in pieces of one byte', () => {
  const dump = `{a,<<"x.\\n \\".\n">>}.\n{b,'q.\n',3.5}.\n`;
  const splitter = new TermSplitter();
  const ends = [...dump].flatMap((char, i) => splitter.feed(char).map((end) => end + i));
  assert.deepEqual(
    ends.map((end, i) => dump.slice(ends[i - 1] ?? 0, end).trim()),
    [`{a,<<"x.\\n \\".\n">>}.`, `{b,'q.\n',3.5}.`],
  );
});

test('an archive in a dump: in the order of its times, of this host only; what is no message is left out; half a file is refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-dump-'));
  t.after(() => rm(folder, { recursive: true }));
  const entry = (user: string, host: string, id: number, packet: string): string =>
    `{archive_msg,{<<"${user}">>,<<"${host}">>},\n <<"${id}">>,{1,2,3},{<<>>,<<>>,<<>>},{<<>>,<<>>,<<>>},\n ${packet},<<>>,chat}.\n`;
  const said = (text: string): string =>
    `{xmlel,<<"message">>,[{<<"type">>,<<"chat">>}],[{xmlel,<<"body">>,[],[{xmlcdata,<<"${text}">>}]}]}`;
  const path = join(folder, 'dump');
  const content =
    `{tables,[{passwd,[]}]}.\n{passwd,{<<"ann">>,<<"h">>},x}.\n` +
    entry('ann', 'h', 2_000_000, said('second. <&>')) +
    entry('ann', 'rooms.h', 1, said('in a room')) +
    entry('bob', 'h', 5, said('of Bob')) +
    entry('ann', 'h', 1_000_000, said('Ã©')) +
    entry('ann', 'h', 3_000_000, `{xmlel,<<"a b">>,[],[]}`) +
    entry('ann', 'h', 4_000_000, `none`);
  await writeFile(path, content, 'latin1');
  const dump = await EjabberdDump.open(path, 'h');
  const left: string[] = [];
  const found: unknown[] = [];
  for await (const one of dump.of('ann', (what) => left.push(what))) found.push([one.at, one.message.childText('body')]);
  await dump.close();
  assert.deepEqual(found, [
    [1000, 'é'],
    [2000, 'second. <&>'],
  ]);
  assert.equal(left.length, 2);
  await writeFile(path, content.slice(0, -20), 'latin1');
  await assert.rejects(EjabberdDump.open(path, 'h'), /ends before its time/);
});

test('Lua items: keys, positions, escapes; code is refused', () => {
  const [one, two, ...rest] = parseItems(
    'item({\n {"text \\"\\\\ \\195\\169 \\\n";["name"]="body";["attr"]={};};["when"]=12;name="message";[2]=true,\n});\nitem({});\n',
  );
  assert.deepEqual(rest, []);
  assert.deepEqual(two, { list: [], fields: new Map() });
  assert.deepEqual([one?.fields.get('when'), one?.fields.get('name'), one?.list[1]], [12, 'message', true]);
  assert.deepEqual(one?.list[0], {
    list: ['text "\\ Ã© \n'],
    fields: new Map<string, unknown>([
      ['name', 'body'],
      ['attr', { list: [], fields: new Map() }],
    ]),
  });
  for (const text of [
    'os.exit()',
    'item(os)',
    'item({',
    'item({a=function() end})',
    'item({"a" .. "b"})',
    `item(${'{'.repeat(5000)}`,
    'item("x")',
  ])
    assert.throws(() => parseItems(text), SyntaxError, text.slice(0, 20));
});
