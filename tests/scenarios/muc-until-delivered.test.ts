// D9 in groups, and for devices that were signed out: with history.keep=until-delivered an entry goes when every device that is waited for has it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { archive, bodyOf, chat, newUser, present, quietly, says, until } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import { annsRoom, bodies, config, groupchat, guest, join, makeGroup, NS_GROUPS, notice, roomArchive, said, takeGroups } from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'history.keep': 'until-delivered' } });
test.after(() => server.stop());

/** A device that takes the groups of its account. Without XEP-0198: leaving in order proves that it has all. */
async function taker(name: string, resource: string): Promise<Person> {
  const person = await quietly(server, name, resource);
  await takeGroups(person);
  person.send('<presence/>');
  await person.settled();
  return person;
}
/** Reads archives, and takes nothing. */
const reader = (name: string, resource = 'reader'): Promise<Person> => quietly(server, name, resource);
const gone = (who: Person, room: string): Promise<void> =>
  until(`${room} to be empty`, async () => bodies(await roomArchive(who, room)).length === 0);

/** What was there to be removed has been: Ann, who is in a group of her own, has said something there, and it is gone. */
async function swept(ann: Person, own: string): Promise<void> {
  const eyes = await reader(ann.bare.split('@')[0] ?? '', 'sweeper');
  await said(ann, own, 'own');
  await ann.leave();
  await gone(eyes, own);
  await eyes.leave();
}

test('an entry waits for the last device of the last member, then it is in no archive; a member that never came keeps it', async () => {
  const [annName, bobName, eveName] = [await newUser(server, 'ann'), await newUser(server, 'bob'), await newUser(server, 'eve')];
  const ann = await taker(annName, 'phone');
  const phone = await taker(bobName, 'phone');
  await (await taker(bobName, 'laptop')).leave();
  const own = await makeGroup(ann);
  const room = await makeGroup(ann, [`${bobName}@localhost`]);
  const withEve = await makeGroup(ann, [`${eveName}@localhost`]);
  await phone.take(notice(room));
  await said(ann, room, 'one');
  await said(ann, withEve, 'for Eve');
  await phone.take(says('one'));
  await phone.leave();
  await swept(ann, own);
  const eyes = await reader(annName);
  assert.deepEqual(bodies(await roomArchive(eyes, room)), ['one'], "Bob's laptop lacks it");
  const laptop = await taker(bobName, 'laptop');
  assert.equal(bodyOf(await laptop.take(says('one'))), 'one');
  await laptop.leave();
  await gone(eyes, room);
  assert.deepEqual(bodies(await roomArchive(eyes, withEve)), ['for Eve']);
});

test('who is a member no more keeps nothing; a client that joined does until it has it', async () => {
  const [annName, bobName, catName] = [await newUser(server, 'ann'), await newUser(server, 'bob'), await newUser(server, 'cat')];
  const ann = await taker(annName, 'phone');
  const own = await makeGroup(ann);
  const room = await makeGroup(ann, [`${bobName}@localhost`, `${catName}@localhost`]);
  const cat = await present(server, catName, 'gajim');
  await join(cat, room, 'Cat');
  await said(ann, room, 'one');
  await cat.take(says('one'));
  const eyes = await reader(annName);
  // Bob has never been there.
  await ann.ask(
    'set',
    `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='none' jid='${bobName}@localhost'/></query>`,
    room,
  );
  await swept(ann, own);
  assert.ok(bodies(await roomArchive(eyes, room)).includes('one'), 'Cat has not acknowledged it');
  await cat.leave();
  await gone(eyes, room);
});

test('where anybody may come in nobody knows when all have it: it stays for the time that undelivered messages wait', async () => {
  const { ann, room } = await annsRoom(server, config('persistentroom', '1'));
  const bob = await guest(server, room, 'Bob');
  await said(ann, room, 'for all');
  await bob.take(says('for all'));
  const sweeper = await taker(ann.bare.split('@')[0] ?? '', 'phone');
  const own = await makeGroup(sweeper);
  for (const one of [ann, bob]) await one.leave();
  await swept(sweeper, own);
  assert.deepEqual(bodies(await roomArchive(await reader(ann.bare.split('@')[0] ?? ''), room)), ['for all']);
});

test('ticks go on when the message is gone: delivered to all, then read by all', async () => {
  const [annName, bobName] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const ann = await taker(annName, 'phone');
  const bob = await taker(bobName, 'phone');
  const room = await makeGroup(ann, [`${bobName}@localhost`]);
  await bob.take(notice(room));
  const [id] = await said(ann, room, 'one');
  await bob.take(says('one'));
  for (const one of [ann, bob]) {
    const ping = await one.take({ name: 'iq', attrs: { type: 'get' }, where: (iq) => (iq.attrs['id'] ?? '').startsWith('proof-') });
    one.send(`<iq type='result' id='${ping.attrs['id']}' to='localhost'/>`);
  }
  const seen = (what: 'delivered' | 'read') => ({
    ...message({ from: room, type: 'headline' }),
    where: (heard: Heard) => heard.child('seen', NS_GROUPS)?.attrs[what] === id,
  });
  await ann.take(seen('delivered'));
  await gone(await reader(annName), room);
  bob.send(`<message to='${room}' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`);
  await ann.take(seen('read'));
});

for (const way of ['by another one (XEP-0494)', 'by itself'] as const)
  test(`nothing waits for a device that was signed out ${way}, neither of groups nor between two`, async () => {
    const [annName, bobName] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
    const ann = await taker(annName, 'phone');
    const phone = await taker(bobName, 'phone');
    const laptop = await taker(bobName, 'laptop');
    const own = await makeGroup(ann);
    const room = await makeGroup(ann, [`${bobName}@localhost`]);
    await phone.take(notice(room));
    laptop.cut();
    ann.send(chat(phone.bare, 'direct'));
    ann.send(groupchat(room, 'one'));
    for (const text of ['direct', 'one']) await phone.take(says(text));
    await phone.leave();
    await swept(ann, own);
    const bob = await quietly(server, bobName, 'phone');
    assert.deepEqual(bodies(await roomArchive(bob, room)), ['one']);
    assert.deepEqual(
      (await archive(bob)).flatMap((one) => bodyOf(one) ?? []),
      ['direct'],
    );
    if (way === 'by itself') {
      const again = await quietly(server, bobName, 'laptop');
      assert.equal((await again.ask('set', "<sign-out xmlns='urn:parley:devices:0'/>")).attrs['type'], 'result');
      await again.gone();
    } else {
      const list = (await bob.ask('get', "<list xmlns='urn:xmpp:cam:0'/>")).child('clients')?.all('client') ?? [];
      const [id, ...more] = list.filter((one) => one.attrs['connected'] !== 'true').map((one) => one.attrs['id']);
      assert.deepEqual(more, []);
      await bob.ask('set', `<revoke xmlns='urn:xmpp:cam:0' id='${id}'/>`);
    }
    await gone(bob, room);
    await until('it to be gone between two', async () => (await archive(bob)).length === 0);
    const left = (await bob.ask('get', "<list xmlns='urn:xmpp:cam:0'/>")).child('clients')?.all('client') ?? [];
    assert.deepEqual(
      left.map((one) => one.attrs['connected']),
      ['true'],
    );
  });

test('bad input: only a device of the account signs itself out', async () => {
  const [annName, bobName] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const ann = await quietly(server, annName, 'phone');
  assert.equal((await ann.ask('set', "<sign-out xmlns='urn:parley:devices:0'/>", `${bobName}@localhost`)).error, 'service-unavailable');
  assert.equal((await ann.ask('get', "<sign-out xmlns='urn:parley:devices:0'/>")).error, 'service-unavailable');
  await ann.settled();
});
