import { defineFeature } from '@parley/core';
import { NS } from '@parley/protocol';

const PING = { name: 'ping', ns: NS.ping };

export default defineFeature({
  name: 'ping',
  about: 'Answers pings, so that a client can tell whether its connection still works.',
  implements: [{ xep: 199, version: '2.0.1', status: 'complete' }],
  advertises: [NS.ping],
  options: {},
  setup(ctx) {
    ctx.iq('get', 'host', PING, () => {});
    ctx.iq('get', 'account', PING, () => {});
  },
});
