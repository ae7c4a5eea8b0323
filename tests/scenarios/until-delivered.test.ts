// D9: with history.keep=until-delivered a message goes when every device has it, from the disk, too.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { acknowledge, bodyOf, chat, newUser, present, quietly, says, textsOf, until } from './messages.ts';
import { type Heard, type Person, presence } from './people.ts';

const config = { 'auth.allowPlaintext': true, 'history.keep': 'until-delivered' };

/** Files of the folder that contain this text. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(entry.name);
  }
  return found;
}

async function archiveOf(person: Person): Promise<string[]> {
  await person.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
  const results = person.inbox.filter((one) => one.child('result') !== undefined);
  person.inbox.length = 0;
  return results.map((one) => bodyOf(one.child('result')?.child('forwarded')?.child('message') as Heard) ?? '');
}

/** Signs in with stream management; the own presence is stanza 1. */
async function managed(server: TestServer, user: string, resource: string): Promise<Person> {
  const person = await quietly(server, user, resource);
  person.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
  await person.take({ name: 'enabled' });
  person.send('<presence/>');
  await person.take(presence({ from: person.jid }));
  return person;
}
const stanzasIn = (person: Person): number => person.inbox.filter((one) => ['iq', 'message', 'presence'].includes(one.name)).length;

test('D9: it waits for the last device, then it is in no archive', async (t) => {
  const server = await startServer({ config });
  t.after(() => server.stop());
  const bob = await newUser(server, 'bob');
  const ann = await managed(server, await newUser(server, 'ann'), 'phone');
  const phone = await managed(server, bob, 'phone');
  const laptop = await managed(server, bob, 'laptop');
  laptop.cut();
  ann.send(chat(phone.bare, 'hello'));
  await phone.take(says('hello'));
  await phone.settled();
  // Taken from the inbox: its presence, the message, the answer to a ping.
  await acknowledge(phone, 3 + stanzasIn(phone));
  assert.deepEqual(await archiveOf(phone), ['hello'], 'the laptop lacks it');
  const back = await managed(server, bob, 'laptop');
  await back.take(says('hello'));
  await back.settled();
  await acknowledge(back, 3 + stanzasIn(back));
  assert.deepEqual(await archiveOf(back), []);
  const third = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(third), []);
});

test('D9: a message nobody has taken survives a restart', async (t) => {
  const server = await startServer({ config });
  t.after(() => server.stop());
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'), 'phone');
  ann.send(chat(`${bob}@localhost`, 'hello'));
  await ann.settled();
  await server.restart();
  assert.deepEqual(await textsOf(await present(server, bob, 'phone')), ['hello']);
});

for (const sender of ['one device', 'two devices'] as const) {
  test(`D9: after delivery to all devices and a clean stop the data folder holds no copy of the text (the sender has ${sender})`, async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parley-until-'));
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const server = await startServer({ config, dataDir });
    const marker = `marker-${sender.length}-5f2c9d81`;
    const bob = await newUser(server, 'bob');
    const annName = await newUser(server, 'ann');
    const annPhone = await present(server, annName, 'phone');
    const annLaptop = sender === 'two devices' ? await present(server, annName, 'laptop') : undefined;
    const phone = await present(server, bob, 'phone');
    const laptop = await present(server, bob, 'laptop');
    for (let i = 0; i < 20; i++) annPhone.send(chat(phone.bare, `${marker} ${i}`));
    for (const device of [phone, laptop]) await device.take(says(`${marker} 19`));
    assert.notDeepEqual(await filesWith(dataDir, marker), [], 'it was stored: else this test shows nothing');
    if (annLaptop !== undefined) {
      // What was sent from the phone the laptop takes from the archive, and acknowledges by leaving.
      annLaptop.send(chat(annPhone.bare, 'bye'));
      await annPhone.take(says('bye'));
    }
    for (const one of [phone, laptop, annPhone, annLaptop]) await one?.leave();
    await server.stop();
    assert.deepEqual(await filesWith(dataDir, marker), []);
  });
}

test('D9: when history.keep is changed to until-delivered a large archive goes step by step, and goes on after a kill', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-until-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const limits = { 'limits.bytesPerSecond': 0 };
  const MESSAGES = 900;
  const kept = await startServer({ config: { ...config, ...limits, 'history.keep': 'forever' }, dataDir });
  t.after(() => kept.kill());
  const bob = await newUser(kept, 'bob');
  const ann = await present(kept, await newUser(kept, 'ann'), 'phone');
  const phone = await managed(kept, bob, 'phone');
  for (let i = 0; i < MESSAGES; i++) ann.send(chat(phone.bare, `m${i}`));
  await ann.settled();
  await phone.take(says(`m${MESSAGES - 1}`));
  await phone.settled();
  // Taken from the inbox: its presence, the last message, the answer to a ping.
  await acknowledge(phone, 3 + stanzasIn(phone));
  await kept.stop();

  const server = await startServer({ config: { ...config, ...limits }, dataDir });
  t.after(() => server.stop());
  // The presence makes it begin; how far it gets before the kill is all the same.
  await present(server, bob, 'phone');
  await server.kill();
  await server.restart();
  const back = await present(server, bob, 'phone');
  await until('the archive to be empty', async () => (await archiveOf(back)).length === 0);
  const another = await present(server, bob, 'laptop');
  assert.deepEqual(await textsOf(another), []);
});
