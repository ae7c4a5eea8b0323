// The SDK by phone number: a number as people write it, a code by short message, a device that is known to have proved it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatClient, ChatError, memoryStore } from '@parley/sdk/node';
import { startServer } from '../support/server.ts';
import { codeIn, startTwilio } from '../support/sms.ts';

const sms = await startTwilio();
const server = await startServer({
  kind: 'parley',
  config: {
    'phone.providers': 'twilio',
    ...sms.config,
    'features.identity.country': 'DE',
    'features.identity.smsCountriesDenied': 'LV',
    'features.identity.perIdentifierPerHour': 2,
  },
});
const clients: ChatClient[] = [];
test.after(async () => {
  for (const client of clients) await client.close();
  await server.stop();
  await sms.close();
});

function newClient(): ChatClient {
  const client = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
  clients.push(client);
  return client;
}
const refusedWith =
  (code: ChatError['code']) =>
  (error: unknown): boolean =>
    error instanceof ChatError && error.code === code;

test('sign-up by number, and what this device is given to be known by', async () => {
  const ann = newClient();
  assert.deepEqual(await ann.codes.offered(), { kinds: ['phone'], signUp: true, phoneCountry: 'DE' });
  const challenge = await ann.codes.send('phone', '(0151) 1234-5678');
  assert.deepEqual([challenge.kind, challenge.to, challenge.shown], ['phone', '+4915112345678', undefined]);
  const proof = await ann.codes.check(challenge, codeIn((await sms.smsTo('+4915112345678')).text));
  assert.deepEqual([proof.kind, proof.value, proof.userId], ['phone', '+4915112345678', undefined]);
  assert.equal((await ann.codes.signUp(proof, 'ann')).id, 'ann@localhost');
  assert.deepEqual(
    (await ann.codes.list()).map(({ kind, value }) => [kind, value]),
    [['phone', '+4915112345678']],
  );
  // Another client has to wait for the next code; one that was known here has not.
  const other = newClient();
  await assert.rejects(other.codes.send('phone', '+4915112345678'), refusedWith('rate-limited'));
  const again = await other.codes.send('phone', '+4915112345678', ['of something else', proof.known ?? assert.fail('not known')]);
  const second = await other.codes.check(again, codeIn((await sms.smsTo('+4915112345678', 2)).text));
  assert.equal(second.userId, 'ann@localhost');
  assert.equal((await other.codes.signIn(second, 'Tablet')).id, 'ann@localhost');
});

test('what cannot be: no number, a country that is not served', async () => {
  const client = newClient();
  await assert.rejects(client.codes.send('phone', '0151'), refusedWith('invalid-address'));
  await assert.rejects(client.codes.send('phone', '+371 21 234 567'), refusedWith('not-supported'));
  await assert.rejects(client.codes.send('email', 'ann@mail.example'), refusedWith('not-supported'));
});
