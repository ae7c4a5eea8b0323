// XEP-0050 and XEP-0133: Olga administers the server from her client; Eve would like to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer } from '../support/server.ts';
import { type Heard, message, Person } from './people.ts';

const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'features.administration.admins': 'olga@localhost nora@localhost' },
});
test.after(() => server.stop());
/** As the operator makes accounts: nobody else can make one with the name of an administrator. */
const add = async (name: string): Promise<void> => {
  const { code, err } = await parley(server, ['user', 'add', name, '--password-stdin'], 'secret\n');
  assert.equal(code, 0, err);
};
await add('olga');
for (const name of ['eve', 'ann', 'bob']) await server.createUser(name, 'secret');
const olga = await Person.signIn(server, 'olga', { resource: 'desk' });

const COMMANDS = 'http://jabber.org/protocol/commands';
const node = (name: string): string => `http://jabber.org/protocol/admin#${name}`;
type Fields = Record<string, string | string[]>;

const filled = (fields: Fields): string =>
  `<x xmlns='jabber:x:data' type='submit'>${Object.entries(fields)
    .map(
      ([name, value]) =>
        `<field var='${name}'>${[value]
          .flat()
          .map((one) => `<value>${one}</value>`)
          .join('')}</field>`,
    )
    .join('')}</x>`;
const begin = (who: Person, name: string, more = ''): Promise<Heard> =>
  who.ask('set', `<command xmlns='${COMMANDS}' node='${name}' ${more}/>`, 'localhost');
const submit = (who: Person, name: string, session: string, fields: Fields): Promise<Heard> =>
  who.ask('set', `<command xmlns='${COMMANDS}' node='${name}' sessionid='${session}'>${filled(fields)}</command>`, 'localhost');

/** Runs a command with its form; answers the `<command/>` of the end. */
async function run(who: Person, name: string, fields?: Fields): Promise<Heard> {
  const first = (await begin(who, node(name))).child('command', COMMANDS);
  assert.ok(first, name);
  if (fields === undefined) return first;
  assert.equal(first.attrs['status'], 'executing');
  assert.equal(first.child('actions')?.attrs['execute'], 'complete');
  const last = (await submit(who, node(name), first.attrs['sessionid'] ?? '', fields)).child('command', COMMANDS);
  assert.equal(last?.attrs['status'], 'completed');
  return last as Heard;
}
const note = (command: Heard): string => `${command.child('note')?.attrs['type']}: ${command.child('note')?.text}`;
const values = (command: Heard, field: string): string[] =>
  command
    .child('x')
    ?.all('field')
    .find((one) => one.attrs['var'] === field)
    ?.all('value')
    .map((value) => value.text) ?? [];

test('an administrator finds the commands, others find none', async () => {
  const eve = await Person.signIn(server, 'eve');
  const items = async (who: Person): Promise<Heard[]> =>
    (await who.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`, 'localhost'))
      .child('query')
      ?.all('item') ?? [];
  const mine = await items(olga);
  assert.ok(mine.some((item) => item.attrs['node'] === node('add-user') && item.attrs['name'] === 'Add User'));
  assert.deepEqual(await items(eve), []);
  const info = await olga.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='${node('add-user')}'/>`, 'localhost');
  assert.equal(info.child('query')?.child('identity')?.attrs['type'], 'command-node');
  const hidden = await eve.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='${node('add-user')}'/>`, 'localhost');
  assert.equal(hidden.error, 'forbidden');
  await eve.leave();
});

test('privilege escalation: whoever is no administrator is forbidden each command, also in the middle of one', async () => {
  const eve = await Person.signIn(server, 'eve');
  for (const name of ['add-user', 'delete-user', 'get-online-users-num', 'announce'])
    assert.equal((await begin(eve, node(name))).error, 'forbidden', name);
  const session = (await begin(olga, node('delete-user'))).child('command')?.attrs['sessionid'] ?? '';
  assert.equal((await submit(eve, node('delete-user'), session, { accountjids: 'ann@localhost' })).error, 'forbidden');
  eve.send(`<iq type='set' id='f' to='localhost' from='olga@localhost'><command xmlns='${COMMANDS}' node='${node('announce')}'/></iq>`);
  assert.ok((await eve.take({ name: 'error' })).child('invalid-from'), 'forged sender');
  await Person.signIn(server, 'ann').then((ann) => ann.leave());
});

test('R10: nobody becomes an administrator by registering a name that the operator has given, but nobody has or has any more', async () => {
  const register = async (name: string): Promise<Heard> => {
    const guest = await Person.guest(server);
    return guest.ask('set', `<query xmlns='jabber:iq:register'><username>${name}</username><password>secret</password></query>`);
  };
  assert.equal((await register('nora')).error, 'conflict');
  assert.equal((await register('NORA')).error, 'conflict');
  assert.equal((await register('norah')).attrs['type'], 'result');
  await run(olga, 'delete-user', { accountjids: 'norah@localhost' });
  // The operator makes the account.
  await add('nora');
  const nora = await Person.signIn(server, 'nora');
  assert.notEqual((await begin(nora, node('get-online-users-num'))).attrs['type'], 'error');
  await nora.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`);
  await nora.gone();
  assert.equal((await register('nora')).error, 'conflict');
});

test('a session works for the device and command that it was begun by, once', async () => {
  const other = await Person.signIn(server, 'olga', { resource: 'phone' });
  const session = (await begin(olga, node('disable-user'))).child('command')?.attrs['sessionid'] ?? '';
  const expired = async (heard: Promise<Heard>): Promise<void> => {
    const answer = await heard;
    assert.equal(answer.error, 'not-allowed');
    assert.ok(answer.child('error')?.child('session-expired', COMMANDS));
  };
  await expired(submit(other, node('disable-user'), session, { accountjids: 'ann@localhost' }));
  await expired(submit(olga, node('delete-user'), session, { accountjids: 'ann@localhost' }));
  await expired(submit(olga, node('disable-user'), 'guess', { accountjids: 'ann@localhost' }));
  const canceled = await olga.ask(
    'set',
    `<command xmlns='${COMMANDS}' node='${node('disable-user')}' sessionid='${session}' action='cancel'/>`,
    'localhost',
  );
  assert.equal(canceled.child('command')?.attrs['status'], 'canceled');
  await expired(submit(olga, node('disable-user'), session, { accountjids: 'ann@localhost' }));
  await other.leave();
});

test('what is no command, no action, no form', async () => {
  assert.equal((await begin(olga, 'nonsense')).error, 'item-not-found');
  const bad = await begin(olga, node('add-user'), `action='dance' sessionid=''`);
  assert.equal(bad.error, 'not-allowed');
  const session = (await begin(olga, node('add-user'))).child('command')?.attrs['sessionid'] ?? '';
  const act = (action: string): Promise<Heard> =>
    olga.ask('set', `<command xmlns='${COMMANDS}' node='${node('add-user')}' sessionid='${session}' action='${action}'/>`, 'localhost');
  assert.ok((await act('dance')).child('error')?.child('malformed-action', COMMANDS));
  assert.ok((await act('prev')).child('error')?.child('bad-action', COMMANDS));
  assert.ok((await act('complete')).child('error')?.child('bad-payload', COMMANDS));
});

test('an account is made, disabled, enabled, given a password, and removed', async () => {
  const made = await run(olga, 'add-user', { accountjid: 'zoe@localhost', password: 'first', 'password-verify': 'first' });
  assert.equal(note(made), 'info: zoe@localhost was added.');
  assert.match(
    note(await run(olga, 'add-user', { accountjid: 'zoe@localhost', password: 'x', 'password-verify': 'x' })),
    /^error: .*taken/,
  );
  assert.match(
    note(await run(olga, 'add-user', { accountjid: 'yan@localhost', password: 'x', 'password-verify': 'y' })),
    /^error: .*differ/,
  );
  assert.match(note(await run(olga, 'add-user', { accountjid: 'yan@other.example', password: 'x' })), /^error:/);
  const zoe = await Person.signIn(server, 'zoe', { password: 'first' });
  assert.equal(note(await run(olga, 'disable-user', { accountjids: 'zoe@localhost' })), 'info: Disabled.');
  await zoe.gone();
  await assert.rejects(Person.signIn(server, 'zoe', { password: 'first' }));
  assert.deepEqual(values(await run(olga, 'get-disabled-users-list', { max_items: '25' }), 'disableduserjids'), ['zoe@localhost']);
  assert.deepEqual(values(await run(olga, 'get-disabled-users-num'), 'disabledusersnum'), ['1']);
  await run(olga, 'reenable-user', { accountjids: 'zoe@localhost' });
  assert.match(note(await run(olga, 'change-user-password', { accountjid: 'zoe@localhost', password: 'second' })), /^info/);
  await assert.rejects(Person.signIn(server, 'zoe', { password: 'first' }));
  const again = await Person.signIn(server, 'zoe', { password: 'second' });
  assert.match(
    note(await run(olga, 'delete-user', { accountjids: ['zoe@localhost', 'nobody@localhost'] })),
    /^error: .*nothing was changed/,
  );
  assert.match(note(await run(olga, 'delete-user', { accountjids: 'olga@localhost' })), /^error: .*own account/);
  assert.equal(note(await run(olga, 'delete-user', { accountjids: 'zoe@localhost' })), 'info: Deleted.');
  await again.gone();
  await assert.rejects(Person.signIn(server, 'zoe', { password: 'second' }));
  assert.doesNotMatch(server.log(), /"(first|second)"/, 'no password in the log');
});

test('who is here: counts, lists, statistics, the end of a session', async () => {
  const ann = await Person.signIn(server, 'ann', { resource: 'phone' });
  const second = await Person.signIn(server, 'ann', { resource: 'laptop' });
  assert.deepEqual(values(await run(olga, 'get-registered-users-num'), 'registeredusersnum'), ['4']);
  assert.deepEqual(values(await run(olga, 'get-online-users-num'), 'onlineusersnum'), ['2']);
  assert.deepEqual(values(await run(olga, 'get-online-users-list', { max_items: '25' }), 'onlineuserjids'), [
    'ann@localhost',
    'olga@localhost',
  ]);
  assert.deepEqual(values(await run(olga, 'get-registered-users-list', { max_items: '25' }), 'registereduserjids'), [
    'ann@localhost',
    'bob@localhost',
    'eve@localhost',
    'olga@localhost',
  ]);
  const stats = await run(olga, 'user-stats', { accountjid: 'ann@localhost' });
  assert.deepEqual(values(stats, 'onlineresources').sort(), ['laptop', 'phone']);
  assert.deepEqual(values(stats, 'rostersize'), ['0']);
  assert.match(values(await run(olga, 'get-user-lastlogin', { accountjids: 'ann@localhost' }), 'lastlogin')[0] ?? '', /^20\d\d-.*Z$/);
  assert.equal(note(await run(olga, 'end-user-session', { accountjids: 'ann@localhost/phone' })), 'info: One session was ended.');
  await ann.gone();
  await second.settled();
  assert.equal(note(await run(olga, 'end-user-session', { accountjids: 'ann@localhost' })), 'info: One session was ended.');
  await second.gone();
});

test('an announcement reaches everybody who is online, once', async () => {
  const [ann, bob] = [await Person.signIn(server, 'ann'), await Person.signIn(server, 'bob')];
  assert.equal(note(await run(olga, 'announce', { announcement: ['We restart', 'at noon &amp; soon.'] })), 'info: Sent to 3 users.');
  for (const who of [ann, bob, olga])
    assert.equal((await who.take(message({ from: 'localhost', type: 'headline' }))).child('body')?.text, 'We restart\nat noon & soon.');
  await ann.settled();
  assert.equal(ann.inbox.filter((heard) => heard.name === 'message').length, 0);
  const session = (await begin(olga, node('announce'))).child('command')?.attrs['sessionid'] ?? '';
  assert.equal((await submit(olga, node('announce'), session, { announcement: '' })).error, 'not-acceptable');
  await ann.leave();
  await bob.leave();
});

test('the roster of somebody, for an administrator', async () => {
  const ann = await Person.signIn(server, 'ann');
  await ann.ask('set', `<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='Romeo'><group>Friends</group></item></query>`);
  const done = await run(olga, 'get-user-roster', { accountjids: 'ann@localhost' });
  assert.deepEqual(values(done, 'accountjids'), ['ann@localhost']);
  const item = done.child('x')?.child('query', 'jabber:iq:roster')?.child('item');
  assert.deepEqual([item?.attrs['jid'], item?.attrs['name'], item?.child('group')?.text], ['romeo@localhost', 'Romeo', 'Friends']);
  assert.match(note(await run(olga, 'get-user-roster', { accountjids: 'nobody@localhost' })), /error: There is no such account/);
  await ann.leave();
});

test('who is active, and who is idle: away, or with a client that nobody looks at', async () => {
  const [ann, bob] = [await Person.signIn(server, 'ann', { resource: 'a' }), await Person.signIn(server, 'bob', { resource: 'b' })];
  const has = async (): Promise<string[]> => values(await run(olga, 'get-active-users', {}), 'activeuserjids');
  assert.ok((await has()).includes('ann@localhost') && (await has()).includes('bob@localhost'));
  ann.send('<presence><show>xa</show></presence>');
  bob.send(`<inactive xmlns='urn:xmpp:csi:0'/>`);
  await ann.settled();
  await bob.settled();
  const active = await has();
  assert.ok(!active.includes('ann@localhost') && !active.includes('bob@localhost'), active.join());
  const idle = values(await run(olga, 'get-idle-users', {}), 'activeuserjids');
  assert.ok(idle.includes('ann@localhost') && idle.includes('bob@localhost'), idle.join());
  assert.deepEqual(values(await run(olga, 'get-active-users-num'), 'activeusersnum'), [String(active.length)]);
  assert.deepEqual(values(await run(olga, 'get-idle-users-num'), 'idleusersnum'), [String(idle.length)]);
  await ann.leave();
  await bob.leave();
});

test('the message of the day: at once to those who are here, to the others when they come, to each account once', async () => {
  const motd = (text: string) => ({
    ...message({ from: 'localhost', type: 'headline' }),
    where: (heard: Heard) => heard.child('body')?.text === text,
  });
  const ann = await Person.signIn(server, 'ann', { resource: 'a' });
  assert.match(note(await run(olga, 'edit-motd', { motd: 'x' })), /error: There is no message of the day/);
  assert.match(note(await run(olga, 'set-motd', { motd: ['We move', 'on Sunday'] })), /^info/);
  await ann.take(motd('We move\non Sunday'));
  const second = await Person.signIn(server, 'ann', { resource: 'b' });
  await second.settled();
  assert.equal(second.inbox.filter((heard) => heard.name === 'message').length, 0, 'not to the second device');
  const bob = await Person.signIn(server, 'bob', { resource: 'b' });
  await bob.take(motd('We move\non Sunday'));
  await bob.leave();
  // An edit is for those who have not had it.
  await run(olga, 'edit-motd', { motd: 'We move on Monday' });
  const again = await Person.signIn(server, 'bob', { resource: 'b' });
  await again.settled();
  assert.equal(again.inbox.filter((heard) => heard.name === 'message').length, 0);
  const eve = await Person.signIn(server, 'eve');
  await eve.take(motd('We move on Monday'));
  const shown = JSON.parse((await parley(server, ['motd', 'show', '--json'])).out) as { text: string };
  assert.equal(shown.text, 'We move on Monday');
  // A new one is for all, also when it comes from the command line.
  assert.equal((await parley(server, ['motd', 'set', 'All is well'])).code, 0);
  for (const person of [ann, again, eve]) await person.take(motd('All is well'));
  await run(olga, 'delete-motd');
  assert.match(note(await run(olga, 'delete-motd')), /error: There is none/);
  for (const person of [ann, second, again, eve]) await person.leave();
  const late = await Person.signIn(server, 'ann', { resource: 'c' });
  await late.settled();
  assert.equal(late.inbox.filter((heard) => heard.name === 'message').length, 0);
  await late.leave();
});

test('the welcome of new accounts', async () => {
  await run(olga, 'set-welcome', { welcome: 'Be nice' });
  await server.createUser('gina', 'secret');
  const gina = await Person.signIn(server, 'gina');
  assert.equal((await gina.take(message({ from: 'localhost', to: 'gina@localhost' }))).child('body')?.text, 'Be nice');
  await gina.leave();
  await run(olga, 'delete-welcome');
  await server.createUser('hugo', 'secret');
  const hugo = await Person.signIn(server, 'hugo');
  await hugo.settled();
  assert.equal(hugo.inbox.filter((heard) => heard.name === 'message').length, 0);
  await hugo.leave();
});

test('the list of administrators: those of the settings stay; who is added may, until taken off or gone (R10)', async () => {
  const add = (...names: string[]) => run(olga, 'edit-admin', { adminjids: names.map((name) => `${name}@localhost`) });
  const form = (await begin(olga, node('edit-admin'))).child('command') as Heard;
  assert.deepEqual(values(form, 'adminjids'), ['nora@localhost', 'olga@localhost']);
  assert.match(note(await add('olga')), /error: nora@localhost is named in the settings/);
  assert.match(note(await add('olga', 'nora', 'nobody')), /error: There is no account nobody@localhost/);
  const eve = await Person.signIn(server, 'eve');
  assert.equal((await begin(eve, node('get-online-users-num'))).error, 'forbidden');
  assert.match(note(await add('olga', 'nora', 'eve')), /^info/);
  assert.notEqual((await begin(eve, node('get-online-users-num'))).attrs['type'], 'error');
  const taken = await submit(eve, node('edit-admin'), (await begin(eve, node('edit-admin'))).child('command')?.attrs['sessionid'] ?? '', {
    adminjids: ['olga@localhost', 'nora@localhost'],
  });
  assert.match(note(taken.child('command') as Heard), /error: Nobody takes themselves off/);
  await eve.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`);
  await eve.gone();
  await server.createUser('eve', 'secret');
  const namesake = await Person.signIn(server, 'eve');
  assert.equal((await begin(namesake, node('get-online-users-num'))).error, 'forbidden');
  await add('olga', 'nora', 'ann');
  await add('olga', 'nora');
  const ann = await Person.signIn(server, 'ann');
  assert.equal((await begin(ann, node('get-online-users-num'))).error, 'forbidden');
});
