/** The pages of docs/reference: made of what the code declares, never written by hand. */
import type { Feature, Option, Options, Standard } from '@parley/core';
import { referenceText } from '@parley/server';
import { bounds, newValues } from '../../apps/server/src/config/help.ts';
import { NO_SLOTS, serverFeatures } from '../../apps/server/src/features.ts';
import { SERVER_PARTS } from '../../apps/server/src/parts.ts';
import { doap } from './doap.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function listOf(standards: readonly Standard[]): string {
  const one = ({ xep, rfc, version, status, note }: Standard): string => {
    const number = String(xep).padStart(4, '0');
    const label = xep === undefined ? `RFC ${rfc}` : `[XEP-${number}](https://xmpp.org/extensions/xep-${number}.html)`;
    return `${label}${version === undefined ? '' : ` ${version}`}${status === 'partial' ? ' (in part)' : ''}${note === undefined ? '' : `: ${note}`}`;
  };
  return standards.map(one).join('; ');
}

/** Everything that is declared anywhere. */
export function allStandards(): Standard[] {
  return [...SERVER_PARTS, ...serverFeatures(NO_SLOTS)].flatMap((one) => one.implements);
}

function featurePage(features: ReadonlyArray<Feature<Options>>): string {
  const out = [
    '# Features',
    '',
    '<!-- Written by `npm run docs` from the declarations in packages/features; do not edit. -->',
    '',
    'Each is on by default and can be switched off with `features.<name>: false`, which needs a restart. New values of *hot* options are taken by a running server (`npx parley config reload`).',
    '',
    '| feature | what it does | implements |',
    '|---|---|---|',
  ];
  const sorted = [...features].sort((a, b) => a.name.localeCompare(b.name));
  for (const { name, about, implements: standards } of sorted) out.push(`| \`${name}\` | ${cell(about)} | ${cell(listOf(standards))} |`);
  out.push('', '## Always there', '', '| part | what it is | implements |', '|---|---|---|');
  for (const { name, about, implements: standards } of SERVER_PARTS) out.push(`| ${name} | ${cell(about)} | ${cell(listOf(standards))} |`);
  out.push('');
  for (const { name, options } of sorted) {
    const entries = Object.entries<Option>(options);
    // The options of registration stand among the main settings.
    if (entries.length === 0 || name === 'registration') continue;
    out.push(`## features.${name}`, '', '| option | default | values | new values | meaning |', '|---|---|---|---|---|');
    for (const [key, option] of entries)
      out.push(`| \`${key}\` | \`${String(option.default)}\` | ${cell(bounds(option))} | ${newValues(option)} | ${cell(option.about)} |`);
    out.push('');
  }
  return out.join('\n');
}

/** File name in docs/reference → text. */
export function pages(): ReadonlyMap<string, string> {
  return new Map([
    ['configuration.md', referenceText()],
    ['features.md', featurePage(serverFeatures(NO_SLOTS))],
    ['parley.doap', doap(allStandards())],
  ]);
}
