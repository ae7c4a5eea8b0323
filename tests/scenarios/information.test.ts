// What the server says of itself: service discovery and its hash, ping, time, version (XEP-0030, 0115, 0199, 0202, 0092).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { befriend, type Heard, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const info = (node?: string): string => `<query xmlns='${INFO}'${node === undefined ? '' : ` node='${node}'`}/>`;
const featuresOf = (answer: Heard): string[] =>
  (answer.child('query', INFO)?.all('feature') ?? []).map((feature) => feature.attrs['var'] ?? '');

test('the host is a chat server and lists what it can do, each once (XEP-0030)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const answer = await ann.ask('get', info(), 'localhost');
  const identity = answer.child('query')?.child('identity')?.attrs;
  assert.deepEqual([identity?.['category'], identity?.['type']], ['server', 'im']);
  const features = featuresOf(answer);
  assert.equal(new Set(features).size, features.length);
  for (const feature of [
    INFO,
    ITEMS,
    'urn:xmpp:ping',
    'urn:xmpp:time',
    'jabber:iq:version',
    'vcard-temp',
    'urn:xmpp:blocking',
    'jabber:iq:register',
  ])
    assert.ok(features.includes(feature), feature);
  assert.equal((await ann.ask('get', `<query xmlns='${ITEMS}'/>`, 'localhost')).attrs['type'], 'result');
  assert.equal((await ann.ask('get', info('no-such-node'), 'localhost')).error, 'item-not-found');
});

test('an account shows itself to its owner and to those who see its presence', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  for (const answer of [await ann.ask('get', info()), await ann.ask('get', info(), ann.bare), await bob.ask('get', info(), ann.bare)]) {
    const identity = answer.child('query')?.child('identity')?.attrs;
    assert.deepEqual([identity?.['category'], identity?.['type']], ['account', 'registered']);
  }
});

test('R13: an account that is there tells a stranger no more than one that is not', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  for (const ns of [INFO, ITEMS]) {
    const there = await eve.ask('get', `<query xmlns='${ns}'/>`, bob.bare);
    const nobody = await eve.ask('get', `<query xmlns='${ns}'/>`, 'nobody-here@localhost');
    assert.equal(there.error, 'service-unavailable');
    assert.equal(String(there.child('error')), String(nobody.child('error')));
  }
});

test('R13: what belongs to an account is answered alike for strangers, whether or not it exists', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  const requests: ReadonlyArray<readonly ['get' | 'set', string]> = [
    ['get', `<query xmlns='jabber:iq:roster'/>`],
    ['set', `<query xmlns='jabber:iq:roster'><item jid='eve@localhost'/></query>`],
    ['get', `<blocklist xmlns='urn:xmpp:blocking'/>`],
    ['set', `<unblock xmlns='urn:xmpp:blocking'/>`],
    ['get', `<query xmlns='jabber:iq:register'/>`],
    ['set', `<query xmlns='jabber:iq:register'><remove/></query>`],
    ['get', `<vCard xmlns='vcard-temp'/>`],
    ['set', `<vCard xmlns='vcard-temp'/>`],
    ['get', `<ping xmlns='urn:xmpp:ping'/>`],
    ['get', `<query xmlns='urn:xmpp:mam:2'/>`],
    ['set', `<query xmlns='urn:xmpp:mam:2'/>`],
    ['get', `<prefs xmlns='urn:xmpp:mam:2'/>`],
    ['get', `<query xmlns='jabber:iq:version'/>`],
    ['get', `<query xmlns='jabber:iq:last'/>`],
    ['get', `<query xmlns='urn:unknown'/>`],
  ];
  for (const [type, payload] of requests) {
    const there = await eve.ask(type, payload, bob.bare);
    const nobody = await eve.ask(type, payload, 'nobody-here@localhost');
    assert.equal(there.attrs['type'], 'error', payload);
    assert.equal(String(there.child('error')), String(nobody.child('error')), payload);
  }
  await bob.hearsNo({ name: 'iq' });
});

test('the hash in the stream features is that of the answer (XEP-0115 §5.1)', async () => {
  const user = await name('ann');
  const guest = await Person.guest(server);
  await guest.take({ name: 'features' });
  guest.send(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0secret`).toString('base64')}</auth>`,
  );
  await guest.take({ name: 'success' });
  guest.reopen();
  const c = (await guest.take({ name: 'features' })).child('c', 'http://jabber.org/protocol/caps')?.attrs ?? {};
  assert.equal(c['hash'], 'sha-1');

  const ann = await Person.signIn(server, user);
  const query = (await ann.ask('get', info(`${c['node']}#${c['ver']}`), 'localhost')).child('query', INFO);
  assert.equal(query?.attrs['node'], `${c['node']}#${c['ver']}`);
  const identities =
    query?.all('identity').map(({ attrs }) => `${attrs['category']}/${attrs['type']}/${attrs['xml:lang'] ?? ''}/${attrs['name'] ?? ''}<`) ??
    [];
  const features = query?.all('feature').map(({ attrs }) => `${attrs['var']}<`) ?? [];
  // Forms (XEP-0128): FORM_TYPE, then each field with its values.
  const forms = (query?.all('x') ?? []).map((form) => {
    const fields = form.all('field').map((field) => ({
      name: field.attrs['var'] ?? '',
      values: field
        .all('value')
        .map((value) => value.text)
        .sort(),
    }));
    const type = fields.find((field) => field.name === 'FORM_TYPE')?.values[0] ?? '';
    const rest = fields.filter((field) => field.name !== 'FORM_TYPE').sort((a, b) => (a.name < b.name ? -1 : 1));
    return [type, ...rest.flatMap((field) => [field.name, ...field.values])].map((part) => `${part}<`).join('');
  });
  const text = identities.sort().join('') + features.sort().join('') + forms.sort().join('');
  assert.equal(createHash('sha1').update(text).digest('base64'), c['ver']);
});

test('ping: the server and the own account answer (XEP-0199)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  for (const to of [undefined, 'localhost', ann.bare]) {
    const answer = await ann.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, to);
    assert.equal(answer.attrs['type'], 'result');
    assert.deepEqual(answer.children, []);
  }
});

test('time: UTC, and right (XEP-0202)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const before = Math.floor(Date.now() / 1000) * 1000;
  const time = (await ann.ask('get', `<time xmlns='urn:xmpp:time'/>`, 'localhost')).child('time', 'urn:xmpp:time');
  const said = Date.parse(time?.child('utc')?.text ?? '');
  assert.ok(said >= before && said <= Date.now(), `${time}`);
  assert.match(time?.child('tzo')?.text ?? '', /^(Z|[+-]\d\d:\d\d)$/);
});

test('version: the name and the number, not the operating system (XEP-0092)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const query = (await ann.ask('get', `<query xmlns='jabber:iq:version'/>`, 'localhost')).child('query', 'jabber:iq:version');
  assert.equal(query?.child('name')?.text, 'Parley');
  assert.match(query?.child('version')?.text ?? '', /^\d+\.\d+\.\d+/);
  assert.equal(query?.child('os'), undefined);
});
