// Whoever reads the archive instead of being given what waits: nothing goes before it has proved that it has it (D5, D7, D9).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RawClient, rawSession } from '../support/raw.ts';
import { startServer } from '../support/server.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'history.keep': 'until-delivered' } });
test.after(() => server.stop());
let people = 0;

const query = (max?: number, id = 'm'): string =>
  `<iq type='set' id='${id}'><query xmlns='urn:xmpp:mam:2'>${max === undefined ? '' : `<set xmlns='http://jabber.org/protocol/rsm'><max>${max}</max></set>`}</query></iq>`;
const texts = (all: string): string[] => all.match(/early\d|live/g) ?? [];

/** Bob has three messages waiting, and signs in with stream management, not available yet. */
async function waiting(): Promise<{ ann: RawClient; bob: RawClient & { jid: string }; name: string }> {
  const n = ++people;
  await server.createUser(`ann${n}`, 'secret');
  await server.createUser(`bob${n}`, 'secret');
  const ann = await rawSession(server, `ann${n}`);
  for (let i = 0; i < 3; i++) ann.send(`<message type='chat' to='bob${n}@localhost'><body>early${i}</body></message>`);
  await ann.settled();
  const bob = await rawSession(server, `bob${n}`, { resource: 'phone', presence: false });
  bob.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
  await bob.expect(/<enabled/);
  return { ann, bob, name: `bob${n}` };
}
/** A message comes live and is acknowledged, with all that was sent before it. */
async function acknowledgeLive(ann: RawClient, bob: RawClient & { jid: string }): Promise<void> {
  ann.send(`<message type='chat' to='${bob.jid.split('/')[0]}'><body>live</body></message>`);
  await bob.expect(/<body>live<\/body>.*?<\/message>/);
  const enabled = bob.all.slice(bob.all.indexOf('<enabled'));
  const count = enabled.replaceAll(/<forwarded.*?<\/forwarded>/g, '').match(/<(message|iq|presence) /g)?.length ?? 0;
  bob.send(`<a xmlns='urn:xmpp:sm:3' h='${count}'/>`);
  await bob.settled();
}
async function left(name: string): Promise<string[]> {
  const tablet = await rawSession(server, name, { resource: 'tablet', presence: false });
  tablet.send(query());
  await tablet.expect(/<fin/);
  tablet.cut();
  return texts(tablet.all);
}

test('a look at a part of the archive proves nothing of the rest: it waits, and comes when the device is here again', async () => {
  const { ann, bob, name } = await waiting();
  bob.send(query(1));
  await bob.expect(/<fin/);
  await bob.present();
  await acknowledgeLive(ann, bob);
  await bob.bye();
  assert.deepEqual(await left(name), ['early0', 'early1', 'early2', 'live']);
  const again = await rawSession(server, name, { resource: 'phone' });
  assert.deepEqual(texts(again.all), ['early0', 'early1', 'early2', 'live']);
  again.cut();
});

test('the whole archive, with an answer to the ping behind it, is delivery', async () => {
  const { ann, bob, name } = await waiting();
  bob.send(query());
  const ping = await bob.expect(/<iq [^>]*id="(proof-[^"]*)"[^>]*>/);
  await bob.expect(/<fin/);
  bob.send(`<iq type='result' id='${ping[1]}' to='localhost'/>`);
  await bob.present();
  await acknowledgeLive(ann, bob);
  await bob.bye();
  assert.deepEqual(await left(name), []);
});
