/** XEP-0478: Stream Limits Advertisement. */
import { defineFeature, streamFeatures } from '@parley/core';
import { encodeStreamLimits } from '@parley/protocol';

export default defineFeature({
  name: 'stream-limits',
  about: 'Says in the stream features how large a stanza may be, before sign-in and after.',
  implements: [
    { xep: 478, version: '0.2.0', status: 'complete', note: 'max-bytes; a silent stream is not ended, so there is no idle-seconds' },
  ],
  options: {},
  setup(ctx) {
    ctx.on(streamFeatures, 'offer', ({ authenticated, features }) => {
      features.push(encodeStreamLimits({ maxBytes: authenticated ? ctx.limits.stanzaBytes : ctx.limits.preAuthStanzaBytes }));
    });
  },
});
