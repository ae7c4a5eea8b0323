/** XEP-0352: Client State Indication. While nobody looks, what can wait does not wake the radio. */
import {
  defineFeature,
  defineSlot,
  elementFromClient,
  HANDLED,
  inlineBind,
  type Session,
  sasl2Features,
  sessionDetached,
  sessionResumed,
  streamFeatures,
} from '@parley/core';
import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import { clientStates } from './service.ts';
import { Shaper } from './shaper.ts';

/** §5.2: after a resumption the client is active until it says otherwise. */
const inactive = defineSlot('csi-inactive', 'nothing', false);

export default defineFeature({
  name: 'csi',
  about: 'While a client says that nobody looks: presence and events wait and only the newest counts, receipts wait, typing notices go.',
  implements: [{ xep: 352, version: '1.0.0', status: 'complete' }],
  provides: [clientStates],
  options: {},
  setup(ctx) {
    const listeners = new Set<(session: Session) => void>();
    const shape = (session: Session, on: boolean): void => {
      if (session.get(inactive) === on) return;
      const { heldStanzas, queueBytes } = ctx.limits;
      session.setGate(on ? new Shaper({ own: session.bare, host: ctx.host, stanzas: heldStanzas, bytes: queueBytes / 4 }) : undefined);
    };
    const set = (session: Session, value: boolean): void => {
      if (session.get(inactive) === value) return;
      session.set(inactive, value);
      for (const tell of listeners) tell(session);
    };
    ctx.provide(clientStates, {
      isInactive: (session) => session.get(inactive),
      onChange(changed) {
        listeners.add(changed);
        return () => void listeners.delete(changed);
      },
    });
    ctx.on(streamFeatures, 'offer', ({ authenticated, features }) => {
      if (authenticated) features.push(el('csi', { xmlns: NS.csi }));
    });
    ctx.on(elementFromClient, 'handle', ({ from, element }) => {
      if (element.ns !== NS.csi || (element.name !== 'active' && element.name !== 'inactive')) return;
      shape(from, element.name === 'inactive');
      set(from, element.name === 'inactive');
      return HANDLED;
    });
    ctx.on(sasl2Features, 'offer', ({ bind }) => void bind.push(NS.csi));
    ctx.on(inlineBind, 'enable', ({ session, request }) => {
      if (request.child('inactive', NS.csi) === undefined) return;
      shape(session, true);
      set(session, true);
    });
    // What is held must be where a resumption finds it.
    ctx.on(sessionDetached, 'watch', ({ session }) => session.setGate(undefined));
    ctx.on(sessionResumed, 'watch', ({ session }) => session.setGate(undefined));
  },
});
