/** `parley key`: keys with which an app's server signs its own users in. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDuration } from '@parley/core';
import type { AdminKey, AdminNewKey } from '@parley/http';
import type { Command } from 'commander';
import type { Admin } from './admin.ts';
import { CommandError } from './errors.ts';
import { dateTime, json, table } from './output.ts';

const YEAR_MS = 31_536_000_000;

function grace(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > YEAR_MS) throw new CommandError(`--grace must be a time such as 24h, of at most a year, not "${text}".`);
  return ms;
}

const rows = (keys: readonly AdminKey[]): string =>
  table(
    ['KEY', 'NAME', 'DOMAIN', 'SIGNS WITH', 'MADE (UTC)', 'ENDS (UTC)'],
    keys.map((key) => [
      key.id,
      key.name,
      key.domain,
      key.algorithm,
      dateTime(key.createdAt),
      key.endsAt === undefined ? '' : dateTime(key.endsAt),
    ]),
  );

function made({ key, secret }: AdminNewKey): string {
  const told =
    secret === undefined
      ? ''
      : `secret  ${secret}\n\nThe secret is shown this once. Whoever has it can sign in as any user of ${key.domain}.\n`;
  return `key     ${key.id}\n${told}`;
}

/** Adds the commands. `cwd`: where files are looked for. */
export function addKeys(
  program: Command,
  cwd: string,
  withAdmin: (work: (admin: Admin) => Promise<string>, create?: boolean) => Promise<void>,
): void {
  const key = program.command('key').description("keys with which an app's server signs its users in");
  key
    .command('add <name>')
    .description('make a key; its secret is shown once')
    .option('--for <domain>', 'for the accounts of this domain; the first one when left out')
    .option('--public <file>', 'take this public key (PEM or JWK) instead of making a secret')
    .option('--json', 'answer as JSON')
    .action((name: string, options: { for?: string; public?: string; json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const file = options.public;
        const publicKey =
          file === undefined
            ? undefined
            : await readFile(resolve(cwd, file), 'utf8').catch((cause: Error) => {
                throw new CommandError(`The public key ${file} cannot be read: ${cause.message}.`);
              });
        const answer = await actions.addKey(name, options.for, publicKey);
        return options.json ? json(answer) : made(answer);
      }, true),
    );
  key
    .command('list')
    .description('the keys in force')
    .option('--json', 'answer as JSON')
    .action((options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const keys = await actions.keys();
        if (options.json) return json(keys);
        return keys.length === 0 ? 'There are no keys.\n' : rows(keys);
      }),
    );
  key
    .command('rotate <key>')
    .description('make another secret; the old one is good for a while')
    .option('--grace <time>', 'for how long', grace, 86_400_000)
    .option('--json', 'answer as JSON')
    .action((id: string, options: { grace: number; json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const answer = await actions.rotateKey(id, options.grace);
        return options.json ? json(answer) : made(answer);
      }),
    );
  key
    .command('revoke <key>')
    .description('end a key at once; nobody is let in by it any more')
    .option('--json', 'answer as JSON')
    .action((id: string, options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        await actions.revokeKey(id);
        return options.json ? json({ id, state: 'revoked' }) : `Key ${id} was revoked.\n`;
      }),
    );
}
