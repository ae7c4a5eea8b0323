import type { Option } from '@parley/core';
import { NO_SLOTS, serverFeatures } from '../features.ts';
import { environmentName, ofADomain, SETTINGS } from './settings.ts';

/** `30s to 10m`, `json, pretty`, … */
export function bounds(option: Option): string {
  switch (option.type) {
    case 'boolean':
      return 'true, false';
    case 'string':
      return option.values?.join(', ') ?? '';
    default:
      return `${option.min} to ${option.max}${option.type === 'integer' && option.unit !== undefined ? ` ${option.unit}` : ''}`;
  }
}

/** How a running server takes a new value. */
export function newValues(option: Option): string {
  return option.reload === 'hot' ? 'hot' : 'restart';
}

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length > 92) {
      lines.push(line);
      line = '';
    }
    line += `${line === '' ? '' : ' '}${word}`;
  }
  return [...lines, line].map((one) => indent + one).join('\n');
}

/** What `--help` prints. */
export function helpText(): string {
  const out = [
    'npm start -- [--config FILE] [--name=value …]',
    '',
    'Flags come before the environment (PARLEY_LISTEN_HTTP), that before the file, that before the defaults.',
    '',
  ];
  for (const [group, { about, settings }] of Object.entries(SETTINGS)) {
    out.push(about);
    for (const [name, option] of Object.entries<Option>(settings)) {
      out.push(`  --${group === '' ? name : `${group}.${name}`}=${String(option.default)}`, wrap(option.about, '      '));
    }
    out.push('');
  }
  return `${out.join('\n')}\n`;
}

function ownOptions(): string[] {
  return serverFeatures(NO_SLOTS).flatMap(({ name, options }) =>
    Object.entries(options).flatMap(([key, option]) => (option.ownDomain === true ? [`\`features.${name}.${key}\``] : [])),
  );
}

/** docs/reference/configuration.md. */
export function referenceText(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const out = [
    '# Configuration',
    '',
    '<!-- Written by `npm run docs` from apps/server/src/config/settings.ts; do not edit. -->',
    '',
    'Settings come from flags (`--listen.http=127.0.0.1:9000`), the environment (`PARLEY_LISTEN_HTTP`), a YAML file (`--config FILE`) and the defaults, in this order.',
    'After a change, `npx parley config reload` (or SIGHUP) gives a running server the new values of the *hot* settings; while others have changed, too, it changes nothing and says which of them need a *restart*.',
    '',
    'Durations are written `30s`, `10m`, `12h`, `30d`; sizes `64KiB`, `10MiB`, `2GiB`. Relative paths start where the setting stands: at the file, or at the folder that the server is started in.',
    '',
    'A setting that is marked *for a domain* can stand under `domains.<domain>` in the file as well, for a further domain of the server; features can, too. See [domains](#domains).',
    '',
  ];
  for (const [group, { about, settings }] of Object.entries(SETTINGS)) {
    out.push(
      `## ${group === '' ? 'Server' : group}`,
      '',
      about,
      '',
      '| key | default | values | new values | meaning |',
      '|---|---|---|---|---|',
    );
    for (const [name, option] of Object.entries<Option>(settings)) {
      const key = group === '' ? name : `${group}.${name}`;
      out.push(
        `| \`${key}\`<br>\`${environmentName(key)}\` | \`${String(option.default)}\` | ${cell(bounds(option))} | ${newValues(option)}${ofADomain(key) ? ', *for a domain*' : ''} | ${cell(option.about)} |`,
      );
    }
    out.push('');
  }
  out.push(
    '## domains',
    '',
    'Further domains on the same server, in the file only (not as flags, nor in the environment). Each has accounts, groups and features of its own.',
    '',
    '```yaml',
    'domain: chat.example',
    'tls: {mode: files, cert: chat.crt, key: chat.key}',
    'domains:',
    '  other.example:',
    '    tls: {cert: other.crt, key: other.key}',
    '    http: {publicUrl: https://other.example}',
    '    registration: {open: false}',
    '    limits: {resumeTime: 1h}',
    '    features:',
    '      muc: false',
    '      roster: {maxContacts: 500}',
    '```',
    '',
    'What an entry does not say it takes over from the top level, flags and environment included, but for `tls.cert`, `tls.key`, `http.publicUrl`, `sessions.location` and these options, which are about one domain alone: ' +
      `${ownOptions().join(', ')}.`,
    'A new value is *hot* or needs a *restart* as at the top level; a domain that comes or goes needs a restart.',
    '',
  );
  return out.join('\n');
}
