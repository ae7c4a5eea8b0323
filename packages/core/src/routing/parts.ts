/** What a router is made of. */
import type { Jid } from '@parley/protocol';
import type { AccountRecord, Awaitable, Storage } from '@parley/storage';
import type { Element, Stanza } from '@parley/xml';
import type { Accounts } from '../accounts/accounts.ts';
import type { Hooks } from '../hooks/hook.ts';
import type { Mailboxes } from '../mailbox/mailboxes.ts';
import type { Log } from '../ports/index.ts';
import type { Directory } from '../session/directory.ts';
import type { Asks } from './asks.ts';
import type { IqTable } from './iq-table.ts';
import type { Router } from './router.ts';
import type { Services } from './services.ts';

export interface RouterParts {
  readonly domain: string;
  readonly hooks: Hooks;
  readonly iqs: IqTable;
  readonly asks: Asks;
  readonly directory: Directory;
  readonly accounts: Accounts;
  readonly mailboxes: Mailboxes;
  readonly storage: Storage;
  readonly log: Log;
  /** The router of another domain of this server. */
  neighbour(domain: string): Router | undefined;
  /** The table that has a domain or service of another domain of this server. */
  servicesFor(domain: string): Services | undefined;
  /** `until-delivered`: a sender's copy is kept only for the sender's other devices. */
  readonly ephemeral: boolean;
  /** See ServiceHost. */
  readonly answerService: (stanza: Stanza, from: Jid, recipient: AccountRecord | undefined) => Awaitable<Element | void>;
}
