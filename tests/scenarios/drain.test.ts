// SIGTERM: streams are ended with system-shutdown, what was accepted is kept, the process ends with 0 (RFC 6120 §4.9.3.19).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { RawClient } from '../support/raw.ts';
import { startServer } from '../support/server.ts';
import { chat, NS_SM, newUser, present, quietly, says, textsOf, until } from './messages.ts';

test('SIGTERM: members, guests and browsers are told, then the process ends with code 0; nothing is lost', async (t) => {
  const server = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => server.stop());
  const bob = await newUser(server, 'bob');
  const ann = await present(server, await newUser(server, 'ann'), 'phone');
  const phone = await present(server, bob, 'phone');
  const resumable = await quietly(server, bob, 'laptop');
  await resumable.makeResumable();
  const guest = await RawClient.connect(server.ports.xmpp);
  await guest.open();
  const silent = await RawClient.connect(server.ports.xmpp);
  const frames: string[] = [];
  const isTold = (frame: string): boolean => frame.includes('<system-shutdown');
  const browser = new WebSocket(server.webSocket, 'xmpp');
  browser.on('message', (data) => frames.push(String(data)));
  await new Promise<void>((resolve) => browser.once('open', () => resolve()));
  browser.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`);
  await until('features', () => frames.length >= 2);

  ann.send(chat(phone.bare, 'last words'));
  await phone.take(says('last words'));
  for (let i = 0; i < 50; i++) ann.send(chat('nobody-there@localhost', `x${i}`));
  ann.send(chat(phone.bare, 'very last words'));
  await ann.settled();
  await server.restart();
  for (const one of [ann, phone, resumable]) {
    assert.equal((await one.take({ name: 'error' })).children[0]?.name, 'system-shutdown');
    await one.gone();
  }
  await guest.expect(/<system-shutdown[^>]*\/>.*<\/stream:stream>/s);
  await guest.closed();
  await silent.closed();
  await until('the browser to be told', () => frames.some(isTold) && browser.readyState === browser.CLOSED);
  assert.match(frames.at(-1) ?? '', /^<close/);
  // Nothing proved that Bob's devices had it: it comes again.
  const back = await present(server, bob, 'laptop');
  assert.ok((await textsOf(back)).includes('very last words'));
});

test('SIGTERM in the middle of a stream of messages: what was acknowledged is there after the start', async (t) => {
  const server = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => server.stop());
  const bob = await newUser(server, 'bob');
  const ann = await quietly(server, await newUser(server, 'ann'), 'phone');
  ann.send(`<enable xmlns='${NS_SM}'/>`);
  await ann.take({ name: 'enabled' });
  let sent = 0;
  const burst = (): void => {
    // Always some on their way, and not more than a mailbox takes, however slow the machine is.
    if (sent - ann.inbox.filter((one) => one.name === 'a').length > 400) return;
    for (let i = 0; i < 20; i++) ann.send(`${chat(`${bob}@localhost`, `b${sent++}`)}<r xmlns='${NS_SM}'/>`);
  };
  const timer = setInterval(burst, 5);
  await until('acknowledgements', () => ann.inbox.filter((one) => one.name === 'a').length > 50);
  await server.restart();
  clearInterval(timer);
  await ann.gone();
  const acknowledged = Math.max(...ann.inbox.filter((one) => one.name === 'a').map((one) => Number(one.attrs['h'])));
  const phone = await present(server, bob, 'phone');
  await until('what was acknowledged', () => phone.inbox.filter((one) => one.name === 'message').length >= acknowledged);
  const texts = await textsOf(phone);
  assert.deepEqual(
    texts,
    texts.map((_, i) => `b${i}`),
  );
});
