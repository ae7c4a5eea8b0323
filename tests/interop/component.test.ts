// XEP-0114 with a foreign implementation: slixmpp's ComponentXMPP answers for echo.localhost.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { message, Person } from '../scenarios/people.ts';
import { parley } from '../support/cli.ts';
import { freePorts, waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { slixmppMissing } from './drivers/slixmpp.ts';

test('an echo bot of slixmpp: messages, service discovery, a ping', { skip: slixmppMissing() }, async (t) => {
  const [port = 0] = await freePorts(1);
  const server = await startServer({
    kind: 'parley',
    config: { 'auth.allowPlaintext': true, 'listen.component': `127.0.0.1:${port}`, 'features.components.domains': 'echo.localhost' },
  });
  t.after(() => server.stop());
  await server.createUser('ann', 'secret');
  const { out: secret } = await parley(server, ['component', 'secret', 'echo.localhost', '--features.components.domains=echo.localhost']);
  const script = join(import.meta.dirname, 'drivers/slixmpp_component.py');
  const bot = spawn('/usr/bin/python3', [script, 'echo.localhost', String(port)], { env: { ...process.env, PYTHONWARNINGS: 'ignore' } });
  let said = '';
  let errors = '';
  bot.stdout.on('data', (chunk) => void (said += String(chunk)));
  bot.stderr.on('data', (chunk) => void (errors += String(chunk)));
  t.after(() => bot.kill('SIGKILL'));
  bot.stdin.end(secret);
  await waitFor(`slixmpp to sign in ${errors}`, () => said.includes('started'));

  const ann = await Person.signIn(server, 'ann');
  ann.send(`<message to='someone@echo.localhost' type='chat' id='e1'><body>Grüße &lt;3</body></message>`);
  const answer = await ann.take(message({ from: 'someone@echo.localhost', type: 'chat' }));
  assert.equal(answer.child('body', 'jabber:client')?.text, 'echo: Grüße <3');
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'echo.localhost');
  assert.ok(
    info
      .child('query')
      ?.all('identity')
      .some((identity) => identity.attrs['name'] === 'Echo'),
    errors,
  );
  assert.equal((await ann.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, 'echo.localhost')).attrs['type'], 'result');
  const items = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'localhost');
  assert.ok(
    items
      .child('query')
      ?.all('item')
      .some((item) => item.attrs['jid'] === 'echo.localhost'),
  );
  await ann.leave();
});
