// The group dialects of two common clients. Gajim's is a recording of the program. Conversations runs on Android alone: its flow follows
// its source, https://github.com/iNPUTmice/Conversations at 0677ddc (2023-08-16), the methods named at each step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { Flow, inOrder } from './flow.ts';
import { newUser, present, says, stanzaIds } from './messages.ts';
import { publish } from './nodes.ts';
import { type Heard, message, type Person } from './people.ts';
import { codes, HOST, NS_FORM, NS_MUC, NS_USER, self, subjectOf, user } from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const NS_INFO = 'http://jabber.org/protocol/disco#info';
const BOOKMARKS = 'urn:xmpp:bookmarks:1';
const MAM = 'urn:xmpp:mam:2';
const features = (info: Heard): string[] =>
  info
    .child('query')
    ?.all('feature')
    .map(({ attrs }) => attrs['var'] ?? '') ?? [];
const discover = (person: Person, to: string): Promise<Heard> => person.ask('get', `<query xmlns='${NS_INFO}'/>`, to);

/** IqGenerator.defaultGroupChatConfiguration. */
const GROUP: Readonly<Record<string, string>> = {
  'muc#roomconfig_persistentroom': '1',
  'muc#roomconfig_membersonly': '1',
  'muc#roomconfig_publicroom': '0',
  'muc#roomconfig_whois': 'anyone',
  'muc#roomconfig_changesubject': '0',
  'muc#roomconfig_allowinvites': '0',
  'muc#roomconfig_enablearchiving': '1',
  mam: '1',
  'muc#roomconfig_mam': '1',
  'muc#roomconfig_roomname': 'Climbing',
};
/** PublishOptions.persistentWhitelistAccessMaxItems. */
const BOOKMARK_OPTIONS = {
  persist_items: 'true',
  access_model: 'whitelist',
  send_last_published_item: 'never',
  max_items: '128',
  notify_delete: 'true',
  notify_retract: 'true',
};

/** XmppConnectionService.pushConferenceConfiguration: the whole form goes back, with the values that it knows better. */
async function configured(phone: Person, room: string): Promise<void> {
  const form = (await phone.ask('get', `<query xmlns='${NS_MUC}#owner'/>`, room)).child('query')?.child('x', NS_FORM);
  const fields = (form?.all('field') ?? []).map((field) => {
    const name = field.attrs['var'] ?? '';
    const values = GROUP[name] === undefined ? field.all('value').map(({ text }) => text) : [GROUP[name]];
    const type = field.attrs['type'] === undefined ? '' : ` type='${field.attrs['type']}'`;
    return `<field var='${name}'${type}>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
  });
  for (const name of ['persistentroom', 'membersonly', 'publicroom', 'whois', 'changesubject', 'allowinvites', 'roomname'])
    assert.ok(
      fields.some((field) => field.includes(`var='muc#roomconfig_${name}'`)),
      name,
    );
  const title = form?.child('title') === undefined ? '' : `<title>${form.child('title')?.text}</title>`;
  const submitted = `<x xmlns='${NS_FORM}' type='submit'>${title}${fields.join('')}</x>`;
  const answer = await phone.ask('set', `<query xmlns='${NS_MUC}#owner'>${submitted}</query>`, room);
  assert.equal(answer.attrs['type'], 'result', String(answer));
}

/** XmppConnectionService.joinMuc: what the room is like, the presence, at once the archive and the three lists of members. */
async function joined(phone: Person, room: string, nick: string, after?: string): Promise<Heard[]> {
  const info = features(await discover(phone, room));
  for (const name of ['muc_membersonly', 'muc_nonanonymous', MAM, 'urn:xmpp:occupant-id:0', `${NS_MUC}#stable_id`])
    assert.ok(info.includes(name), name);
  phone.send(
    `<presence to='${room}/${nick}'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://conversations.im' ver='a2Fw'/><x xmlns='${NS_MUC}'><history maxchars='0'/></x></presence>`,
  );
  // MessageArchiveService.catchupMUC: from the end where nothing is known, else behind the last one.
  const page = after === undefined ? '<before/>' : `<after>${after}</after>`;
  const form = `<x xmlns='${NS_FORM}' type='submit'><field var='FORM_TYPE' type='hidden'><value>${MAM}</value></field></x>`;
  const set = `<set xmlns='http://jabber.org/protocol/rsm'>${page}<max>50</max></set>`;
  phone.send(`<iq type='set' id='archive' to='${room}'><query xmlns='${MAM}' queryid='m'>${form}${set}</query></iq>`);
  for (const list of ['member', 'admin', 'owner']) {
    const answer = await phone.ask('get', `<query xmlns='${NS_MUC}#admin'><item affiliation='${list}'/></query>`, room);
    assert.equal(answer.attrs['type'], 'result');
  }
  assert.ok(codes(await phone.take(self(room))).includes('110'));
  await phone.take(subjectOf(room));
  assert.equal((await phone.take({ name: 'iq', attrs: { id: 'archive' } })).attrs['type'], 'result');
  const isResult = (one: Heard): boolean => one.child('result', MAM) !== undefined;
  const results = phone.inbox.filter(isResult);
  for (const one of results) phone.inbox.splice(phone.inbox.indexOf(one), 1);
  return results;
}
const archived = (results: readonly Heard[]): string[] =>
  results.flatMap((one) => one.child('result')?.child('forwarded')?.child('message')?.child('body')?.text ?? []);

test('Conversations: a private group made, two devices, invited, spoken in, corrected, read, left alone and come back to, archived', async () => {
  const [ann, bob] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const [phone, tablet] = [await present(server, ann, 'Conversations.a1b2'), await present(server, ann, 'Conversations.t9z8')];
  const room = `abefikolu@${HOST}`;
  // XmppConnection.sendServiceDiscoveryItems: the service is among the items of the host.
  assert.ok(String(await phone.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'localhost')).includes(HOST));
  assert.ok(features(await discover(phone, HOST)).includes(NS_MUC));
  // createAdhocConference: nobody knows the room yet, so it joins with a time instead of the archive, and asks again.
  assert.equal((await discover(phone, room)).error, 'item-not-found');
  phone.send(`<presence to='${room}/${ann}'><x xmlns='${NS_MUC}'><history since='1970-01-01T00:00:00.000Z'/></x></presence>`);
  assert.deepEqual(codes(await phone.take(self(room))), ['110', '201']);
  await discover(phone, room);
  await configured(phone, room);
  phone.send(`<message to='${room}'><x xmlns='${NS_USER}'><invite to='${bob}@localhost'/></x></message>`);
  phone.send(
    `<message type='normal' to='${tablet.jid}'><x xmlns='jabber:x:conference' jid='${room}'/><no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/></message>`,
  );
  await tablet.take({ ...message(), where: (heard) => heard.child('x', 'jabber:x:conference')?.attrs['jid'] === room });
  // pushNodeAndEnforcePublishOptions
  const bookmark = `<conference xmlns='${BOOKMARKS}' name='Climbing' autojoin='true'><nick>${ann}</nick></conference>`;
  assert.equal((await phone.ask('set', publish(BOOKMARKS, room, bookmark, BOOKMARK_OPTIONS))).attrs['type'], 'result');
  await joined(tablet, room, ann);

  const other = await present(server, bob, 'Conversations.c3d4');
  const invited = await other.take({ ...message({ from: room }), where: (heard) => user(heard)?.child('invite') !== undefined });
  assert.equal(user(invited)?.child('invite')?.attrs['from']?.split('/')[0], `${ann}@localhost`);
  await joined(other, room, bob);
  // MessageGenerator.generateChatState, preparePacket (no origin-id: the room says stable_id), confirm.
  const state = `<no-store xmlns='urn:xmpp:hints'/><no-storage xmlns='urn:xmpp:hints'/>`;
  other.send(`<message type='groupchat' to='${room}'><composing xmlns='http://jabber.org/protocol/chatstates'/>${state}</message>`);
  const markable = `<markable xmlns='urn:xmpp:chat-markers:0'/>`;
  other.send(`<message to='${room}' type='groupchat' id='u1'>${markable}<body>On my wy</body></message>`);
  const heard = await phone.take(says('On my wy'));
  await tablet.take(says('On my wy'));
  assert.equal((await other.take(says('On my wy'))).attrs['id'], 'u1');
  const id = stanzaIds(heard, room)[0] ?? '';
  phone.send(
    `<message type='groupchat' to='${room}'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/><store xmlns='urn:xmpp:hints'/></message>`,
  );
  await other.take({ ...message({ from: `${room}/${ann}` }), where: (one) => one.child('displayed')?.attrs['id'] === id });
  const replace = `<replace xmlns='urn:xmpp:message-correct:0' id='u1'/>`;
  other.send(`<message to='${room}' type='groupchat' id='u2'>${markable}${replace}<body>On my way</body></message>`);
  const corrected = await phone.take(says('On my way'));
  // mucSelfPingAndRejoin
  assert.equal((await other.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, `${room}/${bob}`)).attrs['type'], 'result');
  await other.leave();
  phone.send(`<message to='${room}' type='groupchat' id='u3'>${markable}<body>Wait for me</body></message>`);
  await phone.take(says('Wait for me'));
  // Back: MessageArchiveService.catchup of the account, the bookmarks, the room behind the last one that it has.
  const back = await present(server, bob, 'Conversations.c3d4');
  const kept = await back.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${BOOKMARKS}'/></pubsub>`);
  assert.ok(kept.attrs['type'] === 'result' || kept.error === 'item-not-found');
  assert.equal((await back.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, `${room}/${bob}`)).error, 'not-acceptable', 'so it joins again');
  assert.deepEqual(archived(await joined(back, room, bob, stanzaIds(corrected, room)[0])), ['Wait for me']);
  // archiveConversation: leaves, and says so to the other devices by the bookmark.
  const retract = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='${BOOKMARKS}' notify='true'><item id='${room}'/></retract></pubsub>`;
  assert.equal((await phone.ask('set', retract)).attrs['type'], 'result');
  phone.send(`<presence type='unavailable' to='${room}/${ann}'/>`);
  assert.ok(codes(await phone.take({ name: 'presence', attrs: { from: `${room}/${ann}`, type: 'unavailable' } })).includes('110'));
});

test('Gajim as it was recorded: signing in, a contact, corrections, a group of our client, a lost line, away and back', async () => {
  for (const name of ['ann', 'bob']) await server.createUser(name, 'secret');
  const flow = new Flow(server, { client: 'bob', resource: 'gajim.home', other: 'ann', otherResource: 'Parley/4uN4fL9md0iH' });
  await flow.play('gajim-1.7.3.txt');
  inOrder(await flow.heardByOther(), ['Helo Ann', 'Hello Ann', 'Helo all', 'Hello all']);
});
