// Linking a device: a code on one screen, confirmed on another; and what a thief of the code, a guesser or a stranger gets.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { ChatClient, type ChatError, memoryStore } from '@parley/sdk/node';
import { startServer } from '../support/server.ts';
import { until } from './messages.ts';
import { message, Person } from './people.ts';
import { bind2, byToken } from './sign-in.ts';

const NS = 'urn:parley:linking:0';
const HT = 'HT-SHA-256-NONE';
const server = await startServer({
  kind: 'parley',
  config: { 'auth.allowPlaintext': true, 'features.linking.perAddressPerHour': 0, 'features.linking.wrongPerAccountPerHour': 5 },
});
test.after(() => server.stop());

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
async function ask(path: string, body: unknown, at = server): Promise<Answer> {
  const response = await fetch(`${at.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
interface Shown {
  readonly code: string;
  readonly ticket: string;
  readonly device: string;
}
async function show(name = 'Firefox on Linux'): Promise<Shown> {
  const device = randomUUID();
  const { status, body } = await ask('links', { device, name, mechanism: HT });
  assert.equal(status, 201, JSON.stringify(body));
  assert.match(String(body['code']), /^[A-HJKMNP-Z2-9]{8}$/);
  return { code: String(body['code']), ticket: String(body['ticket']), device };
}
const wait = (ticket: string): Promise<Answer> => ask('links/wait', { ticket });
const look = (code: string): string => `<link xmlns='${NS}' code='${code}'/>`;
async function person(name: string): Promise<Person> {
  await server.createUser(name, 'secret');
  return Person.signIn(server, name);
}

test('a new device shows a code, the signed-in one sees who asks and confirms, and the new one is in', async () => {
  const ann = await person('ann');
  const { code, ticket, device } = await show();
  const waiting = wait(ticket);
  const seen = (await ann.ask('get', look(`${code.slice(0, 4)}-${code.slice(4).toLowerCase()}`))).child('link', NS);
  assert.deepEqual([seen?.attrs['name'], seen?.attrs['place']], ['Firefox on Linux', '127.0.0.1']);
  assert.equal((await ann.ask('set', look(code))).attrs['type'], 'result');
  const { status, body } = await waiting;
  assert.deepEqual([status, body['state'], body['jid']], [200, 'linked', 'ann@localhost']);
  const { person: desk, answer } = await byToken(server, { user: 'ann', id: device }, String(body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  assert.match(
    (await ann.take(message({ from: 'localhost' }))).child('body')?.text ?? '',
    /"Firefox on Linux", was linked to your account/,
  );
  desk.cut();
  // An answer that got lost is asked for again, by whoever has the ticket.
  assert.equal((await wait(ticket)).body['token'], body['token']);
  // The code is used.
  assert.equal((await ann.ask('set', look(code))).error, 'item-not-found');
  ann.cut();
});

test('theft: the code without the ticket, the token on another device, the ticket of another: nothing is opened', async () => {
  const bob = await person('bob');
  const { code, ticket } = await show();
  for (const stolen of [code, `${ticket}x`, ticket.slice(1), '']) {
    const { status } = await wait(stolen);
    assert.equal(status, stolen === '' ? 400 : 410);
  }
  assert.equal((await bob.ask('set', look(code))).attrs['type'], 'result');
  const { body } = await wait(ticket);
  const elsewhere = await byToken(server, { user: 'bob', id: randomUUID() }, String(body['token']), { inside: bind2() });
  assert.equal(elsewhere.answer.name, 'failure');
  bob.cut();
});

test('declined: the new device is told, and the code is over', async () => {
  const carol = await person('carol');
  const { code, ticket } = await show();
  const waiting = wait(ticket);
  assert.equal((await carol.ask('set', `<decline xmlns='${NS}' code='${code}'/>`)).attrs['type'], 'result');
  const { status, body } = await waiting;
  assert.deepEqual([status, body['error']], [403, 'declined']);
  assert.equal((await carol.ask('set', look(code))).error, 'item-not-found');
  carol.cut();
});

test('guessing: an account may try so many wrong codes, and then not even a right one; another account is not disturbed', async () => {
  const eve = await person('eve');
  const { code } = await show();
  for (const wrong of ['ABCDEFG', 'ABCDEFG0', "' or 1=1", 'x'.repeat(500)])
    assert.equal((await eve.ask('get', look(wrong.replaceAll("'", '&apos;')))).error, 'bad-request');
  const others = (letter: string): string => (code === letter.repeat(8) ? 'Z' : letter).repeat(8);
  for (const letter of ['A', 'B', 'C', 'D', 'E']) assert.equal((await eve.ask('get', look(others(letter)))).error, 'item-not-found');
  assert.equal((await eve.ask('get', look(code))).error, 'resource-constraint');
  assert.equal((await eve.ask('set', look(code))).error, 'resource-constraint');
  const fay = await person('fay');
  assert.equal((await fay.ask('set', look(code))).attrs['type'], 'result');
  eve.cut();
  fay.cut();
});

test('two confirm at once: one of them has linked it', async () => {
  const [gil, hal] = [await person('gil'), await person('hal')];
  const { code, ticket } = await show();
  const answers = await Promise.all([gil.ask('set', look(code)), hal.ask('set', look(code))]);
  assert.equal(answers.filter(({ attrs }) => attrs['type'] === 'result').length, 1);
  const won = answers[0]?.attrs['type'] === 'result' ? 'gil' : 'hal';
  assert.equal((await wait(ticket)).body['jid'], `${won}@localhost`);
  gil.cut();
  hal.cut();
});

test('names are for people: no control characters, not too long; and a restart ends what waits', async () => {
  const ida = await person('ida');
  const { code } = await show(`a\u202Eb\u0007${'x'.repeat(150)}`);
  const seen = (await ida.ask('get', look(code))).child('link', NS);
  assert.match(seen?.attrs['name'] ?? '', /^abx{98}$/);
  const { ticket } = await show();
  const waiting = wait(ticket);
  ida.cut();
  await Promise.all([server.restart(), waiting.catch(() => undefined)]);
  assert.equal((await wait(ticket)).status, 410);
});

test('limits: one address is shown so many codes in an hour', async (t) => {
  const strict = await startServer({ kind: 'parley', config: { 'features.linking.perAddressPerHour': 2 } });
  t.after(() => strict.stop());
  const request = { device: 'd', name: '', mechanism: HT };
  for (const status of [201, 201, 429]) assert.equal((await ask('links', request, strict)).status, status);
});

test('the SDK on both sides', async (t) => {
  const newClient = (): ChatClient => {
    const client = ChatClient.create({ server: server.httpOrigin, domain: 'localhost', store: memoryStore() });
    t.after(() => client.close());
    return client;
  };
  const phone = newClient();
  await phone.register({ username: 'jo', password: 'staple of the day' });
  const desk = newClient();
  assert.equal(await desk.linking.offered(), true);
  const request = await desk.linking.request('Desk');
  const candidate = await phone.linking.look(request.code);
  assert.deepEqual([candidate.name, candidate.place], ['Desk', '127.0.0.1']);
  await phone.linking.confirm(request.code);
  assert.equal((await request.linked).id, 'jo@localhost');
  await until('online', () => desk.connection.snapshot().state === 'online');
  const second = await newClient().linking.request('Tablet');
  await phone.linking.decline(second.code);
  await assert.rejects(second.linked, (error: ChatError) => error.code === 'not-allowed');
  await assert.rejects(phone.linking.look('AAAAAAAA'), (error: ChatError) => error.code === 'not-found');
});
