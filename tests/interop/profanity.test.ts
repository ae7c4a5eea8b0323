// Profanity 0.13: a person at a terminal. The other side is @xmpp/client.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { Clients, next } from '../support/sdk.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import type { Account, Driver, Network } from './drivers/driver.ts';
import { Profanity, profanityMissing } from './drivers/profanity.ts';
import { StanzaIo } from './drivers/stanza-io.ts';
import { XmppJs } from './drivers/xmpp-js.ts';

describe('Profanity in a terminal', { skip: profanityMissing() }, () => {
  let server: TestServer;
  let folder: string;
  let network: Network;
  let count = 0;
  const terminals: Profanity[] = [];
  const people: Driver[] = [];

  before(async () => {
    server = await startServer({ config: { 'history.keep': 'forever' } });
    trust(await certificateOf(server.ports.xmpps, server.domain));
    folder = await mkdtemp(join(tmpdir(), 'parley-interop-'));
    network = {
      xmpp: server.ports.xmpp,
      xmpps: server.ports.xmpps,
      webSocket: server.webSocket.replace('127.0.0.1', 'localhost'),
      certificateFile: '',
    };
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
    await server?.stop();
  });

  const account = async (name: string): Promise<Account> => {
    const made = { username: `${name}${++count}`, password: `secret-${name}`, domain: server.domain, resource: `${name}-terminal` };
    await server.createUser(made.username, made.password);
    return made;
  };
  const addressOf = (one: Account): string => `${one.username}@${one.domain}`;
  const terminal = async (one: Account, resource = one.resource): Promise<Profanity> => {
    const made = new Profanity({ ...one, resource }, network);
    terminals.push(made);
    await made.signIn();
    return made;
  };
  const person = async (one: Account, resource = 'phone'): Promise<XmppJs> => {
    const made = new XmppJs({ ...one, resource }, network);
    people.push(made);
    await made.signIn();
    return made;
  };
  const heard = (who: Driver, text: string): Promise<unknown> =>
    waitFor(`"${text}" to arrive`, () => who.heard().some((one) => one.text === text));
  const scene = (title: string, work: () => Promise<void>): void => {
    test(title, { timeout: 3 * PATIENCE_MS }, async (t) => {
      t.after(async () => {
        for (const one of terminals.splice(0)) one.dispose();
        for (const one of people.splice(0)) await one.dispose();
      });
      await work();
    });
  };

  scene('signs in, becomes a contact and chats both ways, with receipts', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const screen = await terminal(ann);
    const partner = await person(bob);
    await screen.type(`/roster add ${addressOf(bob)}`);
    await screen.type(`/sub request ${addressOf(bob)}`);
    await waitFor('the request to reach the partner', () => partner.requests().includes(addressOf(ann)));
    await partner.acceptContact(addressOf(ann));
    await screen.see(/subscription request/i);
    await screen.type(`/sub allow ${addressOf(bob)}`);
    await waitFor('subscription "both"', async () => (await partner.roster()).get(addressOf(ann)) === 'both');
    await screen.type(`/msg ${addressOf(bob)} Hello from a terminal & <more>`);
    await heard(partner, 'Hello from a terminal & <more>');
    const id = await partner.send(addressOf(ann), 'Hello back');
    await screen.see('Hello back');
    await waitFor("Profanity's receipt", () => partner.receipts().includes(id));
  });

  scene('shows what was sent while it was offline, in order', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const partner = await person(bob);
    for (let i = 0; i < 10; i++) await partner.send(addressOf(ann), `waiting-${i}`);
    await partner.roster();
    const screen = await terminal(ann);
    await screen.see('(win 2)');
    await screen.type('/win 2');
    await screen.see('waiting-9');
    const shown = [...screen.screen().matchAll(/waiting-(\d)/g)].map((match) => Number(match[1]));
    assert.deepEqual(shown, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  scene('shows what another device of the account sends (carbons)', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const partner = await person(bob);
    const screen = await terminal(ann);
    await screen.type(`/msg ${addressOf(bob)} from the terminal`);
    await heard(partner, 'from the terminal');
    const phone = await person(ann);
    await phone.send(addressOf(bob), 'from my other device');
    await screen.see('from my other device');
    await screen.type('again from the terminal');
    await waitFor('the copy on the other device', () => phone.carbons().includes('again from the terminal'));
  });

  scene('shows the history on a new device (MAM)', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const partner = await person(bob);
    // Not @xmpp/client: it acknowledges two too few, and what nobody has acknowledged comes to the next device without being asked for.
    const phone = new StanzaIo({ ...ann, resource: 'phone' }, network);
    people.push(phone);
    await phone.signIn();
    for (let i = 0; i < 5; i++) {
      await partner.send(addressOf(ann), `earlier-${i}`);
      await heard(phone, `earlier-${i}`);
    }
    const screen = await terminal(ann);
    await screen.type(`/msg ${addressOf(bob)}`);
    await screen.see('earlier-4');
    await screen.see('earlier-0');
  });

  scene('sends a file (XEP-0363)', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const partner = await person(bob);
    const screen = await terminal(ann);
    const content = 'a small file\n'.repeat(500);
    const file = join(folder, 'small.txt');
    await writeFile(file, content);
    // At the sign-in it has asked what the server can do: this is answered after that.
    await screen.type('/disco items');
    await screen.see('Service discovery items for');
    await screen.type(`/msg ${addressOf(bob)} look`);
    await screen.type(`/sendfile ${file}`);
    const address = await waitFor('the address of the file', () => partner.heard().find((one) => /^https?:/.test(one.text))?.text);
    const response = await fetch(address);
    assert.equal(await response.text(), content);
  });

  scene('takes part in a group of our client, corrects there, and has what was said while it was away', async () => {
    const [ann, bob] = [await account('ann'), await account('bob')];
    const clients = new Clients(() => server);
    try {
      const ours = clients.make();
      await Promise.all([next(ours, 'sync.done'), ours.signIn({ username: ann.username, password: ann.password })]);
      const group = await ours.groups.create({ name: 'Walkers', members: [addressOf(bob)] });
      const said = (text: string): Promise<unknown> => next(ours, 'message.new', ({ message }) => message.body === text);
      const screen = await terminal(bob);
      await screen.type('/correction on');
      await screen.type(`/join ${group.id} nick Bobby`);
      await screen.see(/Room joined|You have joined/i);
      const heard = said('helo from a terminal');
      await screen.type('helo from a terminal');
      await heard;
      const edited = next(ours, 'message.updated', ({ message }) => message.body === 'hello from a terminal');
      await screen.type('/correct hello from a terminal');
      assert.equal((await edited).message.senderId, addressOf(bob));
      const { message } = await group.send('welcom Bobby');
      await screen.see('welcom Bobby');
      await group.edit(message.id, 'welcome Bobby');
      await screen.see('welcome Bobby');
      await screen.type('/leave');
      await group.send('said-meanwhile');
      await screen.type(`/join ${group.id} nick Bobby`);
      await screen.see('said-meanwhile');
    } finally {
      await clients.close();
    }
  });
});
