/** The commands of `parley`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '@parley/server';
import { CertificateError, loadCertificate } from '@parley/transports';
import { Command, CommanderError } from 'commander';
import { type Admin, componentSecretOf, openAdmin } from './admin.ts';
import { doctor } from './doctor/doctor.ts';
import { CommandError, isForPeople } from './errors.ts';
import { addKeys } from './keys.ts';
import { addLimits } from './limits.ts';
import { addNotices } from './notices.ts';
import { dateTime, duration, json, printable, table } from './output.ts';
import { newPassword } from './password.ts';
import { addReports } from './reports.ts';
import { settings, splitArguments } from './settings.ts';
import type { Terminal } from './terminal.ts';

const PAGE = 1000;
const COUNTED: Readonly<Record<string, string>> = {
  accounts: 'accounts',
  contacts: 'contacts',
  requests: 'requests that wait',
  vCards: 'vCards',
  privateElements: 'private elements',
  blocked: 'blocked addresses',
  conversations: 'settings of conversations',
  nodes: 'personal nodes',
  items: 'items of personal nodes',
  nodeAffiliations: 'affiliations with personal nodes',
  nodeSubscriptions: 'subscriptions to personal nodes',
  offline: 'messages that wait',
  archived: 'messages in archives',
  files: 'uploaded files',
  fileBytes: 'bytes of uploaded files',
  identifiers: 'identifiers',
  pushRegistrations: 'push registrations',
  rooms: 'rooms',
  roomAffiliations: 'people of rooms',
  roomMessages: 'messages in rooms',
  serviceNodes: 'nodes of the pubsub service',
  serviceItems: 'items of these',
};
const SETTINGS_HELP = `
The settings are those of the server, from the same places: --config FILE, --dataDir=FOLDER, any other flag of
\`npm start\`, the environment (PARLEY_…). Commands work on the running server, or on the data of a stopped one.`;

function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 10_000)
    throw new CommandError(`--limit must be a whole number from 1 to 10000, not "${text}".`);
  return value;
}

/** Throws a CertificateError that says whose certificate it is. */
async function checkCertificate(domain: string, { cert, key }: { cert: string; key: string }, further: boolean): Promise<void> {
  try {
    await loadCertificate(cert, key, Date.now());
  } catch (error) {
    throw further && error instanceof CertificateError
      ? new CertificateError(`domains.${domain}: ${error.message}`, { cause: error })
      : error;
  }
}

/** Runs one command; answers the exit code: 0, 1 for a failure (said in one sentence on stderr), or the doctor's finding. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { server, rest } = splitArguments(args);
  let code = 0;

  /** Opens the data, does `work`, closes; what `work` answers is printed. */
  const withAdmin = async (work: (admin: Admin, config: Config) => Promise<string>, create = false): Promise<void> => {
    const config = await settings(server, terminal);
    const admin = await openAdmin(config, terminal, create);
    try {
      terminal.out(await work(admin, config));
    } finally {
      await admin.close();
    }
  };
  /** `ann` → `ann@domain`, `ann/phone` → `ann@domain/phone`. */
  const address = (name: string, config: Config): string => {
    if (name.includes('@')) return name;
    const slash = name.indexOf('/');
    return slash < 0 ? `${name}@${config.domain}` : `${name.slice(0, slash)}@${config.domain}${name.slice(slash)}`;
  };

  const program = new Command('parley')
    .description('Manages a Parley server, running or stopped.')
    .version(version())
    .addHelpText('after', SETTINGS_HELP)
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride()
    .showSuggestionAfterError();
  const group = (name: string, about: string): Command => program.command(name).description(about);
  const asJson = (command: Command): Command => command.option('--json', 'answer as JSON');

  const user = group('user', 'accounts');
  asJson(user.command('add <name>'))
    .description('make an account; asks for its password')
    .option('--password-stdin', 'read the password from standard input')
    .action((name: string, options: { json?: boolean; passwordStdin?: boolean }) =>
      withAdmin(async ({ actions }, config) => {
        const jid = await actions.addUser(name, await newPassword(terminal, address(name, config), options.passwordStdin === true));
        return options.json ? json({ jid }) : `${jid} was added.\n`;
      }, true),
    );
  asJson(user.command('list'))
    .description('accounts by name')
    .option('--after <name>', 'begin after this one')
    .option('--limit <number>', 'at most so many; all when left out', whole)
    .action((options: { json?: boolean; after?: string; limit?: number }) =>
      withAdmin(async ({ actions }) => {
        const all: Awaited<ReturnType<typeof actions.users>> = [];
        let { after } = options;
        for (;;) {
          const wanted = Math.min(PAGE, (options.limit ?? Number.POSITIVE_INFINITY) - all.length);
          const page = wanted > 0 ? await actions.users(after, wanted) : [];
          all.push(...page);
          if (page.length < wanted || page.length === 0) break;
          after = page.at(-1)?.jid;
        }
        if (options.json) return json(all);
        if (all.length === 0) return 'There are no accounts.\n';
        return table(
          ['ADDRESS', 'SINCE (UTC)', 'DEVICES ON', 'STATE'],
          all.map((one) => [one.jid, dateTime(one.createdAt), String(one.sessions), one.disabled ? 'disabled' : 'active']),
        );
      }),
    );
  asJson(user.command('remove <name>'))
    .description('remove an account with its messages, contacts and the files that it sent')
    .option('--yes', 'do not ask')
    .action((name: string, options: { json?: boolean; yes?: boolean }) =>
      withAdmin(async ({ actions }, config) => {
        const jid = address(name, config);
        if (options.yes !== true) {
          if (!terminal.interactive) throw new CommandError('There is no terminal to ask on; to remove without a question, add --yes.');
          const answer = await terminal.ask(`Remove ${jid} with all its messages, contacts and files? Type yes: `);
          if (answer.trim() !== 'yes') throw new CommandError('Nothing was changed.');
        }
        await actions.removeUser(name);
        return options.json ? json({ jid }) : `${jid} was removed.\n`;
      }),
    );
  asJson(user.command('password <name>'))
    .description('set a new password')
    .option('--password-stdin', 'read the password from standard input')
    .action((name: string, options: { json?: boolean; passwordStdin?: boolean }) =>
      withAdmin(async ({ actions }, config) => {
        const jid = address(name, config);
        await actions.setPassword(name, await newPassword(terminal, jid, options.passwordStdin === true));
        return options.json ? json({ jid }) : `The password of ${jid} was changed.\n`;
      }),
    );

  asJson(program.command('queue'))
    .description('devices that messages wait for: how many, and how old the first is')
    .option('--limit <number>', 'at most so many, longest first', whole, 50)
    .action((options: { json?: boolean; limit: number }) =>
      withAdmin(async ({ actions }) => {
        const queues = (await actions.queues(options.limit)).filter((one) => one.queueLength > 0);
        if (options.json) return json(queues);
        if (queues.length === 0) return 'No message is waiting.\n';
        return table(
          ['ADDRESS', 'DEVICE', 'LENGTH', 'AGE'],
          queues.map((one) => [one.jid, one.device, String(one.queueLength), duration(one.queueAgeMs)]),
        );
      }),
    );

  const session = group('session', 'devices that are signed in');
  asJson(session.command('list'))
    .description('every session')
    .action((options: { json?: boolean }) =>
      withAdmin(async ({ actions, running }) => {
        const sessions = await actions.sessions();
        if (options.json) return json(sessions);
        if (sessions.length === 0) return running ? 'Nobody is signed in.\n' : 'The server is stopped; nobody is signed in.\n';
        return table(
          ['ADDRESS', 'SINCE (UTC)', 'FROM', 'STATE'],
          sessions.map((one) => [
            one.jid,
            dateTime(one.boundAt),
            one.address,
            !one.connected ? 'away, may resume' : one.available ? 'available' : 'signed in',
          ]),
        );
      }),
    );
  asJson(session.command('kick <address>'))
    .description('end the sessions of an account (name@domain) or of one device (name@domain/device)')
    .action((jid: string, options: { json?: boolean }) =>
      withAdmin(async ({ actions }, config) => {
        const ended = await actions.kick(address(jid, config));
        return options.json ? json({ ended }) : `${ended === 1 ? 'One session was' : `${ended} sessions were`} ended.\n`;
      }),
    );

  addReports(program, withAdmin);
  addLimits(program, withAdmin);
  addKeys(program, terminal.cwd, withAdmin);
  addNotices(program, withAdmin);

  asJson(program.command('status'))
    .description('numbers of the running server')
    .action((options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const status = await actions.status();
        return options.json
          ? json(status)
          : table(
              ['WHAT', 'VALUE'],
              Object.entries(status).map(([name, value]) => [name, String(value)]),
            );
      }),
    );

  const counted = (counts: Record<string, number>): string =>
    table(
      ['WHAT', 'COUNT'],
      Object.entries(counts).map(([name, count]) => [COUNTED[name] ?? name, String(count)]),
    );
  asJson(program.command('export'))
    .description(
      'write all accounts with their keys, contacts, settings and messages, and all rooms, to one file (XEP-0227), uploaded files into a folder beside it',
    )
    .requiredOption('--to <file>', 'the file; only its owner may read it')
    .action((options: { json?: boolean; to: string }) =>
      withAdmin(async ({ actions }) => {
        const result = await actions.exportTo(resolve(options.to));
        if (options.json) return json(result);
        const missing = result.missing.map((one) => `  ${printable(one)}\n`).join('');
        return counted(result.counts) + (missing === '' ? '' : `Uploaded files that are missing or damaged:\n${missing}`);
      }),
    );
  asJson(program.command('import <path>'))
    .description(
      'take over accounts that this or another server has exported (XEP-0227: a file, or a folder of files); accounts that are there stay as they are',
    )
    .option('--with <path>', "a dump of ejabberd (ejabberdctl dump) or Prosody's data folder, for what their exports leave out")
    .action((file: string, options: { json?: boolean; with?: string }) =>
      withAdmin(async ({ actions }) => {
        const result = await actions.importFrom(resolve(file), options.with === undefined ? undefined : resolve(options.with));
        if (options.json) return json(result);
        const lines = [counted(result.counts)];
        if (result.there.length > 0) lines.push(`There already, and left as they are: ${result.there.join(', ')}.\n`);
        if (result.withoutKeys.length > 0)
          lines.push(`Need a password before anybody can sign in (parley user password): ${result.withoutKeys.join(', ')}.\n`);
        if (result.leftCount > 0)
          lines.push(`Left out (${result.leftCount}):\n${result.left.map((one) => `  ${printable(one)}\n`).join('')}`);
        return lines.join('');
      }, true),
    );

  asJson(group('component', 'external components').command('secret <domain>'))
    .description('the secret that a component of features.components.domains signs in with; made when there is none yet')
    .action(async (domain: string, options: { json?: boolean }) => {
      const config = await settings(server, terminal);
      const secret = await componentSecretOf(config, domain);
      terminal.out(options.json ? json({ domain, secret }) : `${secret}\n`);
    });

  const configuration = group('config', 'settings');
  asJson(configuration.command('reload'))
    .description('give the running server the new values of settings that it can take without a restart, and its certificate files')
    .action((options: { json?: boolean }) =>
      withAdmin(async ({ actions }) => {
        const changed = await actions.reload();
        if (options.json) return json({ changed });
        return changed.length === 0 ? 'No setting has changed; the certificate was read again.\n' : `Changed: ${changed.join(', ')}.\n`;
      }),
    );
  asJson(configuration.command('check'))
    .description('check the settings without starting anything')
    .action(async (options: { json?: boolean }) => {
      const config = await settings(server, terminal);
      const { mode } = config.tls;
      for (const { domain, tls } of mode === 'files' ? config.domains : []) await checkCertificate(domain, tls, domain !== config.domain);
      const domains = config.domains.map(({ domain }) => domain);
      if (options.json)
        return terminal.out(json({ ok: true, domain: config.domain, domains, dataDir: config.dataDir, listen: config.listen }));
      const at = (one: { host: string; port: number } | undefined): string => (one === undefined ? 'off' : `${one.host} port ${one.port}`);
      terminal.out(
        `The settings are in order.\n${table(
          ['domain', domains.join(', ')],
          [
            ['data', config.dataDir],
            ['XMPP', at(config.listen.xmpp)],
            ['XMPP over TLS', at(config.listen.xmpps)],
            ['HTTP', at(config.listen.http)],
            ['TLS', mode],
            ...config.domains.map(({ domain, registration }) => [
              domains.length === 1 ? 'registration' : `registration at ${domain}`,
              registration.open ? 'open to anyone' : 'closed',
            ]),
          ],
        )}`,
      );
    });

  asJson(program.command('doctor'))
    .description('look for what would keep the server from working, and say what to do')
    .action(async (options: { json?: boolean }) => {
      const findings = await doctor(await settings(server, terminal));
      if (options.json) terminal.out(json(findings));
      else
        for (const { state, subject, text, advice } of findings)
          terminal.out(
            `${state.padEnd(5)}${subject.padEnd(13)}${printable(text)}\n${advice === undefined ? '' : `${' '.repeat(18)}→ ${advice}\n`}`,
          );
      if (findings.some(({ state }) => state === 'fail')) code = 1;
    });

  try {
    await program.parseAsync([...rest], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode;
    terminal.err(isForPeople(error) ? `${error.message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}
