/** XEP-0157: Contact Addresses for XMPP Services. */
import { ConfigError, defineFeature } from '@parley/core';
import type { DataForm } from '@parley/protocol';
import { disco } from '../disco/service.ts';
import { type ContactKind, KINDS, readAddresses, serverInfo } from './rules.ts';

const address = (about: string) =>
  ({ type: 'string', reload: 'hot', default: '', about: `${about} URIs separated by spaces, such as mailto:… or xmpp:….` }) as const;

export default defineFeature({
  name: 'contact-addresses',
  about: 'Tells clients and other operators whom to write to about this server.',
  implements: [{ xep: 157, version: '1.1.1', status: 'complete' }],
  needs: [disco],
  options: {
    abuse: address('For reports of abuse.'),
    admin: address('The people who run the server.'),
    feedback: address('For praise and wishes.'),
    sales: address('For those who want to buy.'),
    security: address('For reports of weaknesses.'),
    status: address('Where it says whether the server works.'),
    support: address('For those who need help.'),
  },
  check: (host, config) => void formOf(host, config),
  setup(ctx) {
    const service = ctx.use(disco);
    let undo: (() => void) | undefined;
    const show = (): void => {
      undo?.();
      const form = formOf(ctx.host, ctx.config);
      undo = form === undefined ? undefined : service.addForm(form);
    };
    show();
    ctx.onReload(show);
    ctx.defer(() => undo?.());
  },
});

/** Throws ConfigError. */
function formOf(host: string, config: Readonly<Record<ContactKind, string>>): DataForm | undefined {
  const all = new Map<ContactKind, readonly string[]>();
  for (const kind of KINDS) {
    const addresses = readAddresses(config[kind]);
    if (addresses === undefined)
      throw new ConfigError(
        `features.contact-addresses.${kind} must be URIs such as mailto:${kind}@${host} or xmpp:${kind}@${host}, separated by spaces, not "${config[kind]}".`,
      );
    all.set(kind, addresses);
  }
  return serverInfo(all);
}
