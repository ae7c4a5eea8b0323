/** Which changes of messages make sense. Pure; throws the specified errors. */
import { decodeReactions, decodeRetract, MAX_REACTIONS, NS, StanzaError } from '@parley/protocol';
import type { Stanza } from '@parley/xml';

/** What a message changes. */
export type Change = { readonly kind: 'retract' | 'correct'; readonly id: string } | { readonly kind: 'react' };

const ID_LENGTH = 1024;

const only = (stanza: Stanza, name: string, ns: string): void => {
  let found = 0;
  for (const child of stanza.children) if (child.name === name && child.ns === ns) found++;
  if (found > 1) throw new StanzaError('bad-request', { text: `A message has one ${name} at most.` });
};

/** undefined: it changes nothing. Most messages do not, so this looks at the names of the children alone first. */
export function changeOf(stanza: Stanza): Change | undefined {
  if (stanza.has('retract', NS.retraction)) {
    only(stanza, 'retract', NS.retraction);
    const id = decodeRetract(stanza.child('retract', NS.retraction));
    if (id === undefined) throw new StanzaError('bad-request', { text: 'A retraction names the message that is to go.' });
    return { kind: 'retract', id };
  }
  if (stanza.has('replace', NS.correction)) {
    only(stanza, 'replace', NS.correction);
    const id = stanza.child('replace', NS.correction)?.attr('id');
    if (id === undefined || id === '' || id.length > ID_LENGTH)
      throw new StanzaError('bad-request', { text: 'A correction names the message that it replaces.' });
    return { kind: 'correct', id };
  }
  if (stanza.has('reactions', NS.reactions)) {
    only(stanza, 'reactions', NS.reactions);
    if (decodeReactions(stanza.child('reactions', NS.reactions)) === undefined)
      throw new StanzaError('not-acceptable', {
        type: 'modify',
        text: `Reactions name their message, are at most ${MAX_REACTIONS}, and one emoji each.`,
      });
    return { kind: 'react' };
  }
  return undefined;
}
