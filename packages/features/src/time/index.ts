import { defineFeature } from '@parley/core';
import { encodeTime, NS } from '@parley/protocol';

export default defineFeature({
  name: 'time',
  about: "The server's clock, for clients whose own is wrong.",
  implements: [{ xep: 202, version: '2.0', status: 'complete' }],
  advertises: [NS.time],
  options: {},
  setup(ctx) {
    // UTC: where the server stands is nobody's business (XEP-0202 §6).
    ctx.iq('get', 'host', { name: 'time', ns: NS.time }, () => encodeTime({ utc: ctx.clock.now(), offsetMinutes: 0 }));
  },
});
