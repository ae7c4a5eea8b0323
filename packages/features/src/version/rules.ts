/** The answer of XEP-0092, without the operating system (its §5). */
import type { SoftwareVersion } from '@parley/protocol';

/** The version of the software; a test holds it to package.json. */
export const PARLEY_VERSION = '0.1.0';

export const ownVersion: SoftwareVersion = { name: 'Parley', version: PARLEY_VERSION };
