/** `parley motd`, `parley welcome`: what the server says to everybody once, and to new accounts (XEP-0133). */
import type { AdminNotice } from '@parley/http';
import type { Command } from 'commander';
import type { Admin } from './admin.ts';
import { dateTime, json, printable } from './output.ts';

/** Adds the commands. */
export function addNotices(program: Command, withAdmin: (work: (admin: Admin) => Promise<string>) => Promise<void>): void {
  const add = (kind: AdminNotice, about: string, done: string): void => {
    const group = program.command(kind).description(about);
    group
      .command('show')
      .description('what is said now')
      .option('--json', 'answer as JSON')
      .action((options: { json?: boolean }) =>
        withAdmin(async ({ actions }) => {
          const found = await actions.notice(kind);
          if (options.json) return json(found ?? null);
          return found === undefined
            ? 'There is none.\n'
            : `${found.text.split('\n').map(printable).join('\n')}\n(since ${dateTime(found.at)} UTC)\n`;
        }),
      );
    const set = group.command('set <text>').description('say this from now on');
    if (kind === 'motd') set.option('--quietly', 'not again to those who have had the one before');
    set.action((text: string, options: { quietly?: boolean }) =>
      withAdmin(async ({ actions }) => {
        await actions.setNotice(kind, text, options.quietly !== true);
        return `${done}\n`;
      }),
    );
    group
      .command('delete')
      .description('say nothing any more')
      .action(() =>
        withAdmin(async ({ actions }) => {
          await actions.setNotice(kind, undefined, false);
          return 'Nothing is said any more.\n';
        }),
      );
  };
  add('motd', 'the message of the day, for everybody once', 'It is shown to those who are here, and to the others when they come.');
  add('welcome', 'the message that new accounts find', 'New accounts find it from now on.');
}
