// The story that every client lives through on a started server, told once.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { Relay } from '../support/relay.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import type { Account, Driver, MakeDriver, Network } from './drivers/driver.ts';
import { changesBetweenTwo, groupOfOurs, type Setting, sharedByNodes } from './shared.ts';

/** Stories take minutes, not hours: a wait that is in vain ends well before the suite's own limit. */
const TIMEOUT_MS = 3 * PATIENCE_MS;

export interface StoryOptions {
  /** What the tests are called after. */
  readonly name: string;
  readonly make: MakeDriver;
  /** The other person's client: another library. */
  readonly makePartner: MakeDriver;
  /** A missing program, named with the command that installs it: the tests are skipped. */
  readonly skip?: string | false;
  /** Set when this client reports a wrong count at resumption, with the reason: then the server has to repeat, and repeats are allowed. */
  readonly repeatsAtResume?: string;
  /** What this client cannot do, with the reason. */
  readonly cannot?: { readonly history?: string; readonly upload?: string; readonly resume?: string };
}

class Stage {
  readonly server: TestServer;
  readonly #network: Network;
  readonly #people: Driver[] = [];
  readonly #relays: Relay[] = [];
  #count = 0;

  constructor(server: TestServer, network: Network) {
    this.server = server;
    this.#network = network;
  }

  /** A new account. */
  async account(name: string): Promise<Account> {
    const account = {
      username: `${name}${++this.#count}`,
      password: `secret of ${name}`,
      domain: this.server.domain,
      resource: `${name}-phone`,
    };
    await this.server.createUser(account.username, account.password);
    return account;
  }

  /** A signed-in client of that account. */
  async enter(make: MakeDriver, account: Account, resource = account.resource): Promise<Driver> {
    const driver = make({ ...account, resource }, this.#network);
    this.#people.push(driver);
    await driver.signIn();
    return driver;
  }

  /** The same through a relay that can be cut. */
  async enterThroughRelay(make: MakeDriver, account: Account): Promise<{ driver: Driver; cut: () => void; mend: () => void }> {
    const url = new URL(this.#network.webSocket);
    const xmpp = await Relay.to(this.#network.xmpp);
    const xmpps = await Relay.to(this.#network.xmpps);
    const http = await Relay.to(Number(url.port));
    url.port = String(http.port);
    const relays = [xmpp, xmpps, http];
    this.#relays.push(...relays);
    const driver = make(account, { ...this.#network, xmpp: xmpp.port, xmpps: xmpps.port, webSocket: url.href });
    this.#people.push(driver);
    await driver.signIn();
    const all = (work: (relay: Relay) => void) => () => relays.forEach(work);
    return { driver, cut: all((relay) => relay.cut()), mend: all((relay) => relay.mend()) };
  }

  async clear(): Promise<void> {
    for (const person of this.#people.splice(0)) await person.dispose();
    for (const relay of this.#relays.splice(0)) relay.close();
  }
}

const addressOf = (account: Account): string => `${account.username}@${account.domain}`;

async function heard(driver: Driver, from: Account, text: string): Promise<void> {
  await waitFor(`"${text}" to arrive; heard: ${JSON.stringify(driver.heard())}`, () =>
    driver.heard().some((one) => one.text === text && one.from === addressOf(from)),
  );
}

/** Defines the tests of one client. */
export function tellStory(options: StoryOptions): void {
  const { name, make, makePartner, skip = false, cannot = {} } = options;
  describe(name, { skip }, () => {
    let stage: Stage;
    let folder: string;
    before(async () => {
      const server = await startServer({ config: { 'history.keep': 'forever' } });
      const pem = await certificateOf(server.ports.xmpps, server.domain);
      trust(pem);
      folder = await mkdtemp(join(tmpdir(), 'parley-interop-'));
      const certificateFile = join(folder, 'server.pem');
      await writeFile(certificateFile, pem);
      // The certificate is for the name, not for the number.
      const webSocket = server.webSocket.replace('127.0.0.1', 'localhost');
      stage = new Stage(server, { xmpp: server.ports.xmpp, xmpps: server.ports.xmpps, webSocket, certificateFile });
    });
    after(async () => {
      if (folder) await rm(folder, { recursive: true, force: true });
      await stage?.server.stop();
    });
    const scene = (title: string, work: () => Promise<void>, reason?: string): void => {
      test(title, { timeout: TIMEOUT_MS, skip: reason ?? false }, async (t) => {
        t.after(() => stage.clear());
        await work();
      });
    };

    scene('becomes a contact and chats both ways, with receipts (RFC 6121, XEP-0184)', async () => {
      const [ann, bob] = [await stage.account('ann'), await stage.account('bob')];
      const annClient = await stage.enter(make, ann);
      const bobClient = await stage.enter(makePartner, bob);
      await annClient.addContact(addressOf(bob));
      await waitFor('the request to reach the partner', () => bobClient.requests().includes(addressOf(ann)));
      await bobClient.acceptContact(addressOf(ann));
      await waitFor('the request back', () => annClient.requests().includes(addressOf(bob)));
      await annClient.acceptContact(addressOf(bob));
      for (const [who, other] of [
        [annClient, bob],
        [bobClient, ann],
      ] as const) {
        await waitFor(
          `${other.username} in the roster with subscription "both"`,
          async () => (await who.roster()).get(addressOf(other)) === 'both',
        );
      }

      const id = await annClient.send(addressOf(bob), 'Hello Bob & all <here>, "quoted" — ✓ 👋');
      await heard(bobClient, ann, 'Hello Bob & all <here>, "quoted" — ✓ 👋');
      await waitFor('the receipt', () => annClient.receipts().includes(id));
      const answer = await bobClient.send(addressOf(ann), 'Hello Ann');
      await heard(annClient, bob, 'Hello Ann');
      await waitFor('the receipt of the answer', () => bobClient.receipts().includes(answer));
      assert.equal(bobClient.heard().length, 1, 'each message is heard once');
    });

    scene('gets in order and once what was sent while it was offline (XEP-0160)', async () => {
      const [ann, bob] = [await stage.account('ann'), await stage.account('bob')];
      const annClient = await stage.enter(make, ann);
      await annClient.signOut();
      const bobClient = await stage.enter(makePartner, bob);
      for (let i = 0; i < 10; i++) await bobClient.send(addressOf(ann), `while you were away ${i}`);
      // Everything is stored once the server has answered something that was sent after it.
      await bobClient.roster();
      const again = await stage.enter(make, ann);
      await heard(again, bob, 'while you were away 9');
      assert.deepEqual(
        again.heard().map((one) => one.text),
        Array.from({ length: 10 }, (_, i) => `while you were away ${i}`),
      );
    });

    scene('sees on a second device what the first one sends and receives (XEP-0280)', async () => {
      const [ann, bob] = [await stage.account('ann'), await stage.account('bob')];
      const phone = await stage.enter(makePartner, ann, 'ann-phone');
      const laptop = await stage.enter(make, ann, 'ann-laptop');
      const bobClient = await stage.enter(makePartner, bob);
      await phone.send(addressOf(bob), 'from my phone');
      await heard(bobClient, ann, 'from my phone');
      await waitFor(`the copy of what the phone sent; copies: ${laptop.carbons()}`, () => laptop.carbons().includes('from my phone'));
      await laptop.send(addressOf(bob), 'from my laptop');
      await waitFor('the copy of what the laptop sent, on the phone', () => phone.carbons().includes('from my laptop'));
      await bobClient.send(addressOf(ann), 'to all of you');
      await waitFor('the message on both devices', () =>
        [phone, laptop].every((device) => [...device.heard().map((one) => one.text), ...device.carbons()].includes('to all of you')),
      );
    });

    scene(
      'catches up from the archive, page by page (XEP-0313)',
      async () => {
        const [ann, bob] = [await stage.account('ann'), await stage.account('bob')];
        const bobClient = await stage.enter(makePartner, bob);
        const first = await stage.enter(make, ann, 'ann-first');
        const expected: string[] = [];
        for (let i = 0; i < 6; i++) {
          await bobClient.send(addressOf(ann), `question ${i}`);
          await heard(first, bob, `question ${i}`);
          await first.send(addressOf(bob), `answer ${i}`);
          await heard(bobClient, ann, `answer ${i}`);
          expected.push(`question ${i}`, `answer ${i}`);
        }
        const second = await stage.enter(make, ann, 'ann-second');
        assert.deepEqual(await second.history?.(), expected);
      },
      cannot.history,
    );

    scene(
      'uploads a file that can be downloaded by its address (XEP-0363)',
      async () => {
        const ann = await stage.account('ann');
        const client = await stage.enter(make, ann);
        const content = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) % 251);
        const address = (await client.upload?.('pattern.bin', content)) ?? '';
        const response = await fetch(address);
        assert.equal(response.status, 200);
        assert.deepEqual(new Uint8Array(await response.arrayBuffer()), content);
      },
      cannot.upload,
    );

    scene(
      'resumes after the network broke, and nothing is lost or doubled (XEP-0198)',
      async () => {
        const [ann, bob] = [await stage.account('ann'), await stage.account('bob')];
        const bobClient = await stage.enter(makePartner, bob);
        const { driver, cut, mend } = await stage.enterThroughRelay(make, ann);
        await bobClient.send(addressOf(ann), 'before');
        await heard(driver, bob, 'before');
        cut();
        for (let i = 0; i < 5; i++) await bobClient.send(addressOf(ann), `in the tunnel ${i}`);
        await bobClient.roster();
        mend();
        assert.equal(await driver.reconnected?.(), true, 'the stream must be resumed, not begun anew');
        await heard(driver, bob, 'in the tunnel 4');
        await driver.send(addressOf(bob), 'after');
        await heard(bobClient, ann, 'after');
        const texts = driver.heard().map((one) => one.text);
        assert.deepEqual(options.repeatsAtResume === undefined ? texts : [...new Set(texts)], [
          'before',
          ...Array.from({ length: 5 }, (_, i) => `in the tunnel ${i}`),
        ]);
      },
      cannot.resume,
    );

    const setting = (): Setting => ({
      server: stage.server,
      enter: async (who) => {
        const account = await stage.account(who);
        return { account, driver: await stage.enter(make, account) };
      },
      beside: (account) => stage.enter(makePartner, account, 'beside'),
    });
    scene('corrects what it said and takes it back, and sees the same of others (XEP-0308, XEP-0424)', () => changesBetweenTwo(setting()));
    scene('takes part in a group of our client, corrects and takes back there (XEP-0045)', () => groupOfOurs(setting()));
    scene('shows its picture, and shares bookmarks with another client (XEP-0084, 0402, 0048, 0049)', () => sharedByNodes(setting()));
  });
}
