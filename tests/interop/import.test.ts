// XEP-0227: what ejabberd and Prosody export is taken; people sign in with the passwords that they had, and find what they had.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { befriend, message, Person } from '../scenarios/people.ts';
import { parley } from '../support/cli.ts';
import { freePorts, PATIENCE_MS, Program, waitFor } from '../support/process.ts';
import { RawClient } from '../support/raw.ts';
import { startServer, type TestServer } from '../support/server.ts';

const lacks = (command: string): string | false =>
  spawnSync('which', [command], { stdio: 'ignore' }).status === 0 ? false : `${command} is missing: apt-get install ${command}`;
const folder = await mkdtemp(join(tmpdir(), 'parley-import-'));
test.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

interface Result {
  readonly counts: Record<string, number>;
  readonly withoutKeys: string[];
  readonly left: string[];
}

/** With what every format escapes in its own way. */
const said = (i: number): string => `waits ${i} é€😀 "quoted" \\n <&; ${'long '.repeat(40)}end`;

const ROOM = 'play@conference.localhost';
const MUC = 'http://jabber.org/protocol/muc';

/** Ann makes a room, says who may come, what it is about, and what is talked about. */
async function meet(ann: Person): Promise<void> {
  const done = async (payload: string): Promise<void> =>
    assert.equal((await ann.ask('set', payload, ROOM)).attrs['type'], 'result', payload);
  ann.send(`<presence to='${ROOM}/Ann'><x xmlns='${MUC}'/></presence>`);
  await ann.take({ name: 'presence', attrs: { from: `${ROOM}/Ann`, type: undefined } });
  const field = (name: string, value: string): string => `<field var='muc#roomconfig_${name}'><value>${value}</value></field>`;
  const fields =
    field('roomname', 'The Play — “é”') +
    field('roomdesc', 'What we act') +
    field('persistentroom', '1') +
    field('publicroom', '0') +
    field('membersonly', '1') +
    field('moderatedroom', '1') +
    field('whois', 'anyone');
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${MUC}#roomconfig</value></field>${fields}</x>`;
  await done(`<query xmlns='${MUC}#owner'>${form}</query>`);
  for (const [jid, affiliation] of [
    ['bob@localhost', 'member'],
    ['carol@elsewhere.example', 'admin'],
    ['eve@localhost', 'outcast'],
  ])
    await done(
      `<query xmlns='${MUC}#admin'><item jid='${jid}' affiliation='${affiliation}'><reason>as ${affiliation}</reason></item></query>`,
    );
  ann.send(`<message to='${ROOM}' type='groupchat'><subject>Act one &amp; two</subject></message>`);
  await ann.take({ name: 'message', where: (one) => one.child('subject')?.text === 'Act one & two' });
  ann.send(`<presence to='${ROOM}/Ann' type='unavailable'/>`);
  await ann.take({ name: 'presence', attrs: { from: `${ROOM}/Ann`, type: 'unavailable' } });
}

/** Ann and Bob live on the other server for a while. */
async function live(server: TestServer): Promise<void> {
  for (const name of ['ann', 'bob']) await server.createUser(name, `secret of ${name}`);
  const ann = await Person.signIn(server, 'ann', { password: 'secret of ann', resource: 'phone' });
  const bob = await Person.signIn(server, 'bob', { password: 'secret of bob', resource: 'phone' });
  await befriend(ann, bob);
  await ann.ask('set', `<query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='Bobby'><group>Friends</group></item></query>`);
  await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann Example</FN></vCard>`);
  const stored = await ann.ask(
    'set',
    `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='play@rooms.example' name='The Play' autojoin='true'><nick>Ann</nick></conference></storage></query>`,
  );
  assert.equal(stored.attrs['type'], 'result', String(stored));
  await meet(ann);
  assert.equal(
    (await bob.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='spam.example'/><item jid='mallory@localhost'/></block>`)).attrs[
      'type'
    ],
    'result',
  );
  for (let i = 0; i < 4; i++) ann.send(`<message to='bob@localhost' type='chat' id='d${i}'><body>delivered ${i}</body></message>`);
  for (let i = 0; i < 4; i++) await bob.take(message({ id: `d${i}` }));
  await bob.settled();
  await bob.leave();
  await ann.settled();
  for (let i = 0; i < 3; i++)
    ann.send(
      `<message to='bob@localhost' type='chat' id='w${i}'><body>${said(i).replace('<', '&lt;').replace('&;', '&amp;;')}</body></message>`,
    );
  await ann.settled();
  await ann.leave();
}

/** The room is what it was: configuration, who belongs to it with what reason, subject; and Bob's list of blocked addresses. */
async function meetAgain(server: TestServer, ann: Person): Promise<void> {
  const info = (await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM)).child('query');
  assert.equal(info?.child('identity')?.attrs['name'], 'The Play — “é”');
  const features = info?.all('feature').map((one) => one.attrs['var'] ?? '') ?? [];
  for (const one of ['muc_membersonly', 'muc_hidden', 'muc_moderated', 'muc_nonanonymous', 'muc_persistent'])
    assert.ok(features.includes(one), `${one} is not among ${features}`);
  assert.match(String(info), /What we act/);
  const people: string[] = [];
  for (const affiliation of ['owner', 'admin', 'member', 'outcast']) {
    const list = await ann.ask('get', `<query xmlns='${MUC}#admin'><item affiliation='${affiliation}'/></query>`, ROOM);
    for (const item of list.child('query')?.all('item') ?? []) people.push(`${item.attrs['jid']} ${item.attrs['affiliation']}`);
  }
  assert.deepEqual(people, ['ann@localhost owner', 'carol@elsewhere.example admin', 'bob@localhost member', 'eve@localhost outcast']);
  const bob = await Person.signIn(server, 'bob', { password: 'secret of bob' });
  bob.send(`<presence to='${ROOM}/Bob'><x xmlns='${MUC}'/></presence>`);
  const subject = await bob.take({ name: 'message', where: (one) => one.child('subject') !== undefined });
  assert.deepEqual([subject.child('subject')?.text, subject.attrs['from']], ['Act one & two', `${ROOM}/Ann`]);
  const blocked = (await bob.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).child('blocklist')?.all('item') ?? [];
  assert.deepEqual(blocked.map((item) => item.attrs['jid']).sort(), ['mallory@localhost', 'spam.example']);
  await bob.leave();
}

/** What both leave behind. */
const SAME = { accounts: 2, contacts: 2, blocked: 2, offline: 3, archived: 14, rooms: 1, roomAffiliations: 4 };

/** The same on ours. */
async function arrive(path: string, also: string, expected: Record<string, number>): Promise<void> {
  const server = await startServer({ kind: 'parley', config: { 'auth.allowPlaintext': true, 'history.keep': 'forever' } });
  try {
    const { code, out, err } = await parley(server, ['import', path, '--with', also, '--json']);
    assert.equal(code, 0, err);
    const result = JSON.parse(out) as Result;
    assert.deepEqual(result.withoutKeys, []);
    assert.deepEqual(result.left, []);
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, result.counts[key]]));
    assert.deepEqual(found, expected, `${out}`);
    const bob = await Person.signIn(server, 'bob', { password: 'secret of bob' });
    for (let i = 0; i < (expected['offline'] ?? 0); i++)
      assert.equal((await bob.take(message({ type: 'chat' }))).child('body')?.text, said(i));
    await bob.settled();
    assert.equal(bob.inbox.filter((heard) => heard.name === 'message').length, 0, 'nothing twice');
    await bob.leave();
    const ann = await Person.signIn(server, 'ann', { password: 'secret of ann' });
    const [item] = await ann.roster();
    assert.deepEqual([item?.attrs['name'], item?.attrs['subscription'], item?.child('group')?.text], ['Bobby', 'both', 'Friends']);
    if (expected['vCards'] === 0) {
      // Prosody keeps it as a node (XEP-0292).
      const node = await ann.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'/></pubsub>`);
      assert.match(String(node), /Ann Example/);
    } else {
      const card = await ann.ask('get', `<vCard xmlns='vcard-temp'/>`);
      assert.equal(card.child('vCard')?.child('FN')?.text, 'Ann Example');
    }
    const kept = await ann.ask('get', `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>`);
    assert.equal(kept.child('query')?.child('storage')?.child('conference')?.attrs['jid'], 'play@rooms.example', String(kept));
    const listed = await ann.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>`);
    assert.match(String(listed), /play@rooms\.example.*The Play/s, 'for clients that know XEP-0402');
    await ann.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
    const archived = ann.inbox.filter((heard) => heard.child('result', 'urn:xmpp:mam:2') !== undefined).length;
    assert.equal(archived, 7);
    await assert.rejects(Person.signIn(server, 'ann', { password: 'secret of bob' }));
    await meetAgain(server, ann);
    await ann.leave();
  } finally {
    await server.stop();
  }
}

test('from Prosody, with prosody-migrator', { skip: lacks('prosody') || lacks('prosody-migrator') }, async () => {
  const dataDir = join(folder, 'prosody');
  await mkdir(dataDir);
  const server = await startServer({ kind: 'prosody', dataDir });
  try {
    await live(server);
  } finally {
    await server.stop();
  }
  const target = join(folder, 'from-prosody');
  await mkdir(target);
  // The migrator has no store for messages that wait: they are read from the data folder.
  const stores = ['accounts', 'roster', 'vcard', 'private', 'pep', 'archive-archive', 'pep-pubsub'];
  const vhost = stores.map((name) => `"${name}"`).join('; ');
  const config = join(folder, 'migrator.cfg.lua');
  await writeFile(
    config,
    `input { hosts = { ["localhost"] = { ${vhost} } }; type = "internal"; path = "${dataDir}/data" }
output { type = "xep0227" }
`,
  );
  // It writes to the data folder that is built into it: a copy writes to ours.
  const migrator = join(folder, 'migrator.lua');
  const built = await readFile('/usr/bin/prosody-migrator', 'utf8');
  await writeFile(migrator, built.replace(/^CFG_DATADIR=.*$/m, `CFG_DATADIR='${target}';`), { mode: 0o755 });
  // Started by root it becomes the user prosody.
  spawnSync('chmod', ['-R', 'a+rwX', folder]);
  const run = spawnSync(migrator, ['--config', config], { cwd: target, encoding: 'utf8' });
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
  const written = await readdir(target, { recursive: true });
  assert.ok(
    written.some((name) => name.endsWith('.xml')),
    `${written.join()} ${run.stdout}${run.stderr}`,
  );
  await arrive(target, join(dataDir, 'data'), { ...SAME, vCards: 0, items: 1 });
});

test('from ejabberd, with export_piefxis', { skip: lacks('ejabberdctl') }, async () => {
  const dir = join(folder, 'ejabberd');
  await mkdir(join(dir, 'spool'), { recursive: true });
  const [xmpp = 0, api = 0] = await freePorts(2);
  const config = `
hosts: [localhost]
loglevel: warning
listen:
  - port: ${xmpp}
    ip: 127.0.0.1
    module: ejabberd_c2s
  - port: ${api}
    ip: 127.0.0.1
    module: ejabberd_http
    request_handlers: { /api: mod_http_api }
auth_method: [internal]
auth_password_format: scram
registration_timeout: infinity
access_rules: { c2s: { allow: all }, register: { allow: all } }
api_permissions: { here: { who: [{ ip: 127.0.0.1/8 }], what: ['*'] } }
modules:
  mod_adhoc: {}
  mod_caps: {}
  mod_disco: {}
  mod_blocking: {}
  mod_privacy: {}
  mod_muc: { host: conference.localhost, access_create: all, access_persistent: all, default_room_options: { mam: true } }
  mod_mam: { db_type: mnesia, default: always }
  mod_offline: {}
  mod_ping: {}
  mod_private: {}
  mod_pubsub: { plugins: [flat, pep] }
  mod_register: { access: all, ip_access: all, registration_watchers: [] }
  mod_roster: {}
  mod_vcard: { search: false }
`;
  await writeFile(join(dir, 'ejabberd.yml'), config);
  const args = ['-mnesia', 'dir', `"${join(dir, 'spool')}"`, '-s', 'ejabberd', '-noinput'];
  const program = new Program('erl', args, {
    cwd: dir,
    env: {
      ...process.env,
      HOME: dir,
      ERL_LIBS: '/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu',
      EJABBERD_CONFIG_PATH: join(dir, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(dir, 'ejabberd.log'),
      ERL_CRASH_DUMP: '/dev/null',
    },
  });
  const call = async (name: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${api}/api/${name}`, { method: 'POST', body: JSON.stringify(body) });
    const text = await answer.text();
    assert.equal(answer.status, 200, `${name}: ${text}`);
    return JSON.parse(text);
  };
  try {
    await waitFor('ejabberd', () => call('status', {}), 2 * PATIENCE_MS).catch((cause: unknown) => {
      throw new Error(`ejabberd did not start: ${program.output.slice(-1000)}`, { cause });
    });
    // Each port is opened by itself.
    await waitFor('ejabberd for clients', async () => {
      const client = await RawClient.connect(xmpp);
      client.cut();
      return true;
    });
    const createUser = (username: string, password: string): Promise<void> =>
      call('register', { user: username, host: 'localhost', password }).then(() => undefined);
    await live({ domain: 'localhost', host: '127.0.0.1', ports: { xmpp, xmpps: 0, http: 0 }, createUser } as unknown as TestServer);
    await mkdir(join(dir, 'export'));
    await call('export_piefxis', { dir: join(dir, 'export') });
    await call('dump', { file: join(dir, 'dump') });
  } finally {
    await program.end();
  }
  const main = (await readdir(join(dir, 'export'))).find((name) => /^\d{8}-\d{6}\.xml$/.test(name));
  assert.ok(main !== undefined, String(await readdir(join(dir, 'export'))));
  await arrive(join(dir, 'export', main), join(dir, 'dump'), { ...SAME, vCards: 1 });
});
