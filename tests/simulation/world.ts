// One simulated world: the real server (core, features, SQLite) with simulated time, network and power cuts, and devices that
// chat through it. Everything that happens follows from the seed.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Core, DEFAULT_CORE_LIMITS, FeatureSet, type HistoryKeep } from '@parley/core';
import { standardFeatures, webPushFeature } from '@parley/features';
import type { Storage } from '@parley/storage';
import { crashCopy, type DurablePoint, durablePoint, openSqliteStorage, type SqliteStorage } from '@parley/storage/sqlite';
import { History, LogSink, ScriptedDevice, SeededRandom, SimulatedClock, SimulatedConnection } from '@parley/testkit';
import { simulatedCrypto } from './crypto.ts';
import { type Endpoint, SimulatedPushes } from './pushes.ts';

const DOMAIN = 'localhost';
const GROUP = `group@conference.${DOMAIN}`;
const START = Date.UTC(2026, 0, 1);

export interface WorldOptions {
  readonly seed: number;
  /** Where the databases of the run live; a memory file system makes it fast. */
  readonly folder: string;
  readonly accounts?: number;
  readonly steps?: number;
  readonly keep?: HistoryKeep;
  /** A broken server, to show that the checker sees it: it acknowledges before the commit. */
  readonly sabotage?: 'ack-before-commit';
}

export interface Outcome {
  readonly wrong: readonly string[];
  readonly sent: number;
  readonly acked: number;
  readonly crashes: number;
  readonly cuts: number;
  readonly restarts: number;
  /** Sessions that outlived their process (D14). */
  readonly restored: number;
  /** Pushes that a push service took, and those it refused (P1). */
  readonly pushes: number;
  readonly pushesRefused: number;
}

export class World {
  readonly #random: SeededRandom;
  readonly #clock = new SimulatedClock(START);
  readonly #history = new History();
  readonly #sink = new LogSink();
  readonly #folder: string;
  readonly #keep: HistoryKeep;
  readonly #steps: number;
  readonly #sabotage: WorldOptions['sabotage'];
  readonly #devices: ScriptedDevice[] = [];
  readonly #wires = new Map<ScriptedDevice, SimulatedConnection>();
  readonly #accounts: string[] = [];
  /** Everybody is in one group, in half of the worlds. */
  readonly #group: boolean;
  /** Devices are registered with a push service, in a third of them. */
  readonly #pushes: SimulatedPushes | undefined;
  readonly #endpoints = new Map<ScriptedDevice, Endpoint>();
  #storage!: SqliteStorage;
  #core!: Core;
  #generation = 0;
  #messages = 0;
  #crashes = 0;
  #cuts = 0;
  #restored = 0;
  #restartWanted = false;
  #restarts = 0;
  #crashAtCommit = false;
  #durable: DurablePoint | undefined;
  #crashed = false;

  constructor(options: WorldOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#folder = mkdtempSync(join(options.folder, 'parley-world-'));
    this.#keep = options.keep ?? (options.seed % 3 === 0 ? 'until-delivered' : { ms: 30 * 86_400_000 });
    this.#steps = options.steps ?? 220;
    this.#sabotage = options.sabotage;
    this.#group = options.sabotage === undefined && options.seed % 2 === 0;
    this.#pushes =
      options.sabotage === undefined && options.seed % 3 === 1
        ? // What somebody was told of is not lost: it counts as acknowledged.
          new SimulatedPushes(this.#random.fork(), this.#clock, ({ body }) => {
            if (body !== undefined) this.#history.acknowledge(body);
          })
        : undefined;
    const accounts = options.accounts ?? 2 + (options.seed % 3);
    for (let i = 0; i < accounts; i++) {
      const account = `user${i}@${DOMAIN}`;
      this.#accounts.push(account);
      const devices = 1 + this.#random.int(2);
      for (let d = 0; d < devices; d++) {
        const device: ScriptedDevice = new ScriptedDevice({
          account,
          resource: `device${d}`,
          domain: DOMAIN,
          password: 'p',
          history: this.#history,
          takesGroups: this.#group,
          push: () => this.#registrationOf(device),
        });
        this.#devices.push(device);
      }
    }
  }

  /** A device whose push service has forgotten it subscribes anew. */
  #registrationOf(device: ScriptedDevice): string | undefined {
    if (this.#pushes === undefined) return undefined;
    let endpoint = this.#endpoints.get(device);
    if (endpoint === undefined || endpoint.gone) {
      endpoint = this.#pushes.subscribe(device.account, device.resource);
      this.#endpoints.set(device, endpoint);
    }
    return SimulatedPushes.registration(endpoint);
  }

  #path(): string {
    return join(this.#folder, `g${this.#generation}`, 'parley.db');
  }

  async #boot(): Promise<void> {
    mkdirSync(join(this.#folder, `g${this.#generation}`), { recursive: true });
    const crypto = simulatedCrypto(this.#random.fork());
    this.#storage = openSqliteStorage({
      path: this.#path(),
      schedule: (run) => this.#clock.soon(run),
      after: (ms, run) => this.#clock.after(ms, run),
      hooks: {
        beforeCommit: () => {
          if (this.#crashAtCommit) this.#durable = durablePoint(this.#path());
        },
        beforeAck: () => {
          if (this.#crashAtCommit) this.#powerCut(true);
        },
      },
    });
    this.#core = new Core({
      config: {
        domain: DOMAIN,
        allowPlaintext: true,
        historyKeep: this.#keep,
        undeliveredMs: 30 * 86_400_000,
        scramIterations: 4096,
        // Small bounds, so that they are met: a device falls behind and reads on from its mailbox.
        limits: { ...DEFAULT_CORE_LIMITS, unackedStanzas: 5, queueBytes: 4096, resumeMs: 60_000 },
      },
      storage: this.#sabotage === undefined ? this.#storage : hasty(this.#storage),
      clock: this.#clock,
      random: this.#random.fork(),
      crypto,
      log: this.#sink.log,
      stableKey: new Uint8Array(32),
    });
    const features = this.#pushes === undefined ? standardFeatures : [...standardFeatures, webPushFeature(this.#pushes.open())];
    await new FeatureSet(this.#core).load(features);
    this.#restored += await this.#core.restoreSessions();
  }

  async #settle(): Promise<void> {
    this.#clock.endTurn();
    await turn();
    this.#clock.endTurn();
  }

  /** The machine loses power (torn), or the process is killed: what was not durable may be gone, in any part. */
  #powerCut(torn: boolean): void {
    this.#crashAtCommit = false;
    const from = this.#path();
    this.#generation++;
    mkdirSync(join(this.#folder, `g${this.#generation}`), { recursive: true });
    crashCopy(from, this.#path(), torn ? { torn: () => this.#random.next() / 2 ** 32, durable: this.#durable } : {});
    this.#crashed = true;
    this.#crashes++;
    this.#pushes?.processDied();
    for (const wire of this.#wires.values()) wire.serverDied();
    this.#wires.clear();
  }

  async #afterCrash(): Promise<void> {
    this.#crashed = false;
    this.#clock.clear();
    try {
      await this.#storage.close();
    } catch {
      // The old process is dead; what it still wanted to write does not matter.
    }
    this.#clock.clear();
    await this.#boot();
  }

  /** The operator stops the server in order, and starts it again. */
  async #restart(): Promise<void> {
    this.#restartWanted = false;
    this.#restarts++;
    let over = false;
    void this.#core.drain().then(() => {
      over = true;
    });
    for (let i = 0; i < 100 && !over && !this.#crashed; i++) {
      await this.#settle();
      this.#clock.advance(100);
    }
    if (this.#crashed) return this.#afterCrash();
    this.#pushes?.processDied();
    for (const wire of this.#wires.values()) wire.serverDied();
    this.#wires.clear();
    await this.#storage.close();
    this.#clock.clear();
    await this.#boot();
  }

  #connect(device: ScriptedDevice): void {
    const wire = new SimulatedConnection(
      this.#core,
      { receive: (bytes) => device.receive(bytes), closed: () => device.closed() },
      this.#random.fork(),
    );
    this.#wires.set(device, wire);
    device.connected({ send: (bytes) => wire.send(bytes), cut: () => wire.cut() });
  }

  #send(): void {
    const device = this.#random.pick(this.#devices);
    if (this.#group && this.#random.chance(0.5)) return device.sendMessage(GROUP, `m${this.#messages++}`, 'groupchat');
    const to = this.#random.pick(this.#accounts.filter((account) => account !== device.account));
    device.sendMessage(to, `m${this.#messages++}`);
  }

  #step(): void {
    const dice = this.#random.int(100);
    if (dice < 20) return this.#send();
    if (dice < 80) {
      const busy = [...this.#wires.values()].filter((wire) => wire.busy);
      if (busy.length > 0) for (let i = 1 + this.#random.int(6); i > 0; i--) this.#random.pick(busy).step();
      return;
    }
    if (dice < 90) {
      const off = this.#devices.filter((device) => device.phase === 'off');
      if (off.length > 0) this.#connect(this.#random.pick(off));
      return;
    }
    if (dice < 94) {
      const wires = [...this.#wires].filter(([, wire]) => wire.open);
      if (wires.length === 0) return;
      this.#cuts++;
      this.#random.pick(wires)[1].cut();
      return;
    }
    if (dice < 98) return this.#clock.advance(this.#random.pick([10, 1000, 5000, 70_000]));
    if (this.#random.chance(0.4)) this.#crashAtCommit = true;
    else if (this.#random.chance(0.5)) this.#powerCut(false);
    else this.#restartWanted = true;
  }

  /** Runs the seed. Afterwards everybody comes back, everything is delivered, and the history is judged. */
  async run(): Promise<Outcome> {
    const wrong: string[] = [];
    try {
      await this.#boot();
      for (const account of this.#accounts) {
        const creation = this.#core.accounts.create(account.split('@')[0] ?? '', 'p');
        for (let i = 0; i < 10; i++) await this.#settle();
        await creation;
      }
      // Every device is known before the first message, so each must get all of them (D5).
      await this.#heal(wrong);
      if (this.#group) {
        this.#makeGroup();
        await this.#heal(wrong);
      }
      for (let step = 0; step < this.#steps; step++) {
        this.#step();
        await this.#settle();
        if (this.#crashed) await this.#afterCrash();
        if (this.#restartWanted) await this.#restart();
      }
      this.#crashAtCommit = false;
      await this.#heal(wrong);
      if (this.#pushes !== undefined) await this.#judgePushes(this.#pushes, wrong);
      // What is said in the group is for every device of everybody, those of the sender too.
      const devicesOf = (account: string): readonly string[] =>
        this.#devices.filter((device) => account === GROUP || device.account === account).map((device) => device.name);
      wrong.push(...this.#history.check(devicesOf));
      if (this.#keep === 'until-delivered') await this.#checkDeleted(wrong);
      for (const device of this.#devices) if (device.failure !== undefined) wrong.push(`${device.name}: ${device.failure}`);
      for (const { event, fields } of this.#sink.unexpected())
        wrong.push(`log: ${event} ${String(fields.error instanceof Error ? fields.error.stack : JSON.stringify(fields))}`);
      await this.#storage.close();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
    return {
      wrong,
      sent: this.#history.sentCount,
      acked: this.#history.ackedCount,
      crashes: this.#crashes,
      cuts: this.#cuts,
      restarts: this.#restarts,
      restored: this.#restored,
      pushes: this.#pushes?.sent ?? 0,
      pushesRefused: this.#pushes?.refusals ?? 0,
    };
  }

  #makeGroup(): void {
    const members = this.#accounts.map((account) => `<value>${account}</value>`).join('');
    const field = `<field var='{urn:parley:groups:0}members'>${members}</field>`;
    const form = `<x xmlns='jabber:x:data' type='submit'>${field}</x>`;
    this.#devices[0]?.request(
      `<iq type='set' id='make' to='${GROUP}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`,
    );
  }

  /** P1, with a push service that works: nobody is told while there, everybody while away, and what is read is taken away. */
  async #judgePushes(pushes: SimulatedPushes, wrong: string[]): Promise<void> {
    pushes.healthy = true;
    // What is still to be told of before, and devices that have to subscribe anew.
    await this.#rest(600_000);
    for (const wire of this.#wires.values()) wire.cut();
    await this.#heal(wrong);
    await this.#rest(600_000);
    const away = this.#accounts[0] ?? '';
    const phones = this.#devices.filter(({ account }) => account === away);
    const peers = this.#devices.filter(({ account }) => account !== away);
    const toldTo = (device: ScriptedDevice): Endpoint['told'] => this.#endpoints.get(device)?.told ?? [];
    const marks = new Map(phones.map((device) => [device, toldTo(device).length]));
    const news = (device: ScriptedDevice): Endpoint['told'] => toldTo(device).slice(marks.get(device));
    const say = (): string => {
      const body = `m${this.#messages++}`;
      this.#random.pick(peers).sendMessage(away, body);
      return body;
    };
    // Everybody is there and takes what comes.
    for (let i = 0; i < 4; i++) {
      say();
      await this.#heal(wrong);
      await this.#rest(60_000);
    }
    for (const device of phones)
      for (const { type, body } of news(device))
        if (type === 'message') wrong.push(`push (P1): ${device.name} was told of ${body}, and was there`);
    // Nobody of this account is there. In the middle of it the machine may fail.
    for (const device of phones) this.#wires.get(device)?.cut();
    const offline = new Set(phones);
    await this.#rest(120_000, offline);
    const last = new Map<string, string>();
    const count = 3 + this.#random.int(6);
    const crashAfter = this.#random.chance(0.6) ? this.#random.int(count) : -1;
    for (let i = 0; i < count; i++) {
      const peer = this.#random.pick(peers);
      const body = `m${this.#messages++}`;
      const inGroup = this.#group && this.#random.chance(0.5);
      peer.sendMessage(inGroup ? GROUP : away, body, inGroup ? 'groupchat' : 'chat');
      last.set(inGroup ? GROUP : peer.account, body);
      await this.#quiet(wrong, offline);
      if (i !== crashAfter) continue;
      this.#powerCut(false);
      await this.#afterCrash();
      await this.#quiet(wrong, offline);
    }
    await this.#rest(600_000, offline);
    for (const device of phones)
      for (const [peer, body] of last) {
        const told = news(device).filter((one) => one.type === 'message' && one.conversation === peer);
        if (told.at(-1)?.body !== body)
          wrong.push(
            `push (P1): ${device.name} was not told of ${body} of ${peer}, but of ${told.map((one) => one.body).join(', ') || 'nothing'}`,
          );
        if (told.length > count + 1) wrong.push(`push: ${device.name} was told ${told.length} times of ${count} messages`);
      }
    // One comes back and has seen it all: the others are told to take it away.
    const [reader, ...rest] = phones;
    if (reader !== undefined && rest.length > 0) {
      const before = new Map(rest.map((device) => [device, toldTo(device).length]));
      await this.#quiet(wrong, new Set(rest));
      for (const peer of last.keys()) reader.sendDisplayed(peer, last.get(peer) ?? '', peer === GROUP ? 'groupchat' : 'chat');
      await this.#quiet(wrong, new Set(rest));
      await this.#rest(60_000, new Set(rest));
      for (const device of rest)
        for (const peer of last.keys()) {
          const tag = news(device).find((one) => one.conversation === peer)?.tag;
          if (
            tag !== undefined &&
            !toldTo(device)
              .slice(before.get(device))
              .some((one) => one.type === 'read' && one.tag === tag)
          )
            wrong.push(`push: ${device.name} was not told that the messages of ${peer} have been read`);
        }
    }
    wrong.push(...pushes.wrong);
    await this.#heal(wrong);
  }

  /** Lets time pass, with what is on its way moving. */
  async #rest(ms: number, offline: ReadonlySet<ScriptedDevice> = new Set()): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5000) {
      this.#clock.advance(5000);
      for (let i = 0; i < 3; i++) await this.#settle();
      for (let i = 0; i < 500; i++) {
        const busy = [...this.#wires].filter(([device, wire]) => wire.busy && !offline.has(device));
        if (busy.length === 0) break;
        for (const [, wire] of busy) wire.step();
        await this.#settle();
      }
    }
  }

  /** D9: every device has everything, so nothing that was received is left. */
  async #checkDeleted(wrong: string[]): Promise<void> {
    for (const name of this.#accounts) {
      const account = await this.#core.accounts.get(name.split('@')[0] ?? '');
      if (account === undefined) continue;
      const left = await this.#storage.mailboxes.count(account.id, { incomingOnly: true });
      if (left > 0) wrong.push(`retained (D9): ${left} delivered messages are still in the mailbox of ${name}`);
    }
  }

  /** No more faults: all sign in, until nothing is on its way any more. */
  #heal(wrong: string[]): Promise<void> {
    return this.#quiet(wrong, new Set());
  }

  /** The same, but for those who stay away. */
  async #quiet(wrong: string[], offline: ReadonlySet<ScriptedDevice>): Promise<void> {
    let quiet = 0;
    for (let round = 0; round < 20_000 && quiet < 3; round++) {
      for (const device of this.#devices) if (device.phase === 'off' && !offline.has(device)) this.#connect(device);
      const busy = [...this.#wires.values()].filter((wire) => wire.busy);
      for (const wire of busy) wire.step();
      await this.#settle();
      if (busy.length > 0) {
        quiet = 0;
        continue;
      }
      this.#clock.advance(3000);
      await this.#settle();
      if (this.#devices.every((device) => offline.has(device) || (device.online && device.waiting === 0))) quiet++;
    }
    if (quiet < 3)
      wrong.push(
        `the world does not come to rest: ${this.#devices.map((device) => `${device.name} ${device.phase} ${device.waiting} waiting`).join(', ')}`,
      );
  }
}

/** The same storage, but it claims that everything is durable at once. */
function hasty(storage: SqliteStorage): Storage {
  return {
    capabilities: storage.capabilities,
    accounts: storage.accounts,
    mailboxes: storage.mailboxes,
    hostOwner: (domain) => storage.hostOwner(domain),
    keyValue: (name) => storage.keyValue(name),
    pending: false,
    afterCommit: (done) => done(),
    flush: () => storage.flush(),
    close: () => storage.close(),
  };
}
