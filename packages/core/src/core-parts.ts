/** What a core is made of. */
import type { Crypto } from '@parley/protocol';
import type { Storage } from '@parley/storage';
import { DEFAULT_LIMITS, PRE_AUTH_LIMITS, type XmlLimits } from '@parley/xml';
import type { CoreConfig, CoreLimits } from './limits.ts';
import type { Clock, Log, Random } from './ports/index.ts';
import type { Together } from './together.ts';

export interface CoreParts {
  readonly config: CoreConfig;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Log;
  /** 32 bytes that stay the same over restarts and live outside the database: salts told for names without an account. */
  readonly stableKey: Uint8Array;
  /** The owner of this domain's own rows (`Storage.hostOwner`); 0 when left out. */
  readonly hostOwner?: number;
  /** What the domains over one storage have together; one of its own when left out. */
  readonly together?: Together;
}

export const preAuthXml = (limits: CoreLimits): XmlLimits => ({ ...PRE_AUTH_LIMITS, stanzaBytes: limits.preAuthStanzaBytes });
export const signedInXml = (limits: CoreLimits): XmlLimits => ({
  ...DEFAULT_LIMITS,
  stanzaBytes: limits.stanzaBytes,
  depth: limits.stanzaDepth,
  elements: limits.stanzaElements,
});
