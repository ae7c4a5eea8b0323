// kill -9 at random moments under load, in chats and in a group, with devices that are away: what was acknowledged arrives, once and in
// order, and who was away goes on with its session (docs/design/delivery.md D1-D8, D14, G1, G2).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { History, SeededRandom } from '@parley/testkit';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { rawSession } from '../support/raw.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { LoadedDevice } from './load.ts';

const USERS = 6;
const KILLS = Number(process.env.PARLEY_KILLS ?? 8);
const seed = Number(process.env.PARLEY_SEED ?? 1);
const GROUP = 'all@conference.localhost';

/** A group of everybody, made by somebody else. */
async function makeGroup(server: TestServer): Promise<void> {
  await server.createUser('maker', 'secret');
  const maker = await rawSession(server, 'maker');
  const members = Array.from({ length: USERS }, (_, user) => `<value>user${user}@${server.domain}</value>`).join('');
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='{urn:parley:groups:0}members'>${members}</field></x>`;
  maker.send(`<iq type='set' id='make' to='${GROUP}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`);
  await maker.expect(/<iq [^>]*type="result"[^>]*id="make"|<iq [^>]*id="make"[^>]*type="result"/);
  await maker.bye();
}

/** Sessions that wait on disk, as somebody reads who looks into the database now. */
function stored(server: TestServer): number {
  const database = new DatabaseSync(join(server.dataDir, 'parley.db'), { readOnly: true, timeout: PATIENCE_MS });
  try {
    const row = database.prepare("SELECT count(*) AS count FROM key_value WHERE kind = 'sessions'").get() as { count: number };
    return row.count;
  } finally {
    database.close();
  }
}

for (const keep of ['30d', 'until-delivered']) {
  test(`kill -9 under load, ${KILLS / 2} times, history.keep ${keep} (seed ${seed})`, { timeout: 4 * PATIENCE_MS }, async (t) => {
    const random = new SeededRandom(seed);
    const server = await startServer({ config: { 'auth.allowPlaintext': true, 'history.keep': keep, 'limits.bytesPerSecond': 0 } });
    const history = new History();
    const loaded: LoadedDevice[] = [];
    let messages = 0;
    const speak = (): void => {
      for (let i = 0; i < 10; i++) {
        const { device } = random.pick(loaded);
        if (device.waiting > 40) continue;
        if (random.chance(0.3)) {
          device.sendMessage(GROUP, `m${messages++}`, 'groupchat');
          continue;
        }
        let to = random.int(USERS);
        if (`user${to}@${server.domain}` === device.account) to = (to + 1) % USERS;
        device.sendMessage(`user${to}@${server.domain}`, `m${messages++}`);
      }
    };
    let slept = 0;
    try {
      for (let user = 0; user < USERS; user++) {
        await server.createUser(`user${user}`, 'secret');
        loaded.push(new LoadedDevice(server, history, `user${user}`, 'phone', 'secret'));
        // Some accounts have a second device.
        if (user % 2 === 0) loaded.push(new LoadedDevice(server, history, `user${user}`, 'laptop', 'secret'));
      }
      const online = (): boolean => loaded.every(({ device }) => device.online);
      await waitFor('all devices to sign in', online);
      await makeGroup(server);
      // Every device is known, and takes the group, once it has been told something there.
      loaded[0]?.device.sendMessage(GROUP, `m${messages++}`, 'groupchat');
      await waitFor('the first message of the group', () => loaded.every(({ device }) => history.has(device.name)));
      for (let kill = 0; kill < KILLS / 2; kill++) {
        // The only device of its account: nothing can make the counts of its session doubtful.
        const single = loaded.filter(({ device }) => !loaded.some((one) => one.device !== device && one.device.account === device.account));
        const sleeper = random.pick(single);
        const { resumptions, refusals } = sleeper.device;
        sleeper.goAway();
        const until = Date.now() + 150 + random.int(500);
        // Enough of them, however slow the machine is.
        const enough = messages + 60;
        while (Date.now() < until || messages < enough || stored(server) === 0) {
          speak();
          if (random.chance(0.02)) random.pick(loaded.filter((one) => one !== sleeper)).cut();
          await sleep(random.int(3));
        }
        await server.kill();
        await server.restart();
        sleeper.comeBack();
        await waitFor('all devices to come back', online);
        assert.deepEqual([sleeper.device.resumptions, sleeper.device.refusals], [resumptions + 1, refusals], 'who was away goes on (D14)');
        slept++;
      }
      await waitFor('all outboxes to be empty', () => loaded.every(({ device }) => device.online && device.waiting === 0));
      // What is said in the group is for every device of everybody, those of the sender too.
      const devicesOf = (account: string): string[] =>
        loaded.filter(({ device }) => account === GROUP || device.account === account).map(({ device }) => device.name);
      const wrong = await waitFor('all that was acknowledged to arrive', () => {
        const list = history.check(devicesOf);
        return list.every((line) => line.startsWith('lost')) && list.length > 0 ? undefined : list;
      }).catch(() => history.check(devicesOf));
      t.diagnostic(
        `${history.sentCount} sent, ${history.ackedCount} acknowledged, ${KILLS / 2} kills, ${slept} sessions that outlived them`,
      );
      assert.deepEqual(wrong.slice(0, 20), []);
      assert.deepEqual(
        loaded.map(({ device }) => device.failure).filter((failure) => failure !== undefined),
        [],
      );
      assert.ok(history.ackedCount > 100);
    } finally {
      for (const one of loaded) one.stop();
      await server.stop();
    }
  });
}
