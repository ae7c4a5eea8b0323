// XEP-0466 in groups: the timer of the group, who sets it, and that what was said is gone for all when its time is up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { file, status, upload } from './files.ts';
import { bodyOf, newUser, present, refused, says, until } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import {
  admin,
  annsRoom,
  roomArchive as archive,
  bodies,
  config,
  configure,
  device,
  field,
  groupchat,
  guest,
  join,
  makeGroup,
  mamForm,
  NS_GROUPS,
  NS_OWNER,
  notice,
  said,
} from './rooms.ts';

const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'features.ephemeral.shortest': '1s', 'features.ephemeral.sweepEvery': '1s' },
});
test.after(() => server.stop());

const NS = 'urn:xmpp:ephemeral:0';
const LISTS = 'urn:parley:conversations:0';
const timer = (seconds: number | string): string => `<ephemeral xmlns='${NS}' timer='${seconds}'/>`;
/** §3.4: how long what follows is to stay, and nothing else. */
const setting = (room: string, seconds: number | string, id = `t-${seconds}`): string =>
  `<message to='${room}' type='groupchat' id='${id}'>${timer(seconds)}<store xmlns='urn:xmpp:hints'/></message>`;
const tagOf = (heard: Heard): string | undefined => heard.child('ephemeral', NS)?.attrs['timer'];
const isSetting = (room: string, seconds: number) => ({
  ...message({ type: 'groupchat' }),
  where: (heard: Heard) =>
    (heard.attrs['from'] ?? '').split('/')[0] === room && tagOf(heard) === String(seconds) && bodyOf(heard) === undefined,
});

async function row(who: Person, room: string): Promise<Heard> {
  const list = (await who.ask('get', `<conversations xmlns='${LISTS}'/>`)).child('conversations');
  const found = list?.all('conversation').find((one) => one.attrs['jid'] === room);
  assert.ok(found !== undefined, String(list));
  return found;
}

/** Ann's group with Bob; both take their groups without joining. */
async function group(fields = ''): Promise<{ ann: Person; bob: Person; annName: string; bobName: string; room: string }> {
  const [annName, bobName] = [await newUser(server, 'ann'), await newUser(server, 'bob')];
  const ann = (await device(server, annName, 'phone')).person;
  const bob = (await device(server, bobName, 'phone')).person;
  const room = await makeGroup(ann, [`${bobName}@localhost`], fields);
  await bob.take(notice(room));
  return { ann, bob, annName, bobName, room };
}

test('the timer of a group: what is said goes for all, with its file, from archive, search and list, also for who was away', async () => {
  const { ann, bob, bobName, room } = await group();
  await said(ann, room, 'stays');
  await bob.leave();
  ann.send(setting(room, 1));
  await ann.take(isSetting(room, 1));
  assert.equal((await row(ann, room)).attrs['timer'], '1');
  const url = await upload(ann);
  ann.send(`<message to='${room}' type='groupchat' id='photo'>${file(url)}</message>`);
  // A client that knows nothing of it, as far as what it writes says.
  await said(ann, room, 'vanishes');
  await until('it to be gone', async () => !bodies(await archive(ann, room)).includes('vanishes'));
  await until('the file to be gone', async () => (await status(url)) === 404);
  assert.deepEqual(bodies(await archive(ann, room)), ['stays']);
  const text = mamForm(field('{urn:xmpp:fulltext:0}fulltext', 'vanishes'));
  assert.deepEqual(bodies(await archive(ann, room, text)), []);
  const last = (await row(ann, room)).child('forwarded')?.child('message');
  assert.equal(bodyOf(last as Heard), 'stays');
  const back = (await device(server, bobName, 'phone')).person;
  await back.settled();
  assert.ok(!back.inbox.some((one) => bodyOf(one) === 'vanishes' || one.attrs['id'] === 'photo'));
  assert.equal((await row(back, room)).attrs['timer'], '1');
});

test('§3.3: what is handed out says how long it stays, whatever its sender wrote; earlier than the group is allowed, later is not', async () => {
  const { ann, bob, room } = await group(field(`{${NS_GROUPS}}timer`, '86400'));
  bob.send(groupchat(room, 'untagged') + groupchat(room, 'longer', timer(604_800)) + groupchat(room, 'shorter', timer(3600)));
  bob.send(groupchat(room, 'exempt', timer(0)));
  for (const [text, seconds] of [
    ['untagged', '86400'],
    ['longer', '86400'],
    ['shorter', '3600'],
    ['exempt', '86400'],
  ] as const) {
    const heard = await ann.take(says(text));
    assert.deepEqual(
      heard.children.filter((child) => child.ns === NS).map((child) => child.attrs['timer']),
      [seconds],
      text,
    );
  }
  // None of these has changed what holds for others.
  assert.equal((await row(ann, room)).attrs['timer'], '86400');
  bob.send(setting(room, 0));
  await ann.take(isSetting(room, 0));
  bob.send(groupchat(room, 'kept'));
  assert.equal(tagOf(await ann.take(says('kept'))), undefined);
});

test('who may not change the subject may not change the timer; the subject itself stays', async () => {
  const { ann, bob, room } = await group(config('changesubject', '0'));
  bob.send(setting(room, 60, 'no'));
  assert.equal((await bob.take({ ...message({ id: 'no' }), where: (heard) => heard.error !== undefined })).error, 'forbidden');
  assert.equal((await row(bob, room)).attrs['timer'], '0');
  ann.send(setting(room, 1));
  await bob.take(isSetting(room, 1));
  ann.send(`<message to='${room}' type='groupchat' id='s'><subject>What it is about</subject></message>`);
  const subject = { ...message({ type: 'groupchat' }), where: (heard: Heard) => heard.child('subject') !== undefined };
  assert.equal(tagOf(await bob.take(subject)), undefined);
  await said(ann, room, 'vanishes');
  await until('it to be gone', async () => !bodies(await archive(ann, room)).includes('vanishes'));
  assert.ok((await archive(bob, room)).messages.some((one) => one.child('subject')?.text === 'What it is about'));
});

test('by the form of the room, too: members are told, there or not; the room says whether it has a timer', async () => {
  const { ann, bob, room } = await group();
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  await admin(ann, room, `<item affiliation='member' jid='${eve.bare}'/>`);
  await join(eve, room, 'Eve');
  await bob.forget();
  assert.equal((await configure(ann, room, field(`{${NS_GROUPS}}timer`, '604800'))).attrs['type'], 'result');
  assert.equal((await bob.take(notice(room))).child('group')?.attrs['timer'], '604800');
  await bob.take(isSetting(room, 604_800));
  await eve.take(isSetting(room, 604_800));
  const info = (await eve.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", room)).child('query');
  assert.ok(info?.all('feature').some((one) => one.attrs['var'] === NS));
  const told = info?.child('x')?.all('field');
  assert.equal(told?.find((one) => one.attrs['var'] === `{${NS_GROUPS}}timer`)?.child('value')?.text, '604800');
  const form = (await ann.ask('get', `<query xmlns='${NS_OWNER}'/>`, room)).child('query')?.child('x')?.all('field');
  assert.equal(form?.find((one) => one.attrs['var'] === `{${NS_GROUPS}}timer`)?.child('value')?.text, '604800');
  // The same again is no change, and is not told.
  await bob.forget();
  await configure(ann, room, field(`{${NS_GROUPS}}timer`, '604800'));
  await ann.settled();
  await bob.hearsNo(isSetting(room, 604_800));
});

test('a resend is the same message also when the timer was changed meanwhile (D3)', async () => {
  const { ann, bob, room } = await group();
  const sent = groupchat(room, 'once', `${timer(3600)}<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>`);
  bob.send(sent);
  await bob.take(says('once'));
  ann.send(setting(room, 60));
  await bob.take(isSetting(room, 60));
  bob.send(sent);
  assert.equal((await bob.take(says('once'), refused('conflict'))).error, undefined);
  assert.deepEqual(bodies(await archive(ann, room)), ['once']);
});

test('bad input: a timer that is none, or two, is refused and not kept; too long is bounded; outsiders and visitors set none', async () => {
  const { ann, room } = await group();
  for (const [i, wrong] of ['-1', 'soon', '1.5', '4294967296', ''].entries()) {
    ann.send(setting(room, wrong, `w${i}`));
    assert.equal((await ann.take({ ...message({ id: `w${i}` }), where: (one) => one.error !== undefined })).error, 'bad-request', wrong);
  }
  ann.send(groupchat(room, 'two', timer(5) + timer(6)));
  assert.equal((await ann.take({ ...message({ id: 'm-two' }), where: (one) => one.error !== undefined })).error, 'bad-request');
  assert.equal((await configure(ann, room, field(`{${NS_GROUPS}}timer`, 'soon'))).error, 'not-acceptable');
  assert.deepEqual(bodies(await archive(ann, room)), []);
  ann.send(setting(room, 4_294_967_295));
  await ann.take(isSetting(room, 365 * 86_400));
  assert.equal((await row(ann, room)).attrs['timer'], String(365 * 86_400));
  // The list sets what the account itself sends; a group's timer is not its.
  assert.equal((await ann.ask('set', `<conversation xmlns='${LISTS}' jid='${room}' timer='5'/>`)).error, 'not-allowed');
  assert.equal((await row(ann, room)).attrs['timer'], String(365 * 86_400));
  const { ann: owner, room: open } = await annsRoom(server, config('moderatedroom', '1') + config('changesubject', '1'));
  const visitor = await guest(server, open, 'Vic');
  visitor.send(setting(open, 1, 'v'));
  assert.equal((await visitor.take({ ...message({ id: 'v' }), where: (one) => one.error !== undefined })).error, 'forbidden');
  const outsider = await present(server, await newUser(server, 'out'), 'o');
  outsider.send(setting(room, 1, 'o'));
  assert.equal((await outsider.take({ ...message({ id: 'o' }), where: (one) => one.error !== undefined })).error, 'item-not-found');
  await owner.hearsNo(isSetting(open, 1));
});
