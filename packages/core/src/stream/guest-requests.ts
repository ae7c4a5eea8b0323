import { errorReply, iqResult } from '@parley/protocol';
import type { Element, Stanza } from '@parley/xml';
import type { Core } from '../core.ts';
import { asStanzaError } from '../errors.ts';
import { NOT_MINE } from '../feature/feature.ts';
import type { ClientStream } from './client-stream.ts';

/** Answers one of the few requests that are allowed before sign-in (XEP-0077); anything else ends the stream. */
export function answerGuest(core: Core, stream: ClientStream, stanza: Stanza): void | Promise<void> {
  const type = stanza.type;
  if ((type !== 'get' && type !== 'set') || stanza.id === undefined || stanza.children.length !== 1) return stream.fail('not-authorized');
  const mayTalk = stream.secure || core.config.allowPlaintext;
  const send = (answer: Element | void | typeof NOT_MINE): void => {
    if (answer === NOT_MINE) return stream.fail('not-authorized');
    stream.writeElement(iqResult(stanza, answer ?? undefined));
  };
  const refuse = (error: unknown): void => stream.writeElement(errorReply(stanza, asStanzaError(error)));
  try {
    const answer = mayTalk ? core.iqs.answerGuest(stream, stanza) : NOT_MINE;
    if (answer instanceof Promise) return answer.then(send).catch(refuse);
    send(answer);
  } catch (error) {
    refuse(error);
  }
}
