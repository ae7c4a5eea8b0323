/** XEP-0133: Service Administration, for the accounts that the operator names. */
import { defineFeature } from '@parley/core';
import { NS } from '@parley/protocol';
import { whenReady } from '../awaitable.ts';
import { commands } from '../commands/service.ts';
import { clientStates } from '../csi/service.ts';
import { lastActivities } from '../last-activity/service.ts';
import { rosters } from '../roster/service.ts';
import { AdminList, adminsIn } from './admins.ts';
import { administrationCommands } from './commands.ts';
import { Notices, newNoticeId } from './notices.ts';
import { administrators, serverNotices } from './service.ts';

export default defineFeature({
  name: 'administration',
  about: 'Lets administrators manage accounts and sessions from any XMPP client that knows ad-hoc commands.',
  implements: [
    {
      xep: 133,
      version: '1.3.1',
      status: 'partial',
      note: 'all but black and white lists, which servers that talk to no others need not, and restart and shutdown, which are the service manager’s',
    },
  ],
  needs: [commands, rosters],
  provides: [administrators, serverNotices],
  options: {
    admins: {
      reload: 'hot',
      ownDomain: true,
      type: 'string',
      default: '',
      about: 'Addresses of the accounts that may administer the server over XMPP, separated by spaces; nobody when empty.',
    },
  },
  check: (host, config) => void adminsIn(config.admins, host),
  setup(ctx) {
    return whenReady(AdminList.open(ctx), (admins) =>
      whenReady(Notices.open(ctx), (notices) => {
        ctx.provide(administrators, admins);
        ctx.provide(serverNotices, notices);
        const all = administrationCommands({
          host: ctx.host,
          clock: ctx.clock,
          log: ctx.log,
          accounts: ctx.accounts,
          rosters: ctx.use(rosters),
          lastActivities: () => ctx.find(lastActivities),
          sessionsOf: (bare) => [...ctx.sessionsOf(bare)],
          sessions: () => [...ctx.sessions()],
          sendMessage: (message) => ctx.sendMessage(message),
          newId: () => newNoticeId(ctx.random),
          admins,
          notices,
          isInactive: (session) => ctx.find(clientStates)?.isInactive(session) ?? false,
        });
        for (const command of all)
          ctx.defer(
            ctx.use(commands).add({
              ...command,
              node: `${NS.admin}#${command.node}`,
              mayRun: (from) => admins.has(from.bare),
            }),
          );
      }),
    );
  },
});
