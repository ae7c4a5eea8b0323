// The second half of the story: groups, changes of messages, pictures and bookmarks, between a client of others and ours.
import assert from 'node:assert/strict';
import type { ChatClient, Message } from '@parley/sdk/node';
import sharp from 'sharp';
import { waitFor } from '../support/process.ts';
import { Clients, next } from '../support/sdk.ts';
import type { TestServer } from '../support/server.ts';
import type { Account, Driver } from './drivers/driver.ts';

/** What the scenes need of the stage they are played on. */
export interface Setting {
  readonly server: TestServer;
  /** A new account, and the client under test signed in to it. */
  enter(name: string): Promise<{ driver: Driver; account: Account }>;
  /** Another library on another device of that account. */
  beside(account: Account): Promise<Driver>;
}

let people = 0;
const addressOf = ({ username, domain }: Account): string => `${username}@${domain}`;

/** Resolves with the message of the chat that is like this. */
async function appears(chat: ChatClient, id: string, what: string, like: (message: Message) => boolean): Promise<Message> {
  const list = chat.conversation(id).latest;
  const off = list.subscribe(() => {});
  try {
    return await waitFor(`${what} in the chat with ${id}`, () => list.snapshot().items.find(like));
  } finally {
    off();
  }
}
const reads = (chat: ChatClient, id: string, text: string): Promise<Message> => appears(chat, id, `"${text}"`, ({ body }) => body === text);

async function withOurs(setting: Setting, play: (ann: ChatClient, address: string) => Promise<void>): Promise<void> {
  const clients = new Clients(() => setting.server);
  const username = `ours${++people}`;
  await setting.server.createUser(username, 'correct horse');
  const ann = clients.make();
  try {
    await Promise.all([next(ann, 'sync.done'), ann.signIn({ username, password: 'correct horse' })]);
    await play(ann, `${username}@${setting.server.domain}`);
  } finally {
    await clients.close();
  }
}

/** XEP-0308 and 0424 between two people, both ways. */
export function changesBetweenTwo(setting: Setting): Promise<void> {
  return withOurs(setting, async (ann, annAddress) => {
    const { driver, account } = await setting.enter('bob');
    const bob = addressOf(account);
    const id = await driver.send(annAddress, 'Helo');
    await reads(ann, bob, 'Helo');
    await driver.correct(annAddress, id, 'Hello');
    const corrected = await reads(ann, bob, 'Hello');
    assert.notEqual(corrected.editedAt, undefined);
    await driver.retract(annAddress, id);
    await appears(ann, bob, 'the tombstone', (message) => message.id === corrected.id && message.deleted);

    const chat = ann.conversation(bob);
    const { message } = await chat.send('Goodby');
    await waitFor('the message', () => driver.heard().some(({ text }) => text === 'Goodby'));
    await chat.edit(message.id, 'Goodbye');
    await waitFor('the correction', () => driver.changes().some(({ text }) => text === 'Goodbye'));
    await chat.deleteForEveryone(message.id);
    await waitFor('the retraction', () => driver.changes().some(({ text }) => text === undefined));
    const ids = driver.changes().map((change) => change.id);
    assert.deepEqual(ids, [ids[0], ids[0]], 'both speak of the same message');
  });
}

/** A group of our client: a members-only room (XEP-0045) to everybody else. */
export function groupOfOurs(setting: Setting): Promise<void> {
  return withOurs(setting, async (ann, annAddress) => {
    const { driver, account } = await setting.enter('bob');
    const bob = addressOf(account);
    const group = await ann.groups.create({ name: 'Walkers', members: [bob] });
    await driver.join(group.id, 'Bobby');
    const id = await driver.say(group.id, 'Helo all');
    const heard = await reads(ann, group.id, 'Helo all');
    assert.equal(heard.senderId, bob, 'the group says who the nickname is');
    await waitFor('its own words', () => driver.heardInRooms().some((one) => one.text === 'Helo all' && one.from === `${group.id}/Bobby`));
    await driver.correct(group.id, id, 'Hello all', true);
    await appears(ann, group.id, 'the correction', (message) => message.id === heard.id && message.body === 'Hello all');
    assert.ok(heard.serverId !== undefined);
    await driver.retract(group.id, heard.serverId, true);
    await appears(ann, group.id, 'the tombstone', (message) => message.id === heard.id && message.deleted);

    const { message } = await group.send('Welcom');
    await waitFor('what Ann says', () => driver.heardInRooms().some(({ text }) => text === 'Welcom'));
    await group.edit(message.id, 'Welcome');
    await waitFor('her correction', () => driver.changes().some(({ text }) => text === 'Welcome'));
    await group.deleteForEveryone(message.id);
    const nick = annAddress.split('@')[0];
    await waitFor(`her retraction; changes: ${JSON.stringify(driver.changes())}`, () =>
      driver.changes().some((change) => change.text === undefined && change.from === `${group.id}/${nick}`),
    );
    const rest = driver.heardInRooms().map(({ text }) => text);
    assert.deepEqual(rest, ['Helo all', 'Welcom'], 'each is heard once');
  });
}

/** XEP-0084 to our client; bookmarks to another library that knows another format of them. */
export function sharedByNodes(setting: Setting): Promise<void> {
  return withOurs(setting, async (ann, annAddress) => {
    const { driver, account } = await setting.enter('bob');
    const bob = addressOf(account);
    await driver.addContact(annAddress);
    await waitFor('the request', () => ann.contacts.get(bob) !== undefined);
    await ann.contacts.accept(bob);
    await waitFor('the request back', () => driver.requests().includes(annAddress));
    await driver.acceptContact(annAddress);
    const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#3a7' } })
      .png()
      .toBuffer();
    await driver.showPicture(png);
    await waitFor('the picture', async () => {
      const picture = await ann.avatars.get(bob);
      return picture !== undefined && Buffer.from(await picture.arrayBuffer()).equals(png);
    });
    const room = `hall-${account.username}@conference.${account.domain}`;
    await driver.bookmark(room, 'Bobby');
    assert.deepEqual(await driver.bookmarks(), [room]);
    const other = await setting.beside(account);
    assert.deepEqual(await other.bookmarks(), [room]);
  });
}
