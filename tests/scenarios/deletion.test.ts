// The end of an account by its owner: who may, who may not, and what is left (XEP-0077 §3.2, docs/protocol/identity.md).
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NS } from '@parley/protocol';
import { ChatClient, type ChatError, type CodeProof, memoryStore } from '@parley/sdk/node';
import { el } from '@parley/xml';
import { startMailServer } from '../support/mail-server.ts';
import { waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { until } from './messages.ts';
import { Person, presence } from './people.ts';

const folder = await mkdtemp(join(tmpdir(), 'parley-deletion-'));
const post = await startMailServer(folder);
const server = await startServer({
  kind: 'parley',
  config: { ...post.config, 'auth.allowPlaintext': true, 'features.identity.perAddressPerHour': 0, 'registration.perAddressPerHour': 0 },
});
const clients: ChatClient[] = [];
test.after(async () => {
  for (const client of clients) await client.close();
  await server.stop();
  await post.close();
  await rm(folder, { recursive: true });
});

function newClient(): ChatClient {
  const client = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
  clients.push(client);
  return client;
}
async function prove(client: ChatClient, to: string): Promise<CodeProof> {
  const challenge = await client.codes.send('email', to);
  const code = /\d{6}/.exec((await post.mailTo(to)).parts.get('text/plain') ?? '')?.[0] ?? '';
  return client.codes.check(challenge, code);
}
const settled = (client: ChatClient): Promise<unknown> =>
  until('online', () => client.connection.snapshot().state === 'online' && !client.connection.snapshot().syncing);
const withCode = (code: string) => (error: unknown) => (error as ChatError).code === code;
const submit = (type: string, fields: Readonly<Record<string, string>>): string =>
  `<query xmlns='${NS.register}'><x xmlns='${NS.dataForms}' type='submit'>${Object.entries({
    FORM_TYPE: `${NS.register}:${type}`,
    ...fields,
  })
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('')}</x></query>`;

test('with the password: a wrong one changes nothing, the right one ends the account, and contacts are told', async () => {
  await server.createUser('bob', 'secret');
  const bob = await Person.signIn(server, 'bob');
  await bob.roster();
  bob.send('<presence/>');
  const ann = newClient();
  await ann.register({ username: 'ann', password: 'staple of the day' });
  await settled(ann);
  await ann.contacts.add('bob');
  await bob.take(presence({ type: 'subscribe', from: 'ann@localhost' }));
  bob.send(`<presence type='subscribed' to='ann@localhost'/>`);
  await until('contact', () => ann.contacts.get('bob@localhost')?.state === 'one-way');
  await assert.rejects(ann.deleteAccount({ password: 'guessed' }), withCode('wrong-credentials'));
  await assert.rejects(ann.deleteAccount({ password: '' }), withCode('invalid-argument'));
  assert.equal(ann.user.snapshot()?.id, 'ann@localhost');
  await ann.deleteAccount({ password: 'staple of the day' });
  assert.equal(ann.user.snapshot(), undefined);
  await bob.take(presence({ type: 'unsubscribe', from: 'ann@localhost' }));
  // The answer comes before the end does; then the name is free, and holds nothing.
  const namesake = newClient();
  await waitFor('the name to be free', () => namesake.register({ username: 'ann', password: 'another of these' }));
  await settled(namesake);
  assert.deepEqual(namesake.contacts.snapshot().contacts, []);
  await assert.rejects(newClient().signIn({ username: 'ann', password: 'staple of the day' }), withCode('wrong-credentials'));
  bob.cut();
});

test('a device that came in by a token cannot end the account, nor give it a password, without the owner', async () => {
  const eve = newClient();
  await eve.codes.signUp(await prove(eve, 'eve@mail.example'), 'eve');
  const carol = newClient();
  await carol.codes.signUp(await prove(carol, 'carol@mail.example'), 'carol');
  await settled(carol);
  for (const inner of [[el('remove')], [el('username', null, 'carol'), el('password', null, 'mine now')]])
    await assert.rejects(
      carol.xmpp.iq(el('iq', { type: 'set' }, el('query', { xmlns: NS.register }, ...inner))),
      (error) => (error as ChatError).condition === 'not-allowed',
    );
  // Proved, but nobody's; made up; of another account.
  await assert.rejects(carol.deleteAccount({ proof: await prove(carol, 'nobody@mail.example') }), withCode('wrong-credentials'));
  await assert.rejects(carol.deleteAccount({ proof: { proof: 'abc.def' } }), withCode('code-expired'));
  const own = await prove(newClient(), 'carol@work.example');
  await assert.rejects(eve.deleteAccount({ proof: own }), withCode('wrong-credentials'));
  await carol.codes.add(own);
  await assert.rejects(eve.deleteAccount({ proof: own }), withCode('wrong-credentials'));
  assert.equal(carol.user.snapshot()?.id, 'carol@localhost');
});

test('with a code to the address of the account: gone, and the address is free again', async () => {
  const dave = newClient();
  const proof = await prove(dave, 'dave@mail.example');
  await dave.codes.signUp(proof, 'dave');
  await settled(dave);
  await dave.deleteAccount({ proof });
  assert.equal(dave.user.snapshot(), undefined);
  const again = newClient();
  const user = await waitFor('the address to be free', () => again.codes.signUp(proof, 'dave2'));
  assert.equal(user.id, 'dave2@localhost');
});

test('another name, half a form and guessing: refused; the owner goes on', async () => {
  await server.createUser('fay', 'secret');
  const fay = await Person.signIn(server, 'fay');
  assert.equal((await fay.ask('set', submit('cancel', { username: 'bob', password: 'secret' }))).error, 'bad-request');
  assert.equal((await fay.ask('set', submit('cancel', { username: 'fay' }))).error, 'bad-request');
  assert.equal((await fay.ask('set', submit('cancel', { username: 'fay', password: 'secret', proof: 'x' }))).error, 'bad-request');
  assert.equal((await fay.ask('set', submit('something', { username: 'fay', password: 'secret' }))).error, 'bad-request');
  const other = submit('changepassword', { username: 'fay', old_password: 'wrong', password: 'next' });
  assert.equal((await fay.ask('set', other)).error, 'not-authorized');
  assert.equal((await fay.ask('set', other.replace('wrong', 'secret'))).attrs['type'], 'result');
  // Ten an hour, of which two are used.
  for (let i = 0; i < 8; i++)
    assert.equal((await fay.ask('set', submit('cancel', { username: 'fay', password: `guess${i}` }))).error, 'not-authorized');
  assert.equal((await fay.ask('set', submit('cancel', { username: 'fay', password: 'next' }))).error, 'resource-constraint');
  fay.cut();
  (await Person.signIn(server, 'fay', { password: 'next' })).cut();
});
