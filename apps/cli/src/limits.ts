/** `parley limits`: what bounds codes, and how it stands. */
import type { AdminLimit, AdminLimits } from '@parley/http';
import type { Command } from 'commander';
import type { Admin } from './admin.ts';
import { json, table } from './output.ts';

function used({ perHour, keys, exhausted, fullest }: AdminLimit): string {
  if (perHour === 0) return '';
  if (fullest !== undefined) return `${fullest.used} of ${perHour}${fullest.key === 'all' ? '' : ` (${fullest.key})`}`;
  return keys === 0 ? '' : `${exhausted} of ${keys} at the limit`;
}

function shown({ limits, ways, smsAlarm }: AdminLimits, running: boolean): string {
  const parts: string[] = [];
  if (!running) parts.push('The server is stopped: limits count only while it runs.\n');
  if (smsAlarm) parts.push('ALARM: a budget for short messages is used up; people are refused. The log says which (sms_budget_used_up).\n');
  if (limits.length === 0) parts.push('No codes are sent here (email.server, phone.providers).\n');
  else {
    const several = new Set(limits.map(({ domain }) => domain)).size > 1;
    parts.push(
      table(
        [...(several ? ['DOMAIN'] : []), 'LIMIT', 'AN HOUR', 'NOW', 'LET THROUGH', 'REFUSED', 'WHAT'],
        limits.map((one) => [
          ...(several ? [one.domain] : []),
          one.name,
          one.perHour === 0 ? 'no limit' : String(one.perHour),
          used(one),
          String(one.taken),
          String(one.refused),
          one.about,
        ]),
      ),
    );
  }
  if (ways.length > 0)
    parts.push(
      table(
        ['PROVIDER', 'SCORE', 'SENT', 'TYPED IN', 'FAILED', 'ARRIVED', 'LOST'],
        ways.map((way) => [
          way.name,
          `${way.score.toFixed(2)}${way.resting ? ' (asked last)' : ''}`,
          ...[way.sent, way.entered, way.failed, way.delivered, way.undelivered].map(String),
        ]),
      ),
    );
  return parts.join('\n');
}

/** Adds the command. */
export function addLimits(program: Command, withAdmin: (work: (admin: Admin) => Promise<string>) => Promise<void>): void {
  program
    .command('limits')
    .description('limits on codes by mail and short message: what they let through, what they refused, and the providers')
    .option('--json', 'answer as JSON')
    .action((options: { json?: boolean }) =>
      withAdmin(async ({ actions, running }) => {
        const found = await actions.limits();
        return options.json ? json(found) : shown(found, running);
      }),
    );
}
