// One hour of what a phone is sent by an ordinary account: 40 contacts of whom 12 are online, three groups, a desktop of its own. The same
// each time. Times and sizes follow what clients in use send; the texts are made up.
import { SeededRandom } from '@parley/testkit';

export interface Delivery {
  /** Milliseconds since the hour began. */
  readonly at: number;
  readonly xml: string;
  /** Position in the mailbox; 0 when it is not kept. */
  readonly seq: number;
}

const OWN = 'bob@here.example';
const NS = {
  states: 'http://jabber.org/protocol/chatstates',
  caps: 'http://jabber.org/protocol/caps',
  event: 'http://jabber.org/protocol/pubsub#event',
  muc: 'http://jabber.org/protocol/muc#user',
};

export function hour(seed = 1): Delivery[] {
  const random = new SeededRandom(seed);
  const list: { at: number; xml: string; kept: boolean }[] = [];
  const minute = (): number => random.int(60) * 60_000 + random.int(60_000);
  const add = (at: number, xml: string, kept = false): void => void list.push({ at, xml, kept });
  const caps = `<c xmlns="${NS.caps}" hash="sha-1" node="http://conversations.im" ver="wJwQkXM0Q9qRkXrZoZVbkl2jhdo="/>`;
  const presence = (from: string, show: string): string =>
    `<presence from="${from}" to="${OWN}">${show === '' ? '' : `<show>${show}</show>`}${caps}<x xmlns="vcard-temp:x:update"><photo>2e9ad3c2f0fb6a1c3d2b1e0f9a8b7c6d5e4f3a2b</photo></x><idle xmlns="urn:xmpp:idle:1" since="2026-01-01T10:00:00Z"/></presence>`;
  // Contacts look at their phones and put them away again.
  for (let contact = 0; contact < 12; contact++)
    for (let i = 4 + random.int(6); i > 0; i--) {
      const at = minute();
      add(at, presence(`friend${contact}@here.example/phone`, ''));
      add(at + 20_000 + random.int(200_000), presence(`friend${contact}@here.example/phone`, 'away'));
    }
  // Three groups of 30: people come and go.
  for (let room = 0; room < 3; room++)
    for (let i = 0; i < 45; i++) {
      const at = minute();
      const nick = `person${random.int(30)}`;
      const away = random.chance(0.5);
      add(
        at,
        `<presence from="group${room}@rooms.here.example/${nick}" to="${OWN}/phone"${away ? ' type="unavailable"' : ''}>${caps}<x xmlns="${NS.muc}"><item affiliation="member" role="${away ? 'none' : 'participant'}"/></x></presence>`,
      );
    }
  // What friends listen to, and where they are.
  for (let i = 0; i < 30; i++) {
    const friend = random.int(6);
    add(
      minute(),
      `<message from="friend${friend}@here.example" to="${OWN}/phone" type="headline"><event xmlns="${NS.event}"><items node="http://jabber.org/protocol/tune"><item id="current"><tune xmlns="http://jabber.org/protocol/tune"><artist>Yes</artist><length>686</length><rating>8</rating><source>Yessongs</source><title>Heart of the Sunrise ${i}</title></tune></item></items></event></message>`,
    );
  }
  // Five conversations: typing, messages, receipts and markers for what the desktop sent.
  for (let talk = 0; talk < 5; talk++) {
    const friend = `friend${talk}@here.example/phone`;
    let at = minute();
    for (let i = 0; i < 5; i++) {
      for (let typing = 1 + random.int(3); typing > 0; typing--) {
        add(at, `<message from="${friend}" to="${OWN}" type="chat"><composing xmlns="${NS.states}"/></message>`);
        add(at + 4000, `<message from="${friend}" to="${OWN}" type="chat"><paused xmlns="${NS.states}"/></message>`);
        at += 15_000;
      }
      add(
        at,
        `<message from="${friend}" to="${OWN}" type="chat" id="m${talk}-${i}"><body>Shall we meet at the station at ${i}, or is that too early for you?</body><request xmlns="urn:xmpp:receipts"/><markable xmlns="urn:xmpp:chat-markers:0"/><active xmlns="${NS.states}"/></message>`,
        true,
      );
      add(
        at + 30_000,
        `<message from="${friend}" to="${OWN}" type="chat"><received xmlns="urn:xmpp:receipts" id="s${i}"/></message>`,
        true,
      );
      add(
        at + 45_000,
        `<message from="${friend}" to="${OWN}" type="chat"><displayed xmlns="urn:xmpp:chat-markers:0" id="s${i}"/></message>`,
        true,
      );
      at += 60_000 + random.int(60_000);
    }
  }
  list.sort((a, b) => a.at - b.at);
  let seq = 0;
  return list.filter(({ at }) => at < 3_600_000).map(({ at, xml, kept }) => ({ at, xml, seq: kept ? ++seq : 0 }));
}
