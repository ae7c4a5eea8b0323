import { defineFeature } from '@parley/core';
import { encodeVersion, NS } from '@parley/protocol';
import { ownVersion } from './rules.ts';

export { PARLEY_VERSION } from './rules.ts';

export default defineFeature({
  name: 'version',
  about: 'Tells clients which software this server runs.',
  implements: [{ xep: 92, version: '1.1', status: 'complete' }],
  advertises: [NS.version],
  options: {},
  setup(ctx) {
    ctx.iq('get', 'host', { name: 'query', ns: NS.version }, () => encodeVersion(ownVersion));
  },
});
