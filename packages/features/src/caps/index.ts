import { defineFeature, json, streamFeatures } from '@parley/core';
import { capsString, capsVer, encodeCaps, NS } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { disco } from '../disco/service.ts';
import { followClients } from './clients.ts';
import { KnownCaps, type StoredCaps } from './known.ts';
import { clientCaps } from './service.ts';

const NODE = 'https://parley.example/server';

export default defineFeature({
  name: 'caps',
  about: 'What the server can do as a hash in the stream features, and what clients can do, asked once for each hash.',
  implements: [{ xep: 115, version: '1.6.0', status: 'complete' }],
  advertises: [NS.caps],
  needs: [disco],
  provides: [clientCaps],
  options: {
    maxKnown: {
      reload: 'cold',
      type: 'integer',
      default: 2000,
      min: 10,
      max: 100_000,
      about: 'Combinations of capabilities of clients that are remembered.',
    },
    maxNewPerHour: {
      reload: 'hot',
      type: 'integer',
      default: 20,
      min: 1,
      max: 10_000,
      about: 'Combinations that the devices of one account may add to those that are remembered, in an hour.',
    },
  },
  setup(ctx) {
    const service = ctx.use(disco);
    let said = '';
    let element: Element | undefined;
    let ver = '';
    /** Hashed once; again only when a feature was switched on or off. */
    const current = (): Awaitable<Element | undefined> => {
      const info = service.hostInfo();
      const now = JSON.stringify([info.features, info.forms]);
      if (element !== undefined && now === said) return element;
      if (capsString(info) === undefined)
        throw new TypeError('what the host advertises cannot be hashed for XEP-0115: a namespace holds "<"');
      return whenReady(capsVer(ctx.crypto, info), (hash) => {
        if (hash === undefined) return undefined;
        ver = hash;
        said = now;
        element = encodeCaps({ hash: 'sha-1', node: NODE, ver });
        return element;
      });
    };
    service.alsoAt((node) => ver !== '' && node === `${NODE}#${ver}`);
    ctx.on(streamFeatures, 'offer', (event): Awaitable<void> => {
      if (!event.authenticated) return;
      return whenReady(current(), (c) => {
        if (c !== undefined) event.features.push(c);
      });
    });
    return whenReady(KnownCaps.open(ctx.table('caps', json<StoredCaps>()), ctx.hostOwner, ctx.config.maxKnown), (known) =>
      ctx.provide(clientCaps, followClients(ctx, known)),
    );
  },
});
