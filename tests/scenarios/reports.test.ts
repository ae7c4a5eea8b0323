// XEP-0377: who blocks may say why; the operator reads it, and a flood of reports reaches nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer } from '../support/server.ts';
import { chat, NS_SID, newUser, present, says, stanzaIds, until } from './messages.ts';
import { Person } from './people.ts';

const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'features.reports.perHour': 5, 'features.reports.openPerAccount': 4 },
});
test.after(() => server.stop());

interface Report {
  readonly id: string;
  readonly reporter: string;
  readonly jid: string;
  readonly reason: string;
  readonly texts: readonly string[];
  readonly messages: readonly { readonly text: string }[];
  readonly state: string;
}
async function cli<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await parley(server, [...args, '--json']);
  assert.equal(code, 0, err);
  return JSON.parse(out) as T;
}
const reportsBy = async (bare: string): Promise<Report[]> => (await cli<Report[]>('report', 'list')).filter((one) => one.reporter === bare);
const block = (jid: string, report: string): string => `<block xmlns='urn:xmpp:blocking'><item jid='${jid}'>${report}</item></block>`;
const report = (inner = '', reason = 'spam'): string =>
  `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:${reason}'>${inner}</report>`;
const text = (words: string): string => `<text xml:lang='en'>${words}</text>`;

test('a block with a report blocks, and the operator finds it with the messages it names', async () => {
  const eve = await Person.signIn(server, await newUser(server, 'eve'));
  const ann = await present(server, await newUser(server, 'ann'));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost');
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === 'urn:xmpp:reporting:1'),
  );
  eve.send(chat(ann.bare, 'buy now'));
  const [id] = stanzaIds(await ann.take(says('buy now')), ann.bare);
  const named = `<stanza-id xmlns='${NS_SID}' by='${ann.bare}' id='${id}'/>`;
  assert.equal((await ann.ask('set', block(eve.bare, report(named + text('Never came trouble'))))).attrs['type'], 'result');
  assert.ok(String(await ann.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).includes(eve.bare));
  await until('the report', async () => (await reportsBy(ann.bare)).length === 1);
  const [listed] = await reportsBy(ann.bare);
  assert.deepEqual([listed?.jid, listed?.reason, listed?.state], [eve.bare, 'urn:xmpp:reporting:spam', 'open']);
  const shown = await cli<Report>('report', 'show', listed?.id ?? '');
  assert.deepEqual([shown.texts, shown.messages.map((one) => one.text)], [['Never came trouble'], ['buy now']]);
  await cli('report', 'close', shown.id);
  assert.deepEqual(await reportsBy(ann.bare), []);
  assert.equal((await cli<Report[]>('report', 'list', '--all')).find((one) => one.id === shown.id)?.state, 'closed');
  const again = await parley(server, ['report', 'close', 'nothing']);
  assert.deepEqual([again.code, again.err], [1, 'There is no report nothing.\n']);
});

test('forged evidence: messages of others, or of the reporter, are not taken for those of the reported', async () => {
  const [ann, bob, eve] = [
    await present(server, await newUser(server, 'ann')),
    await present(server, await newUser(server, 'bob')),
    await present(server, await newUser(server, 'eve')),
  ];
  bob.send(chat(ann.bare, 'innocent words'));
  const [ofBob] = stanzaIds(await ann.take(says('innocent words')), ann.bare);
  ann.send(chat(eve.bare, 'my own insult'));
  const [ofAnn] = stanzaIds(await eve.take(says('my own insult')), eve.bare);
  const named = [ofBob, ofAnn, 'zzz', '../../etc'].map((id) => `<stanza-id xmlns='${NS_SID}' by='${ann.bare}' id='${id}'/>`).join('');
  await ann.ask('set', block(eve.bare, report(named, 'abuse')));
  await until('the report', async () => (await reportsBy(ann.bare)).length === 1);
  assert.deepEqual((await reportsBy(ann.bare))[0]?.messages, []);
});

test('report flood: the blocks stand, the reports end at the bound, and others are heard', async () => {
  const eve = await present(server, await newUser(server, 'eve'));
  for (let i = 0; i < 12; i++) assert.equal((await eve.ask('set', block(`victim${i}@localhost`, report()))).attrs['type'], 'result');
  const ann = await present(server, await newUser(server, 'ann'));
  await ann.ask('set', block(eve.bare, report()));
  await until('the report of Ann', async () => (await reportsBy(ann.bare)).length === 1);
  assert.equal((await reportsBy(eve.bare)).length, 4);
  assert.equal((await eve.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).child('blocklist')?.all('item').length, 12);
});

test('§3: a report that is none does not hinder the block; words of strangers reach the terminal as words', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  assert.equal((await ann.ask('set', block('x@localhost', `<report xmlns='urn:xmpp:reporting:1'/>`))).attrs['type'], 'result');
  await ann.ask('set', block('y@localhost', report(text(`&#x9b;31m red \u202e ${'long '.repeat(2000)}`))));
  await until('the report', async () => (await reportsBy(ann.bare)).length === 1);
  const [one] = await reportsBy(ann.bare);
  const { out } = await parley(server, ['report', 'show', one?.id ?? '']);
  assert.ok(!/[\u009b\u202e]/.test(out) && out.length < 3000, out.slice(0, 200));
});

test('reports stay when the server restarts, and when the reporter goes', async () => {
  const user = await newUser(server, 'ann');
  const ann = await present(server, user);
  await ann.ask('set', block('spam@localhost', report(text('remember me'))));
  await until('the report', async () => (await reportsBy(ann.bare)).length === 1);
  await cli('user', 'remove', user, '--yes');
  await server.restart();
  assert.deepEqual((await reportsBy(ann.bare))[0]?.texts, ['remember me']);
});
