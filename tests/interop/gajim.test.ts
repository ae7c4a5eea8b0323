// Gajim, the program itself, under Xvfb: a person with Gajim and people with our client, two by two and in a group.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ChatClient, Message } from '@parley/sdk/node';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { Relay } from '../support/relay.ts';
import { Clients, next, status } from '../support/sdk.ts';
import { startServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import { Gajim, gajimMissing } from './drivers/gajim.ts';

/** Resolves with the message of the chat that reads like this. */
async function reads(chat: ChatClient, id: string, text: string): Promise<Message> {
  const list = chat.conversation(id).latest;
  const off = list.subscribe(() => {});
  try {
    return await waitFor(`"${text}" in the chat with ${id}`, () => list.snapshot().items.find((one) => one.body === text));
  } finally {
    off();
  }
}

test('Gajim: contact, chat, ticks, corrections, a group of our client, a broken line, away and back', {
  skip: gajimMissing(),
  timeout: 3 * PATIENCE_MS,
}, async (t) => {
  const server = await startServer();
  const pem = await certificateOf(server.ports.xmpps, server.domain);
  trust(pem);
  const folder = await mkdtemp(join(tmpdir(), 'parley-interop-'));
  const certificateFile = join(folder, 'server.pem');
  await writeFile(certificateFile, pem);
  const relay = await Relay.to(server.ports.xmpp);
  const clients = new Clients(() => server);
  const account = { username: 'bob', password: 'correct horse', domain: server.domain, resource: 'gajim.home' };
  const gajim = new Gajim(account, { xmpp: relay.port, xmpps: 0, webSocket: '', certificateFile });
  t.after(async () => {
    // How tests/scenarios/flows came to be.
    const record = process.env['PARLEY_RECORD_FLOW'];
    if (record)
      await writeFile(
        record,
        gajim
          .stream()
          .map(({ direction, xml }) => `${direction === 'sent' ? 'C' : 'S'} ${xml}\n`)
          .join(''),
      );
    await gajim.dispose();
    relay.close();
    await clients.close();
    await rm(folder, { recursive: true, force: true });
    await server.stop();
  });
  const [annJid, bobJid] = [`ann@${server.domain}`, `bob@${server.domain}`];
  for (const name of ['ann', 'bob']) await server.createUser(name, 'correct horse');
  const ann = clients.make({ transport: 'tcp' });
  await Promise.all([next(ann, 'sync.done'), ann.signIn({ username: 'ann', password: 'correct horse' })]);

  await t.test('signs in with SCRAM over TLS and becomes a contact', async () => {
    await gajim.start();
    assert.match(gajim.sent(), /<starttls/);
    assert.match(gajim.sent(), /mechanism="SCRAM-SHA-/);
    await ann.contacts.add('bob');
    await gajim.acceptContact(annJid);
    await waitFor('Ann to see Bob', () => ann.presence('bob').snapshot().state === 'online');
  });

  await t.test('chats both ways with receipts, and a correction each', async () => {
    const { message } = await ann.conversation('bob').send('Hello Bob & all <here> ✓');
    await gajim.shows(annJid, ['Hello Bob & all <here> ✓']);
    await status(ann, message, 'delivered');
    await gajim.open(annJid);
    await status(ann, message, 'read');
    await gajim.send(annJid, 'Helo Ann');
    await reads(ann, 'bob', 'Helo Ann');
    await gajim.correct(annJid, 'Hello Ann');
    assert.notEqual((await reads(ann, 'bob', 'Hello Ann')).editedAt, undefined);
    await ann.conversation('bob').edit(message.id, 'Hello Bob');
    await gajim.shows(annJid, ['Hello Bob', 'Hello Ann']);
    assert.equal(gajim.shown(annJid)[0]?.before, 'Hello Bob & all <here> ✓');
  });

  let group = '';
  await t.test('joins a group of our client, sees what was said before, and speaks in it', async () => {
    const made = await ann.groups.create({ name: 'Walkers', members: ['bob'] });
    group = made.id;
    const { message } = await made.send('before Gajim came');
    await gajim.join(group);
    await gajim.shows(group, ['before Gajim came']);
    await gajim.sendToGroup(group, 'Helo all');
    const heard = await reads(ann, group, 'Helo all');
    assert.equal(heard.senderId, bobJid);
    await gajim.correct(group, 'Hello all');
    assert.equal((await reads(ann, group, 'Hello all')).id, heard.id);
    await made.edit(message.id, 'before you came');
    await gajim.shows(group, ['before you came', 'Hello all']);
    assert.deepEqual(
      gajim.shown(group).map(({ nick, before }) => [nick, before]),
      [
        ['ann', 'before Gajim came'],
        ['bob', 'Helo all'],
      ],
    );
  });

  await t.test('the line breaks: the stream is resumed, nothing is lost or shown twice', async () => {
    relay.cut();
    for (let i = 0; i < 3; i++) await ann.conversation('bob').send(`in the tunnel ${i}`);
    await ann.conversation(group).send('in the tunnel, all');
    relay.mend();
    await gajim.shows(annJid, ['Hello Bob', 'Hello Ann', 'in the tunnel 0', 'in the tunnel 1', 'in the tunnel 2']);
    await gajim.shows(group, ['before you came', 'Hello all', 'in the tunnel, all']);
    assert.match(gajim.received(), /<resumed /);
  });

  await t.test('closed and started again: it has what was said meanwhile, in order and once', async () => {
    await gajim.quit();
    for (let i = 0; i < 3; i++) {
      await ann.conversation('bob').send(`away ${i}`);
      await ann.conversation(group).send(`all are away ${i}`);
    }
    await gajim.start();
    const away = (text: string): string[] => [0, 1, 2].map((i) => `${text} ${i}`);
    await gajim.shows(annJid, ['Hello Bob', 'Hello Ann', ...away('in the tunnel'), ...away('away')]);
    await gajim.shows(group, ['before you came', 'Hello all', 'in the tunnel, all', ...away('all are away')]);
  });
});
