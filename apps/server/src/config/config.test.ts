import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ConfigError } from '@parley/core';
import type { Config } from './config.ts';
import { referenceText } from './help.ts';
import { parseCommandLine, readConfig } from './read.ts';
import { allSettings, environmentName } from './settings.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-config-'));
});
after(() => rm(folder, { recursive: true }));

const read = (args: string[] = [], environment: Record<string, string> = {}): Promise<Config> =>
  readConfig(parseCommandLine(args), environment, folder);
async function yaml(text: string): Promise<string> {
  const path = join(folder, `config-${Math.floor(process.hrtime()[1])}.yaml`);
  await writeFile(path, text);
  return path;
}
const refused = (sentence: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof ConfigError, String(error));
  if (typeof sentence === 'string') assert.equal(error.message, sentence);
  else assert.match(error.message, sentence);
  return true;
};

test('the defaults are those that tools rely on', async () => {
  const config = await read();
  assert.equal(config.domain, 'localhost');
  assert.equal(config.dataDir, join(folder, 'data'));
  assert.deepEqual(config.listen, {
    xmpp: { host: '127.0.0.1', port: 5222 },
    xmpps: { host: '127.0.0.1', port: 5223 },
    http: { host: '127.0.0.1', port: 8080 },
    component: undefined,
  });
  assert.equal(config.tls.mode, 'selfsigned');
  assert.equal(config.core.allowPlaintext, false);
  assert.deepEqual(config.registration, { open: true, perAddressPerHour: 30 });
  assert.deepEqual(config.core.historyKeep, { ms: 30 * 86_400_000 });
  assert.equal(config.core.limits.stanzaBytes, 262_144);
});

test('registration is open by itself only while everything listens on loopback', async () => {
  assert.equal((await read(['--listen.http=[::1]:0'])).registration.open, true);
  assert.equal((await read(['--listen.xmpp=off', '--listen.xmpps=off'])).registration.open, true);
  assert.equal((await read(['--listen.http=0.0.0.0:80'])).registration.open, false);
  assert.equal((await read(['--listen.xmpp=:5222'])).registration.open, false);
  assert.equal((await read(['--listen.http=0.0.0.0:80', '--registration.open'])).registration.open, true);
  assert.equal((await read(['--registration.open=false'])).registration.open, false);
});

test('flags come before the environment, that before the file, that before the defaults', async () => {
  const file = await yaml('domain: file.example\nhistory:\n  keep: forever\nlimits: { signInTries: 5 }\nlisten.http: 127.0.0.1:1\nauth:\n');
  const config = await read(['--config', file, '--domain=flag.example'], {
    PARLEY_DOMAIN: 'env.example',
    PARLEY_LIMITS_SIGN_IN_TRIES: '7',
    PARLEY_LISTEN_HTTP: 'off',
  });
  assert.equal(config.domain, 'flag.example');
  assert.equal(config.core.limits.signInTries, 7);
  assert.equal(config.listen.http, undefined);
  assert.equal(config.core.historyKeep, 'forever');
});

test('relative paths start where the setting stands', async () => {
  const file = await yaml('dataDir: kept\ntls: { mode: files, cert: c.pem, key: /k.pem }\n');
  const config = await readConfig(parseCommandLine([`--config=${file}`]), {}, '/elsewhere');
  assert.deepEqual([config.dataDir, config.tls.cert, config.tls.key], [join(folder, 'kept'), join(folder, 'c.pem'), '/k.pem']);
  assert.equal((await readConfig(parseCommandLine([`--config=${file}`, '--dataDir=d']), {}, '/elsewhere')).dataDir, '/elsewhere/d');
});

test('domains are prepared', async () => {
  assert.equal((await read(['--domain=Chat.Example'])).domain, 'chat.example');
});

describe('mistakes are said in a sentence', () => {
  for (const [args, sentence] of [
    [['--listen.htp=1'], 'The flag --listen.htp is not known; did you mean --listen.http?'],
    [['--zzzzzzzzzzzz=1'], 'The flag --zzzzzzzzzzzz is not known'],
    [['domain'], '"domain" is not a flag; settings are given as --name=value.'],
    [['--domain'], '--domain needs a value: --domain=…'],
    [['--config', '/none.yaml'], '--config: cannot read /none.yaml: there is no such file.'],
    [['--listen.http=8080'], 'listen.http must be address:port (127.0.0.1:5222, [::1]:5222, 0.0.0.0:5222) or off, not "8080".'],
    [['--listen.http=127.0.0.1:99999'], /^listen\.http must be address:port/],
    [['--limits.stanzaSize=1B'], 'limits.stanzaSize must be a size such as 64KiB or 10MiB from 1KiB to 16MiB, not "1B".'],
    [['--limits.signInTries=0'], 'limits.signInTries must be a whole number from 1 to 100, not "0".'],
    [['--limits.signInTime=soon'], /^limits\.signInTime must be a duration/],
    [['--auth.allowPlaintext=yes'], 'auth.allowPlaintext must be true or false, not "yes".'],
    [['--tls.mode=on'], 'tls.mode must be one of selfsigned, files, off, not "on".'],
    [['--tls.mode=files'], 'tls.mode=files needs both tls.cert and tls.key.'],
    [['--tls.cert=x'], 'tls.cert and tls.key are used only with tls.mode=files, and tls.mode is selfsigned.'],
    [['--history.keep=10s'], /^history\.keep must be until-delivered, forever or a duration/],
    [['--domain=a b'], 'domain must be a host name such as chat.example, not "a b".'],
    [['--domain=ann@chat.example'], /^domain must be a host name/],
    [['--http.publicUrl=chat.example'], /^http\.publicUrl must be a web address/],
    [['--domains.other.example=1'], 'Further domains are not given as flags: list them under domains: in the file of --config.'],
    [['--features.carbon=false'], /^features\.carbon is not a feature; did you mean features\.carbons\?/],
    [['--features.carbons=maybe'], '--features.carbons must be true or false, not "maybe".'],
    [['--features.registration.open=true'], /registration\.open and registration\.perAddressPerHour, not features\.registration/],
  ] as const) {
    test(args.join(' '), async () => {
      await assert.rejects(async () => read([...args]), refused(sentence));
    });
  }

  for (const [text, sentence] of [
    ['listen:\n  htp: off\n', /: the setting listen\.htp is not known; did you mean listen\.http\?$/],
    ['listen: 3\n', /: listen must be a group of settings\.$/],
    ['- domain\n', /: the file must be a group of settings\.$/],
    ['domain: [\n', /is not YAML: /],
    ['domain: true\n', 'domain must be a text, not true.'],
    ['features: 3\n', /: features must be a group of features\.$/],
    ['domains: [other.example]\n', /: domains must be a group with one group of settings for each further domain/],
    ['domains:\n  other.example: 3\n', /: domains\.other\.example must be a group of settings\.$/],
    ['domain: chat.example\ndomains:\n  Chat.example: {}\n', 'domains: chat.example is there twice; a domain is served once.'],
    ['domains:\n  a b: {}\n', 'domains.a b: domain must be a host name such as chat.example, not "a b".'],
    [
      'domains:\n  other.example:\n    listen: {xmpp: off}\n',
      /: listen\.xmpp is a setting of the whole server; it cannot be set for other\.example alone\.$/,
    ],
    [
      'domains:\n  other.example:\n    limits: {connections: 5}\n',
      /: limits\.connections is a setting of the whole server; it cannot be set for other\.example alone\.$/,
    ],
    [
      'domains:\n  other.example:\n    limits: {stanzaSise: 5}\n',
      /: the setting domains\.other\.example\.limits\.stanzaSise is not known; did you mean limits\.stanzaSize\?$/,
    ],
    ['domains:\n  other.example:\n    limits: {stanzaSize: 5}\n', /^domains\.other\.example: limits\.stanzaSize must be a size/],
    [
      'domains:\n  other.example:\n    features: {carbon: false}\n',
      /^domains\.other\.example: features\.carbon is not a feature; did you mean features\.carbons\?$/,
    ],
    [
      'tls: {mode: files, cert: a, key: b}\ndomains:\n  other.example: {}\n',
      'domains.other.example: tls.mode=files needs both tls.cert and tls.key.',
    ],
    [
      'domain: chat.example\ndomains:\n  conference.chat.example: {}\n',
      'domains: conference.chat.example cannot be a domain, because it is the address of a service of chat.example; give one of them another name.',
    ],
  ] as const) {
    test(JSON.stringify(text), async () => {
      const file = await yaml(text);
      await assert.rejects(read([`--config=${file}`]), refused(sentence));
    });
  }

  test('a variable that looks like ours', async () => {
    await assert.rejects(
      read([], { PARLEY_LISTEN_HTPP: 'off' }),
      refused('The environment variable PARLEY_LISTEN_HTPP is not known; did you mean PARLEY_LISTEN_HTTP?'),
    );
    await read([], { PARLEY_SOMETHING_ELSE: 'x' });
  });
});

test('a further domain takes over what it does not set, but for what is about the first one', async () => {
  const file = await yaml(`
domain: chat.example
limits: {resumeTime: 1m, stanzaSize: 1MiB}
http: {publicUrl: 'https://chat.example'}
sessions: {location: chat1.example}
features:
  mam: {pageMax: 77}
  vcard: false
  administration: {admins: ann@chat.example}
  components: {domains: bot.chat.example}
domains:
  Other.Example:
    limits: {resumeTime: 2m}
    registration.open: false
    features:
      vcard: true
      roster: {maxContacts: 3}
  third.example:
`);
  const { domains, values } = await read([`--config=${file}`, '--limits.stanzaSize=2MiB']);
  assert.deepEqual(
    domains.map(({ domain, publicUrl, core, registration }) => [
      domain,
      publicUrl,
      core.domain,
      core.resumeLocation,
      core.limits.resumeMs,
      core.limits.stanzaBytes,
      registration.open,
    ]),
    [
      ['chat.example', 'https://chat.example', 'chat.example', 'chat1.example', 60_000, 2 * 1024 ** 2, true],
      ['other.example', '', 'other.example', undefined, 120_000, 2 * 1024 ** 2, false],
      ['third.example', '', 'third.example', undefined, 60_000, 2 * 1024 ** 2, true],
    ],
  );
  assert.equal(values.get('limits.resumeTime'), 60_000);
  assert.deepEqual(domains[1]?.features, {
    mam: { pageMax: 77 },
    vcard: true,
    administration: {},
    components: {},
    roster: { maxContacts: 3 },
  });
  assert.deepEqual(domains[2]?.features, { mam: { pageMax: 77 }, vcard: false, administration: {}, components: {} });
});

test('every setting has one sentence, a default within its bounds, and a variable of its own', async () => {
  const variables = new Set<string>();
  for (const [name, option] of allSettings()) {
    assert.match(option.about, /[.]$/, `${name} ends with a full stop`);
    variables.add(environmentName(name));
    if (['tls.cert', 'tls.key', 'http.publicUrl'].includes(name)) continue;
    // The default, given as a flag, is accepted.
    await read([`--${name}=${String(option.default)}`]);
  }
  assert.equal(variables.size, allSettings().size);
  assert.match(referenceText(), /\| `listen\.http`<br>`PARLEY_LISTEN_HTTP` \| `127\.0\.0\.1:8080` \|/);
});
