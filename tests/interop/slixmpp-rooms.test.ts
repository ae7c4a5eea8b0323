// Rooms with slixmpp: made, configured, joined, moderated and destroyed by its own XEP-0045.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE_MS } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { certificateOf } from '../support/trust.ts';
import { slixmppMissing } from './drivers/slixmpp.ts';

interface Seen {
  readonly service: string[];
  readonly fields: string[];
  readonly features: string[];
  readonly stranger: string;
  readonly affiliation: string;
  readonly address: string;
  readonly members: string[];
  readonly escalation: string;
  readonly archive: string[];
}

/** Runs the script of two clients and reads what they saw. */
function live(options: object): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'drivers/slixmpp_rooms.py')], {
      env: { ...process.env, PYTHONWARNINGS: 'ignore' },
    });
    let out = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Seen);
      else reject(new Error(`slixmpp ended with ${code}: ${errors}`));
    });
    child.stdin.end(`${JSON.stringify(options)}\n`);
  });
}

test('slixmpp: a members-only room from its making to its end', { skip: slixmppMissing(), timeout: 4 * PATIENCE_MS }, async (t) => {
  const server = await startServer({ config: { 'history.keep': 'forever' } });
  const folder = await mkdtemp(join(tmpdir(), 'parley-interop-'));
  t.after(async () => {
    await rm(folder, { recursive: true, force: true });
    await server.stop();
  });
  const certificateFile = join(folder, 'certificate.pem');
  await writeFile(certificateFile, await certificateOf(server.ports.xmpps, server.domain));
  const accounts = [
    { username: 'ann', password: 'secret-ann' },
    { username: 'bob', password: 'secret-bob' },
  ];
  for (const { username, password } of accounts) await server.createUser(username, password);
  const host = `conference.${server.domain}`;
  const seen = await live({ port: server.ports.xmpp, domain: server.domain, certificateFile, accounts, host, room: `cave@${host}` });
  assert.ok(seen.service.includes(host));
  for (const name of ['membersonly', 'roomname', 'whois', 'persistentroom'])
    assert.ok(seen.fields.includes(`muc#roomconfig_${name}`), name);
  assert.ok(seen.features.includes('http://jabber.org/protocol/muc'));
  assert.equal(seen.stranger, 'registration-required');
  assert.deepEqual([seen.affiliation, seen.address], ['member', 'bob@localhost/bob']);
  assert.deepEqual(seen.members, ['bob@localhost']);
  assert.equal(seen.escalation, 'forbidden');
  assert.deepEqual(seen.archive, ['hello from slixmpp']);
});
