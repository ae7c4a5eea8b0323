// Personal nodes as slixmpp uses them: tunes, nicknames, avatars, bookmarks, and everything an owner does with a node.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE_MS } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { slixmppMissing } from './drivers/slixmpp.ts';

test('slixmpp shares tunes, avatars and bookmarks by personal nodes', { skip: slixmppMissing(), timeout: 4 * PATIENCE_MS }, async (t) => {
  const server = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => server.stop());
  const accounts: Record<string, { username: string; password: string; resource: string }> = {};
  for (const who of ['ann', 'bob']) {
    accounts[who] = { username: who, password: `secret of ${who}`, resource: 'phone' };
    await server.createUser(who, `secret of ${who}`);
  }
  const script = join(import.meta.dirname, 'drivers/slixmpp_pep.py');
  const child = spawn('/usr/bin/python3', [script, server.domain, String(server.ports.xmpp)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONWARNINGS: 'ignore' },
  });
  t.after(() => child.kill('SIGKILL'));
  let steps = '';
  let trouble = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    steps += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    trouble = (trouble + text).slice(-4000);
  });
  child.stdin.write(`${JSON.stringify(accounts)}\n`);
  const tooLong = setTimeout(() => child.kill('SIGINT'), 3 * PATIENCE_MS);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(tooLong);
  assert.equal(code, 0, `after ${steps}:\n${trouble}`);
  assert.deepEqual(steps.trim().split('\n'), ['friends', 'disco', 'tune', 'items', 'nick', 'avatar', 'bookmarks', 'node', 'last item']);
});
