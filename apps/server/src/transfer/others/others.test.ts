// The formats in which ejabberd and Prosody keep things: literals only, and whatever is no literal is refused.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EjabberdDump } from './ejabberd.ts';
import { Atom, parseTerm, TermSplitter, Tuple } from './erlang.ts';
import { parseItems, parseReturn } from './lua.ts';
import { ProsodyData } from './prosody.ts';
import type { OtherRoom } from './rooms.ts';

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
  assert.equal(parseReturn('return { a = 1; };\n').fields.get('a'), 1);
  for (const text of ['return {} return {}', '', 'return', 'return 1', '{}', 'return {}.x'])
    assert.throws(() => parseReturn(text), SyntaxError, text);
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

const shown = ({ local, parts }: OtherRoom): [string, string] => [local, parts.map(String).join('')];
async function all(rooms: AsyncIterable<OtherRoom>): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const room of rooms) found.push(shown(room));
  return found;
}

test('rooms in a dump: those that stay, at this address; what is not as expected is passed over', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-dump-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'dump');
  const room = (name: string, host: string, options: string): string => `{muc_room,{<<"${name}">>,<<"${host}">>},[${options}]}.\n`;
  const owner = `{affiliations,[{{<<"ann">>,<<"h">>,<<>>},{owner,<<>>}},{{<<"bob">>,<<"h">>,<<>>},member},{{<<>>,<<"spam.h">>,<<>>},{outcast,<<"bad">>}},nonsense]}`;
  await writeFile(
    path,
    `{tables,[]}.\n${room('tea', 'rooms.h', `{persistent,true},{title,<<"Tea">>},{password_protected,true},{password,<<"pw">>},{anonymous,true},{subject,[{text,<<>>,<<"Hi <&>">>}]},{subject_author,{<<"Ann">>,x}},${owner}`)}` +
      room('old', 'rooms.h', `{persistent,true},{subject,<<"Old">>},{subject_author,<<"Bob">>},${owner}`) +
      room('gone', 'rooms.h', `{persistent,false},${owner}`) +
      room('far', 'muc.h', `{persistent,true},${owner}`) +
      room('foreign', 'muc.other', `{persistent,true},${owner}`),
    'latin1',
  );
  const dump = await EjabberdDump.open(path, 'h');
  t.after(() => dump.close());
  const left: string[] = [];
  const [[tea, text] = [], [old, older] = [], ...rest] = await all(dump.rooms('rooms.h', (what) => left.push(what)));
  assert.deepEqual([tea, old, rest], ['tea', 'old', []]);
  assert.deepEqual(left, ['rooms of muc.h: those of this server are at rooms.h (features.muc.host)']);
  assert.match(text ?? '', /roomname"><value>Tea<.*passwordprotectedroom"><value>1<.*roomsecret"><value>pw<.*whois"><value>moderators</);
  assert.doesNotMatch(text ?? '', /moderatedroom/, 'what is not said is not decided here');
  assert.match(
    text ?? '',
    /<subject [^>]*nick="Ann">Hi &lt;&amp;&gt;<.*ann@h" affiliation="owner".*bob@h" affiliation="member".*"spam.h" affiliation="outcast"><reason>bad</,
  );
  assert.match(older ?? '', /nick="Bob">Old</);
  await writeFile(path, '{tables,[]}.\n{muc_room,{<<"tea">>,#Fun<x>}}.\n', 'latin1');
  await assert.rejects(EjabberdDump.open(path, 'h'), /is not as ejabberd writes it/);
});

test('rooms and block lists in a data folder of Prosody; a file that is none is said and left out', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-prosody-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const path of ['h%2ex/blocklist', 'rooms%2eh%2ex/config', 'muc%2eh%2ex/config'])
    await mkdir(join(folder, path), { recursive: true });
  const put = (path: string, text: string): Promise<void> => writeFile(join(folder, path), text, 'latin1');
  await put('h%2ex/blocklist/ann.dat', 'return {\n\t[false] = {\n\t\t["created"] = 1;\n\t};\n\t["m\\195\\169l@h"] = 12;\n};\n');
  await put('h%2ex/blocklist/bob.dat', 'return os.exit()');
  await put(
    'rooms%2eh%2ex/config/caf%c3%a9.dat',
    'return { ["_data"] = { ["persistent"] = true; ["members_only"] = true; ["subject"] = "S"; ["subject_from"] = "x@y/An/n"; ["subject_time"] = 1; };' +
      ' ["_affiliations"] = { ["ann@h"] = "owner"; }; ["bob@h"] = "member"; ["_affiliation_data"] = { ["bob@h"] = { ["reserved_nickname"] = "Bob"; }; }; };',
  );
  await put('rooms%2eh%2ex/config/gone.dat', 'return { ["_data"] = {}; ["ann@h"] = "owner"; };');
  await put('rooms%2eh%2ex/config/code.dat', 'return (function() end)()');
  await put('muc%2eh%2ex/config/far.dat', 'return {};');
  const data = await ProsodyData.open(folder, 'h.x');
  const left: string[] = [];
  const tell = (what: string): void => void left.push(what.replace(folder, ''));
  assert.deepEqual(
    [await data.blocked('ann', tell), await data.blocked('bob', tell), await data.blocked('eve', tell)],
    [['mél@h'], [], []],
  );
  const [[local, text] = [], ...rest] = await all(data.rooms('rooms.h.x', tell));
  assert.deepEqual([local, rest], ['café', []]);
  assert.match(text ?? '', /publicroom"><value>1<.*membersonly"><value>1<.*whois"><value>moderators</);
  assert.match(text ?? '', /<subject [^>]*nick="An\/n" stamp="1970-01-01T00:00:01[^"]*">S</);
  assert.match(text ?? '', /ann@h" affiliation="owner".*bob@h" affiliation="member" nick="Bob"/);
  assert.equal(left.length, 3);
  assert.match(left.join('\n'), /bob\.dat: no Lua value.*\nrooms of muc\.h\.x: .*\n.*code\.dat: no Lua value/);
});
