/** What the server implements outside of features, which cannot be switched off; for the reference and the DOAP file. */
import type { Feature } from '@parley/core';

export type Part = Pick<Feature, 'name' | 'about' | 'implements'>;

export const SERVER_PARTS: readonly Part[] = [
  {
    name: 'connections',
    about: 'TCP with STARTTLS, direct TLS and WebSocket; where clients find them.',
    implements: [
      { rfc: 7395, status: 'complete' },
      { rfc: 7590, status: 'complete' },
      {
        xep: 124,
        version: '1.11.2',
        status: 'complete',
        note: 'without the script syntax, which is refused, and without several streams in a session',
      },
      { xep: 206, version: '1.4', status: 'complete' },
      { xep: 156, version: '1.4.0', status: 'complete', note: 'XRD and JRD' },
      { xep: 368, version: '1.1.0', status: 'complete', note: 'for clients' },
    ],
  },
  {
    name: 'sign-in',
    about: 'Streams, SASL, binding of a resource.',
    implements: [
      { rfc: 6120, status: 'complete', note: 'between clients and server; servers do not talk to each other' },
      { rfc: 7622, status: 'complete' },
      { rfc: 5802, status: 'complete', note: 'SCRAM-SHA-1, with -PLUS' },
      { rfc: 7677, status: 'complete', note: 'SCRAM-SHA-256, with -PLUS; SCRAM-SHA-512 likewise' },
      { rfc: 9266, status: 'complete', note: 'channel binding tls-exporter' },
      { xep: 388, version: '1.0.4', status: 'complete' },
      {
        xep: 386,
        version: '1.1.0',
        status: 'complete',
        note: 'what waits is held back only from a device that has read the archive before',
      },
      { xep: 440, version: '1.0.0', status: 'complete' },
      { xep: 474, version: '0.5.0', status: 'complete' },
      { xep: 480, version: '0.2.0', status: 'complete', note: 'to SHA-256 and SHA-512' },
      { xep: 509, version: '0.2.0', status: 'complete' },
    ],
  },
  {
    name: 'transfer',
    about: 'Export and import of all accounts and rooms.',
    implements: [
      {
        xep: 227,
        version: '1.1',
        status: 'complete',
        note: 'with rooms and uploaded files in a namespace of ours (docs/protocol/transfer.md); includes are read, one file is written',
      },
    ],
  },
  {
    name: 'delivery',
    about: 'Routing, stream management, mailboxes.',
    implements: [
      { rfc: 6121, status: 'complete', note: 'within the domains of one server' },
      { xep: 160, version: '1.0.1', status: 'complete' },
      { xep: 198, version: '1.6.3', status: 'complete' },
      { xep: 203, version: '2.0', status: 'complete' },
    ],
  },
];
