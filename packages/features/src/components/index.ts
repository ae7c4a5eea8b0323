/** XEP-0114: external components. The streams are in packages/transports/src/component. */
import { type ComponentLink, ConfigError, defineFeature, type LocalService, type ServiceHandlers, type ServiceStanza } from '@parley/core';
import { errorReply, StanzaError } from '@parley/protocol';
import { Stanza, stanzaBytes } from '@parley/xml';
import { readDomains } from './rules.ts';
import { components } from './service.ts';

interface Component {
  readonly service: LocalService;
  link: ComponentLink | undefined;
  /** Since when it is away, ms; of the start of the server when it has not been here. */
  awaySince: number;
  /** What waits for it to come back, oldest first. */
  waiting: ServiceStanza[];
}

/** A component that is away cannot be told, and does not miss, what only says goodbye or answers. */
const needsAnswer = ({ stanza }: ServiceStanza): boolean =>
  stanza.type !== 'error' &&
  !(stanza.name === 'iq' && stanza.type === 'result') &&
  !(stanza.name === 'presence' && stanza.type === 'unavailable');

function domainsIn(text: string, host: string): readonly string[] {
  const read = readDomains(text, host);
  if ('bad' in read)
    throw new ConfigError(`features.components.domains must be sub-domains of ${host} such as bot.${host}, not "${read.bad}".`);
  return read.domains;
}

export default defineFeature({
  name: 'components',
  about: 'Programs of their own that answer for a sub-domain: bots, gateways. They connect to listen.component.',
  implements: [{ xep: 114, version: '1.6', status: 'complete', note: 'jabber:component:accept' }],
  provides: [components],
  options: {
    domains: {
      reload: 'cold',
      ownDomain: true,
      type: 'string',
      default: '',
      about:
        'The sub-domains of components, separated by spaces, such as "bot.chat.example irc.chat.example". Their secrets are in the folder keys of the data folder; npx parley component secret NAME tells them.',
    },
    awayTime: {
      reload: 'hot',
      type: 'duration',
      default: '10s',
      min: '0',
      max: '10m',
      about: 'How long stanzas wait for a component that has lost its connection; after that they come back with an error.',
    },
    maxWaiting: {
      reload: 'hot',
      type: 'integer',
      default: 500,
      min: 0,
      max: 100_000,
      about: 'Stanzas that wait for one component meanwhile, in memory.',
    },
  },
  domains: (host, config) => domainsIn(config.domains, host),
  setup(ctx) {
    const { config, clock } = ctx;
    const domains = domainsIn(config.domains, ctx.host);
    const all = new Map<string, Component>();

    const away = (): StanzaError => new StanzaError('remote-server-timeout', { text: 'This component is not connected.' });
    const hand = (link: ComponentLink, { stanza, from, to }: ServiceStanza): boolean =>
      link.send(stanzaBytes(stanza, { from: from.toString(), to: to.toString() }));
    const bounce = (component: Component, call: ServiceStanza, error: StanzaError): void => {
      if (!needsAnswer(call)) return;
      const reply = errorReply(call.stanza, error);
      reply.attrs.from = call.to.toString();
      reply.attrs.to = call.from.toString();
      void component.service.send(reply);
    };
    const give = (component: Component, call: ServiceStanza): void => {
      if (component.link !== undefined) {
        if (hand(component.link, call)) return;
        if (needsAnswer(call))
          throw new StanzaError('resource-constraint', { type: 'wait', text: 'This component does not take more now.' });
        return;
      }
      if (!needsAnswer(call)) return;
      if (clock.now() - component.awaySince >= config.awayTime || component.waiting.length >= config.maxWaiting) throw away();
      component.waiting.push(call);
      if (component.waiting.length === 1) clock.after(component.awaySince + config.awayTime - clock.now(), () => giveUp(component));
    };
    const giveUp = (component: Component): void => {
      if (component.link !== undefined || component.waiting.length === 0) return;
      // It may have come and gone again meanwhile.
      const left = component.awaySince + config.awayTime - clock.now();
      if (left > 0) return void clock.after(left, () => giveUp(component));
      const waiting = component.waiting;
      component.waiting = [];
      for (const call of waiting) bounce(component, call, away());
    };

    for (const domain of domains) {
      let component: Component | undefined;
      const handle = (call: ServiceStanza): void => give(component as Component, call);
      const handlers: ServiceHandlers = { message: handle, presence: handle, iq: handle };
      const service = ctx.service(domain, handlers, {
        asks: true,
        get listed() {
          return component?.link !== undefined;
        },
      });
      component = { service, link: undefined, awaySince: clock.now(), waiting: [] };
      all.set(domain, component);
    }

    const close = (): void => {
      for (const component of all.values()) component.link?.end('system-shutdown', 'The server stops.');
    };
    ctx.defer(close);
    ctx.provide(components, {
      close,
      domains,
      send(stanza, from, to) {
        const component = all.get(to.domain);
        if (component === undefined) throw new StanzaError('remote-server-not-found');
        give(component, { stanza, from, to, session: undefined });
      },
      connected: (domain) => all.get(domain)?.link !== undefined,
      attach(domain, link) {
        const component = all.get(domain);
        if (component === undefined) throw new TypeError(`${domain} is no component`);
        const before = component.link;
        component.link = link;
        // Whoever knows the secret is the component; the older stream is a broken one that nobody has noticed yet.
        before?.end('conflict', 'The component has connected again.');
        ctx.log.info('component_connected', { domain });
        const waiting = component.waiting;
        component.waiting = [];
        for (const call of waiting)
          if (!hand(link, call)) bounce(component, call, new StanzaError('resource-constraint', { type: 'wait' }));
        return {
          receive(element) {
            try {
              return component.service.send(element);
            } catch (error) {
              if (!(error instanceof StanzaError)) throw error;
              // An address that is none: there is nobody who could refuse it.
              if (element.attrs.type === 'error' || (element.name === 'iq' && element.attrs.type === 'result')) return;
              link.send(stanzaBytes(Stanza.from(errorReply(Stanza.from(element), error))));
            }
          },
          detach() {
            if (component.link !== link) return;
            component.link = undefined;
            component.awaySince = clock.now();
            ctx.log.info('component_gone', { domain });
          },
        };
      },
    });
  },
});
