/** `parley report`: what people have reported with a block (XEP-0377). */
import type { AdminReport } from '@parley/http';
import type { Command } from 'commander';
import type { Admin } from './admin.ts';
import { CommandError } from './errors.ts';
import { dateTime, json, printable, table } from './output.ts';

const REASONS: Readonly<Record<string, string>> = { 'urn:xmpp:reporting:spam': 'spam', 'urn:xmpp:reporting:abuse': 'abuse' };
const reasonOf = (report: AdminReport): string => REASONS[report.reason] ?? report.reason;

function limit(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 10_000)
    throw new CommandError(`--limit must be a whole number from 1 to 10000, not "${text}".`);
  return value;
}

function whole(report: AdminReport): string {
  const rows = [
    ['report', report.id],
    ['state', report.state],
    ['time (UTC)', dateTime(report.at)],
    ['reason', reasonOf(report)],
    ['about', report.jid],
    ['by', report.reporter],
    ...report.texts.map((text) => ['says', text]),
    ...report.messages.map(({ at, text }) => [dateTime(at), text]),
  ];
  // Written by strangers: on one line each, without control characters.
  return rows.map(([name = '', text = '']) => `${name.padEnd(18)}${printable(text.replaceAll('\n', ' '))}\n`).join('');
}

/** Adds the commands. */
export function addReports(program: Command, withAdmin: (work: (admin: Admin) => Promise<string>) => Promise<void>): void {
  const report = program.command('report').description('reports of spam and abuse');
  report
    .command('list')
    .description('reports that nobody has closed, newest first')
    .option('--all', 'closed ones, too')
    .option('--limit <number>', 'at most so many', limit, 50)
    .option('--json', 'answer as JSON')
    .action((options: { all?: boolean; json?: boolean; limit: number }) =>
      withAdmin(async ({ actions }) => {
        const list = await actions.reports(options.all === true ? undefined : 'open', options.limit);
        if (options.json) return json(list);
        if (list.length === 0) return 'There are no reports.\n';
        return table(
          ['REPORT', 'TIME (UTC)', 'REASON', 'ABOUT', 'BY', 'STATE'],
          list.map((one) => [one.id, dateTime(one.at), reasonOf(one), one.jid, one.reporter, one.state]),
        );
      }),
    );
  report
    .command('show <report>')
    .description('a whole report, with the messages that it names')
    .option('--json', 'answer as JSON')
    .action((id: string, options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const one = await actions.report(id);
        return options.json ? json(one) : whole(one);
      }),
    );
  report
    .command('close <report>')
    .description('take a report off the list')
    .option('--json', 'answer as JSON')
    .action((id: string, options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        await actions.closeReport(id);
        return options.json ? json({ id, state: 'closed' }) : `Report ${id} was closed.\n`;
      }),
    );
}
