// XEP-0313: the history of an account, in pages (XEP-0059), and what is let into it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, chat, newUser, present, quietly, says } from './messages.ts';
import type { Heard, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const NS = 'urn:xmpp:mam:2';
const RSM = 'http://jabber.org/protocol/rsm';
const rsm = (content: string): string => `<set xmlns='${RSM}'>${content}</set>`;
function form(fields: Record<string, string | readonly string[]>): string {
  const one = ([name, value]: [string, string | readonly string[]]): string =>
    `<field var='${name}'>${(typeof value === 'string' ? [value] : value).map((v) => `<value>${v}</value>`).join('')}</field>`;
  return `<x xmlns='jabber:x:data' type='submit'>${one(['FORM_TYPE', NS])}${Object.entries(fields).map(one).join('')}</x>`;
}
interface Page {
  readonly texts: string[];
  readonly ids: string[];
  readonly results: Heard[];
  readonly fin: Heard | undefined;
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly error: string | undefined;
  readonly answer: Heard;
}
async function query(who: Person, content = '', attributes = ''): Promise<Page> {
  const answer = await who.ask('set', `<query xmlns='${NS}'${attributes}>${content}</query>`);
  const isResult = (one: Heard): boolean => one.child('result', NS) !== undefined;
  const results = who.inbox.filter(isResult).map((one) => one.child('result', NS) as Heard);
  const rest = who.inbox.filter((one) => !isResult(one));
  who.inbox.length = 0;
  who.inbox.push(...rest);
  const fin = answer.child('fin', NS);
  const set = fin?.child('set', RSM);
  return {
    texts: results.map((one) => bodyOf(one.child('forwarded')?.child('message') as Heard) ?? ''),
    ids: results.map((one) => one.attrs['id'] ?? ''),
    results,
    fin,
    complete: fin?.attrs['complete'] === 'true',
    first: set?.child('first')?.text,
    last: set?.child('last')?.text,
    error: answer.error,
    answer,
  };
}

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `n${from + i}`);
/** Ann with 30 messages: n0 … n29, three from Bob, one from Carl, and so on; the fourth is one of her own to Bob. */
const annName = await newUser(server, 'ann');
const ann = await present(server, annName, 'phone');
const bob = await present(server, await newUser(server, 'bob'), 'b');
const carl = await present(server, await newUser(server, 'carl'), 'c');
let middle = 0;
for (let i = 0; i < 30; i++) {
  const from = i % 5 === 4 ? carl : i % 5 === 3 ? ann : bob;
  if (i === 15) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    middle = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  from.send(chat(from === ann ? bob.bare : ann.bare, `n${i}`));
  await from.settled();
}
await ann.settled();
ann.inbox.length = 0;
const all = await query(ann);

test('§4.1: everything, oldest first; a result has its id, a delay in UTC and the message as it was', () => {
  assert.deepEqual(all.texts, numbered(0, 30));
  assert.equal(all.complete, true);
  assert.deepEqual(all.ids.toSorted(), all.ids);
  assert.equal(all.first, all.ids[0]);
  assert.equal(all.last, all.ids.at(-1));
  for (const result of all.results) {
    const forwarded = result.child('forwarded', 'urn:xmpp:forward:0');
    assert.match(forwarded?.child('delay', 'urn:xmpp:delay')?.attrs['stamp'] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.equal(forwarded?.child('message')?.ns, 'jabber:client');
  }
  const own = all.results[3]?.child('forwarded')?.child('message');
  assert.deepEqual([own?.attrs['from'], own?.attrs['to']], [ann.jid, bob.bare]);
});

test('§4.1.1: results go to the session that asked, from its own bare JID, with its queryid', async () => {
  const laptop = await quietly(server, annName, 'laptop');
  laptop.send(`<iq type='set' id='q'><query xmlns='${NS}' queryid='f&quot;2&apos;7&lt;'>${rsm('<max>1</max>')}</query></iq>`);
  const result = await laptop.take({ name: 'message', where: (one) => one.child('result', NS) !== undefined });
  assert.equal(result.attrs['from'] ?? ann.bare, ann.bare);
  assert.equal(result.attrs['to'], laptop.jid);
  assert.equal(result.child('result', NS)?.attrs['queryid'], `f"2'7<`);
  const answer = await laptop.take({ name: 'iq', attrs: { id: 'q' } });
  assert.equal(answer.child('fin')?.attrs['complete'] ?? 'false', 'false');
  await ann.hearsNo({ name: 'message' });
});

test('XEP-0059 §2.2: forwards in pages of 7; the last one is complete', async () => {
  let after = '';
  const texts: string[] = [];
  const completes: boolean[] = [];
  for (let i = 0; i < 10; i++) {
    const page = await query(ann, rsm(`<max>7</max>${after === '' ? '' : `<after>${after}</after>`}`));
    texts.push(...page.texts);
    completes.push(page.complete);
    if (page.complete) break;
    after = page.last ?? '';
  }
  assert.deepEqual(texts, numbered(0, 30));
  assert.deepEqual(completes, [false, false, false, false, true]);
});

test('XEP-0059 §2.5: backwards from the last page, each page in order', async () => {
  let before = '';
  const texts: string[] = [];
  for (let i = 0; i < 10; i++) {
    const page = await query(ann, rsm(`<max>10</max><before>${before}</before>`));
    texts.unshift(...page.texts);
    assert.deepEqual([page.first, page.last], [page.ids[0], page.ids.at(-1)]);
    if (page.complete) break;
    before = page.first ?? '';
  }
  assert.deepEqual(texts, numbered(0, 30));
});

test('a page that ends exactly at the end is complete', async () => {
  assert.equal((await query(ann, rsm('<max>30</max>'))).complete, true);
  assert.equal((await query(ann, rsm('<max>29</max>'))).complete, false);
  const empty = await query(ann, rsm(`<max>5</max><after>${all.last}</after>`));
  assert.deepEqual([empty.texts, empty.complete, empty.first], [[], true, undefined]);
});

test('XEP-0059 §2.6: max=0 counts; a huge max is cut to a page; a bad one is refused', async () => {
  const count = await query(ann, rsm('<max>0</max>'));
  assert.deepEqual(count.texts, []);
  assert.equal(count.fin?.child('set', RSM)?.child('count')?.text, '30');
  assert.equal((await query(ann, rsm('<max>4000000000</max>'))).texts.length, 30);
  for (const max of ['-1', 'x', '1.5', '']) {
    const page = await query(ann, rsm(`<max>${max}</max>`));
    assert.equal(page.error, 'bad-request', `max=${max}`);
  }
});

test('XEP-0059 §2.7, §4.1.3: an id that is not there is item-not-found, whatever it looks like', async () => {
  for (const id of ['nonsense', `x&apos;&quot;; DROP TABLE entries; --`, 'zzzzzzzzzzz', '00000000000', 'x'.repeat(100)])
    for (const where of ['after', 'before'])
      assert.equal(
        (await query(ann, rsm(`<max>5</max><${where}>${id}</${where}>`))).error,
        'item-not-found',
        `${where} ${id.slice(0, 40)}`,
      );
});

test('§4.1.1: with a bare JID, both directions; with a full one, only that device', async () => {
  const bare = await query(ann, form({ with: carl.bare }));
  assert.deepEqual(bare.texts, ['n4', 'n9', 'n14', 'n19', 'n24', 'n29']);
  const withBob = await query(ann, form({ with: bob.bare }));
  assert.equal(withBob.texts.length, 24);
  assert.ok(withBob.texts.includes('n3'));
  const full = await query(ann, form({ with: bob.jid }));
  assert.equal(full.texts.length, 18, 'what came from the device; what went to the bare address did not name it');
  assert.deepEqual((await query(ann, form({ with: `${bob.bare}/elsewhere` }))).texts, []);
  assert.deepEqual((await query(ann, form({ with: 'stranger@example.org' }))).texts, []);
  assert.equal((await query(ann, form({ with: '@@' }))).error, 'jid-malformed');
});

test('§4.1.2: start and end are inclusive bounds in time; bad ones are refused', async () => {
  const at = new Date(middle).toISOString();
  assert.deepEqual((await query(ann, form({ start: at }))).texts, numbered(15, 30));
  assert.deepEqual((await query(ann, form({ end: at }))).texts, numbered(0, 15));
  const stamp = all.results[7]?.child('forwarded')?.child('delay')?.attrs['stamp'] ?? '';
  assert.ok((await query(ann, form({ start: stamp, end: stamp }))).texts.includes('n7'));
  assert.deepEqual((await query(ann, form({ start: '2001-01-01T00:00:00Z', end: '2002-01-01T00:00:00Z' }))).texts, []);
  assert.deepEqual((await query(ann, form({ start: '2999-01-01T00:00:00Z' }))).texts, []);
  for (const bad of ['yesterday', '2024-02-30T00:00:00Z', '', '2024-01-01'])
    assert.equal((await query(ann, form({ start: bad }))).error, 'bad-request', bad);
});

test('§4.1.2: an offset of time zone is understood', async () => {
  const local = new Date(middle + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
  assert.deepEqual((await query(ann, form({ start: local }))).texts, numbered(15, 30));
});

test('§4.1.4: after-id, before-id and ids', async () => {
  const id = (i: number): string => all.ids[i] ?? '';
  assert.deepEqual((await query(ann, form({ 'after-id': id(4), 'before-id': id(8) }))).texts, numbered(5, 8));
  assert.deepEqual((await query(ann, form({ 'after-id': id(27) }))).texts, numbered(28, 30));
  assert.deepEqual((await query(ann, form({ ids: [id(9), id(2)] }))).texts, ['n2', 'n9']);
  assert.equal((await query(ann, form({ ids: [id(9), 'zzzzzzzzzzz'] }))).error, 'item-not-found');
  assert.equal((await query(ann, form({ 'after-id': 'zzzzzzzzzzz' }))).error, 'item-not-found');
  assert.deepEqual((await query(ann, form({ 'after-id': id(8), 'before-id': id(4) }))).texts, []);
});

test('§4.1.6: a flipped page has the same messages the other way round', async () => {
  const page = await query(ann, `${rsm('<max>5</max><before/>')}<flip-page/>`);
  assert.deepEqual(page.texts, numbered(25, 30).reverse());
  const straight = await query(ann, rsm('<max>5</max><before/>'));
  assert.deepEqual([page.first, page.last].toSorted(), [straight.first, straight.last].toSorted());
});

test('paging through a filter: with and max together lose nothing', async () => {
  const texts: string[] = [];
  let after = '';
  for (let i = 0; i < 10; i++) {
    const page = await query(ann, form({ with: bob.jid }) + rsm(`<max>4</max>${after}`));
    texts.push(...page.texts);
    if (page.complete) break;
    assert.equal(page.texts.length, 4);
    after = `<after>${page.last}</after>`;
  }
  assert.deepEqual(texts, (await query(ann, form({ with: bob.jid }))).texts);
});

test('§4.1.5: the form that a query may have; unknown fields and foreign forms are refused', async () => {
  const answer = await ann.ask('get', `<query xmlns='${NS}'/>`);
  const fields = answer.child('query')?.child('x', 'jabber:x:data')?.all('field') ?? [];
  for (const name of ['with', 'start', 'end', 'before-id', 'after-id', 'ids'])
    assert.ok(
      fields.some((one) => one.attrs['var'] === name),
      name,
    );
  assert.equal((await query(ann, form({ colour: 'red' }))).error, 'feature-not-implemented');
  assert.equal(
    (await query(ann, `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:example:x</value></field></x>`)).error,
    'bad-request',
  );
});

test('§5: metadata names the first and the last; an empty archive has neither', async () => {
  const full = (await ann.ask('get', `<metadata xmlns='${NS}'/>`)).child('metadata', NS);
  assert.equal(full?.child('start')?.attrs['id'], all.ids[0]);
  assert.equal(full?.child('end')?.attrs['id'], all.ids.at(-1));
  assert.match(full?.child('end')?.attrs['timestamp'] ?? '', /Z$/);
  const nobody = await present(server, await newUser(server, 'new'));
  assert.deepEqual((await nobody.ask('get', `<metadata xmlns='${NS}'/>`)).child('metadata', NS)?.children, []);
  const empty = await query(nobody);
  assert.deepEqual([empty.texts, empty.complete], [[], true]);
});

test('R2: nobody reads the archive of somebody else', async () => {
  for (const to of [ann.bare, ann.jid, 'nobody-there@localhost'])
    for (const [type, payload] of [
      ['set', `<query xmlns='${NS}'/>`],
      ['get', `<metadata xmlns='${NS}'/>`],
      ['get', `<prefs xmlns='${NS}'/>`],
      ['set', `<prefs xmlns='${NS}' default='never'/>`],
    ] as const)
      assert.ok((await bob.ask(type, payload, to)).error !== undefined, `${payload} to ${to}`);
  await bob.hearsNo({ name: 'message', where: (one) => one.child('result', NS) !== undefined });
  assert.equal((await ann.ask('get', `<prefs xmlns='${NS}'/>`)).child('prefs')?.attrs['default'], 'always');
});

test('asking the own bare JID explicitly is the same archive', async () => {
  const answer = await ann.ask('set', `<query xmlns='${NS}'>${rsm('<max>1</max>')}</query>`, ann.bare);
  assert.equal(answer.attrs['type'], 'result');
  await ann.take({ name: 'message', where: (one) => one.child('result', NS) !== undefined });
});

test('§7: preferences never, roster and always decide what is archived; delivery does not depend on them', async () => {
  const dora = await present(server, await newUser(server, 'dora'), 'phone');
  const erin = await present(server, await newUser(server, 'erin'));
  const finn = await present(server, await newUser(server, 'finn'));
  const prefs = async (mode: string, always = '', never = ''): Promise<Heard> =>
    dora.ask('set', `<prefs xmlns='${NS}' default='${mode}'><always>${always}</always><never>${never}</never></prefs>`);
  const both = async (text: string): Promise<void> => {
    for (const from of [erin, finn]) {
      from.send(chat(dora.bare, `${text} ${from === erin ? 'erin' : 'finn'}`));
      await dora.take(says(`${text} ${from === erin ? 'erin' : 'finn'}`));
    }
  };
  const answer = await prefs('never', `<jid>${erin.bare}</jid>`);
  assert.equal(answer.child('prefs')?.child('always')?.child('jid')?.text, erin.bare);
  await both('never');
  await prefs('always', '', `<jid>${finn.jid}</jid>`);
  await both('always');
  await prefs('roster');
  await dora.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${finn.bare}'/></query>`);
  await both('roster');
  assert.deepEqual((await query(dora)).texts, ['never erin', 'always erin', 'roster finn']);
  assert.equal((await dora.ask('get', `<prefs xmlns='${NS}'/>`)).child('prefs')?.attrs['default'], 'roster');
  for (const bad of ['sometimes', '']) assert.equal((await prefs(bad)).error, 'bad-request');
  assert.equal((await prefs('always', '<jid>@@</jid>')).error, 'jid-malformed');
});

test('§7: what is not to be archived is delivered nevertheless when its owner was away', async () => {
  const user = await newUser(server, 'gus');
  const gus = await present(server, user, 'phone');
  await gus.ask('set', `<prefs xmlns='${NS}' default='never'/>`);
  await gus.leave();
  bob.send(chat(`${user}@localhost`, 'while away'));
  await bob.settled();
  const back = await present(server, user, 'phone');
  await back.take(says('while away'));
  assert.deepEqual((await query(back)).texts, []);
});

test('D2: right behind a message the archive has it or not yet, and everything before it; at last it has all', async () => {
  const user = await newUser(server, 'hugo');
  const hugo = await quietly(server, user);
  for (let i = 0; i < 20; i++) {
    hugo.send(`${chat(bob.bare, `h${i}`)}<iq type='set' id='h${i}'><query xmlns='${NS}'/></iq>`);
    await hugo.take({ name: 'iq', attrs: { id: `h${i}` } });
    const seen = hugo.inbox.filter((one) => one.child('result', NS) !== undefined).length;
    hugo.inbox.length = 0;
    assert.ok(seen === i || seen === i + 1, `${seen} after ${i + 1}`);
  }
  assert.equal((await query(hugo)).texts.length, 20);
});

test('what is not kept is not archived: headline, chat state, error, no-store', async () => {
  const ida = await present(server, await newUser(server, 'ida'));
  bob.send(chat(ida.bare, 'news', '', 'headline'));
  bob.send(chat(ida.jid, 'room', '', 'groupchat'));
  bob.send(`<message to='${ida.bare}' type='chat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  bob.send(chat(ida.bare, 'secret', `<no-store xmlns='urn:xmpp:hints'/>`));
  bob.send(chat(ida.bare, 'kept'));
  await ida.take(says('kept'));
  assert.deepEqual((await query(ida)).texts, ['kept']);
});
