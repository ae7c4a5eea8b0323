/** Identifiers for an export of the whole server, and back (lent as `identifierTransfer`); also where none can be proved at the moment. */
import type { FeatureContext, Table } from '@parley/core';
import type { AccountRecord } from '@parley/storage';
import { type IdentifierKind, normaliseEmail } from './rules.ts';
import type { IdentifierTransfer, TransferredIdentifier } from './service.ts';

const E164 = /^\+[1-9]\d{6,14}$/;
const LABEL_LENGTH = 254;
/** `provider:subject` of a sign-in elsewhere. */
const SOCIAL = /^[a-z0-9-]{1,64}:[\x21-\x7e]{1,255}$/;

/** What is kept of an identifier of an account. */
export interface IdentifierRow {
  /** ms since 1970. */
  readonly provedAt: number;
  readonly label?: string;
  /** Keyed hashes of the address groups from which it was proved, newest first. */
  readonly networks?: readonly string[];
}

function spelled(kind: IdentifierKind, value: string): boolean {
  if (kind === 'email') return normaliseEmail(value) === value;
  return (kind === 'social' ? SOCIAL : E164).test(value);
}

export function identifierTransferOf(
  ctx: Pick<FeatureContext<object>, 'accounts' | 'host'>,
  table: Table<IdentifierRow>,
): IdentifierTransfer {
  const isTaken = async (key: string): Promise<boolean> => {
    for (const id of await table.owners(key)) if ((await ctx.accounts.byId(id))?.domain === ctx.host) return true;
    return false;
  };
  return {
    async of(account: AccountRecord): Promise<TransferredIdentifier[]> {
      const rows = await table.list(account.id);
      return rows.map(({ key, value: { provedAt, label } }) => {
        const colon = key.indexOf(':');
        // Where it was proved from is under a key of this server, and of no use to another.
        return {
          kind: key.slice(0, colon) as IdentifierKind,
          value: key.slice(colon + 1),
          provedAt,
          ...(label === undefined ? {} : { label }),
        };
      });
    },
    async restore(account, { kind, value, provedAt, label }): Promise<boolean> {
      if (!spelled(kind, value) || !Number.isSafeInteger(provedAt)) return false;
      const key = `${kind}:${value}`;
      // Whoever has it keeps it.
      if (await isTaken(key)) return false;
      table.set(account.id, key, { provedAt, ...(label === undefined ? {} : { label: label.slice(0, LABEL_LENGTH) }) });
      return true;
    },
  };
}
