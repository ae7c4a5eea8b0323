import { accountCreated, defineFeature } from '@parley/core';
import { el } from '@parley/xml';

/** Greets new accounts. The walk through this file is in CONTRIBUTING.md. */
export default defineFeature({
  name: 'greeting',
  about: 'Sends every new account a first message.',
  implements: [],
  options: {
    text: { type: 'string', reload: 'hot', default: 'Welcome. Say hello to somebody.', about: 'What the greeting says.' },
  },
  setup(ctx) {
    ctx.on(accountCreated, 'watch', ({ account }) => {
      const to = `${account.localpart}@${ctx.host}`;
      const id = `greeting-${account.id}`;
      ctx.sendMessage(el('message', { from: ctx.host, to, type: 'chat', id }, el('body', null, ctx.config.text)));
      ctx.log.info('greeting_sent', { account: account.id });
    });
  },
});
