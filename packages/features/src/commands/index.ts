/** XEP-0050: Ad-Hoc Commands of the server. Which there are, other features say. */
import { defineFeature, type Session } from '@parley/core';
import { type CommandPayload, type DataForm, decodeCommand, encodeCommand, NS, StanzaError } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { disco } from '../disco/service.ts';
import { Executions } from './executions.ts';
import { type Command, type CommandOutcome, commands } from './service.ts';

const COMMAND = { name: 'command', ns: NS.commands };
const EMPTY: DataForm = { type: 'submit', fields: [] };

/** §3.4: the conditions of this protocol. */
function refused(condition: 'malformed-action' | 'bad-action' | 'bad-payload' | 'bad-sessionid', text: string): StanzaError {
  return new StanzaError('bad-request', { text, extra: el(condition, { xmlns: NS.commands }) });
}

export default defineFeature({
  name: 'commands',
  about: 'Commands of the server that clients show as menus and forms.',
  implements: [{ xep: 50, version: '1.3.0', status: 'complete', note: 'commands of one form' }],
  advertises: [NS.commands],
  needs: [disco],
  provides: [commands],
  options: {},
  setup(ctx) {
    const all = new Map<string, Command>();
    const running = new Executions((bytes) => ctx.random.bytes(bytes), ctx.clock);
    ctx.provide(commands, {
      add(command) {
        if (all.has(command.node)) throw new TypeError(`two commands have the node ${command.node}`);
        all.set(command.node, command);
        return () => void all.delete(command.node);
      },
    });

    ctx.defer(
      ctx.use(disco).onHost({
        node(from, name) {
          if (name === NS.commands)
            return { identities: [{ category: 'automation', type: 'command-list' }], features: [NS.commands, NS.discoItems] };
          const command = all.get(name);
          if (command === undefined) return undefined;
          if (!command.mayRun(from)) throw new StanzaError('forbidden');
          return {
            identities: [{ category: 'automation', type: 'command-node', name: command.name }],
            features: [NS.commands, NS.dataForms],
          };
        },
        items(from, name) {
          if (name !== NS.commands) return undefined;
          return [...all.values()]
            .filter((command) => command.mayRun(from))
            .map((command) => ({ jid: ctx.host, node: command.node, name: command.name }));
        },
      }),
    );

    const done = (request: CommandPayload, sessionid: string, outcome: CommandOutcome): Element => {
      const element = encodeCommand({
        node: request.node,
        sessionid,
        status: 'completed',
        ...(outcome.form === undefined ? undefined : { form: outcome.form }),
        ...(outcome.note === undefined ? undefined : { notes: [outcome.note] }),
      });
      if (outcome.inForm !== undefined) element.child('x', NS.dataForms)?.append(outcome.inForm);
      return element;
    };

    const begin = (from: Session, request: CommandPayload, command: Command): Element | Promise<Element> => {
      if (request.action !== undefined && request.action !== 'execute') throw refused('bad-action', 'A command begins with execute.');
      if (command.form === undefined) {
        const id = running.newId();
        const outcome = whenReady(command.run(from, EMPTY), (result) => done(request, id, result));
        return outcome;
      }
      const id = running.begin(from.address, request.node);
      return encodeCommand({ node: request.node, sessionid: id, status: 'executing', actions: ['complete'], form: command.form() });
    };

    ctx.iq('set', 'host', COMMAND, ({ from, payload }) => {
      const request = decodeCommand(payload);
      if (request === undefined) throw refused('bad-payload', 'This is not a command, or its form is none.');
      const command = all.get(request.node);
      if (command === undefined) throw new StanzaError('item-not-found', { text: 'There is no such command.' });
      if (!command.mayRun(from)) throw new StanzaError('forbidden');
      if (request.sessionid === undefined) return begin(from, request, command);
      if (!running.is(request.sessionid, from.address, request.node))
        throw new StanzaError('not-allowed', {
          text: 'This session is over, or was never yours. Begin anew.',
          extra: el('session-expired', { xmlns: NS.commands }),
        });
      const { action = 'execute', sessionid } = request;
      switch (action) {
        case 'cancel':
          running.end(sessionid);
          return encodeCommand({ node: request.node, sessionid, status: 'canceled' });
        case 'execute':
        case 'complete':
          break;
        case 'prev':
        case 'next':
          throw refused('bad-action', 'This command has one form only.');
        default:
          throw refused('malformed-action', 'There is no such action.');
      }
      if (request.form === undefined) throw refused('bad-payload', 'The form has to be filled in.');
      running.end(sessionid);
      return whenReady(command.run(from, request.form), (outcome) => done(request, sessionid, outcome));
    });
  },
});
