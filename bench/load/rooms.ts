// One room: everybody is in it, one speaks; every message is delivered to all. Closed loop: a number of messages under way.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Listener } from './connection.ts';
import { startWindow, type Window } from './meter.ts';

export interface RoomOptions {
  readonly serverPid: number;
  readonly domain: string;
  /** Members of the room beyond those who are in it; 0 for an open room. */
  readonly absentMembers: number;
  /** Messages under way. */
  readonly window: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}

export interface RoomResult extends Window {
  readonly deliveries: number;
  readonly occupants: number;
  readonly lost: number;
  readonly serverFailure: string;
}

const BODY = 'x'.repeat(100);
const MUC = 'http://jabber.org/protocol/muc';
const MEMBERS_AT_ONCE = 100;
const JOIN_AT_ONCE = 25;
let rooms = 0;

/** Brings all of them into a new room and has the first one speak. */
export async function runRoom(connections: readonly Connection[], options: RoomOptions): Promise<RoomResult> {
  const room = `bench${++rooms}@conference.${options.domain}`;
  const [owner, ...others] = connections as [Connection, ...Connection[]];
  const inside = new Set<Connection>();
  let arrived = (): void => {};
  const joining: Listener = {
    // The subject ends joining (XEP-0045 §7.2.14); it is the first message from the room.
    message(connection) {
      inside.add(connection);
      arrived();
    },
  };
  for (const connection of connections) connection.listener = joining;
  const until = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${inside.size} of ${count} are in the room after 60 s`)), 60_000);
      arrived = () => {
        if (inside.size < count) return;
        clearTimeout(timer);
        resolve();
      };
      arrived();
    });
  const join = (connection: Connection): void =>
    connection.write(Buffer.from(`<presence to='${room}/${connection.user}'><x xmlns='${MUC}'/></presence>`));
  join(owner);
  await until(1);
  await configure(owner, room, options, others);
  for (let at = 0; at < others.length; at += JOIN_AT_ONCE) {
    for (const connection of others.slice(at, at + JOIN_AT_ONCE)) join(connection);
    await until(Math.min(connections.length, 1 + at + JOIN_AT_ONCE));
  }
  await sleep(500);

  let delivered = 0;
  let sent = 0;
  let running = true;
  const frame = Buffer.from(`<message to='${room}' type='groupchat' id='bench'><body>${BODY}</body></message>`);
  const send = (): void => {
    while (running && sent - Math.floor(delivered / connections.length) < options.window) {
      sent++;
      owner.write(frame);
    }
  };
  const speaking: Listener = {
    message() {
      if (++delivered % connections.length === 0) send();
    },
  };
  for (const connection of connections) connection.listener = speaking;
  send();
  await sleep(options.warmSeconds * 1000);
  const before = delivered;
  const end = startWindow(options.serverPid);
  await sleep(options.seconds * 1000);
  const window = end();
  const deliveries = delivered - before;
  running = false;
  const missing = (): number => sent * connections.length - delivered;
  for (let waited = 0; waited < 8000 && missing() > 0; waited += 20) await sleep(20);
  for (const connection of connections) connection.listener = undefined;
  return {
    ...window,
    deliveries,
    occupants: connections.length,
    lost: missing(),
    serverFailure: connections.find((one) => one.failure !== '')?.failure ?? '',
  };
}

/** An open room as it is by default, or one for members, with a list of them. */
async function configure(owner: Connection, room: string, options: RoomOptions, others: readonly Connection[]): Promise<void> {
  const field = (name: string, value: string): string => `<field var='${name}'><value>${value}</value></field>`;
  const form =
    options.absentMembers === 0
      ? ''
      : field('FORM_TYPE', `${MUC}#roomconfig`) + field('muc#roomconfig_membersonly', '1') + field('muc#roomconfig_whois', 'anyone');
  owner.write(
    Buffer.from(
      `<iq type='set' id='form' to='${room}'><query xmlns='${MUC}#owner'><x xmlns='jabber:x:data' type='submit'>${form}</x></query></iq>`,
    ),
  );
  await sleep(500);
  if (options.absentMembers === 0) return;
  const members = [
    ...others.map((connection) => connection.user),
    ...Array.from({ length: options.absentMembers }, (_, i) => `absent${i}`),
  ];
  for (let at = 0; at < members.length; at += MEMBERS_AT_ONCE) {
    const items = members.slice(at, at + MEMBERS_AT_ONCE).map((name) => `<item affiliation='member' jid='${name}@${options.domain}'/>`);
    owner.write(Buffer.from(`<iq type='set' id='m${at}' to='${room}'><query xmlns='${MUC}#admin'>${items.join('')}</query></iq>`));
    await sleep(300);
  }
  await sleep(500);
}
