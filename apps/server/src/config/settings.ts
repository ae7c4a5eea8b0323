/** Every setting of the server: name, type, default, bounds, unit and one sentence. The reference and the checks are made of this table. */
import type { Option, Options } from '@parley/core';
import { PHONE_SETTINGS } from './phone-settings.ts';

/** A group `name.*`; the group '' holds the settings without a dot. */
export interface SettingGroup {
  readonly about: string;
  readonly settings: Options;
}

const SIZE_BOUNDS = { min: '1KiB', max: '16MiB' } as const;

export const SETTINGS = {
  '': {
    about: 'The server as a whole.',
    settings: {
      domain: {
        reload: 'cold',
        type: 'string',
        default: 'localhost',
        about: 'The domain of the accounts: the part of an address behind the @.',
      },
      dataDir: {
        reload: 'cold',
        type: 'string',
        default: './data',
        about: 'The folder that holds everything that is kept: database, media, keys, certificate.',
      },
    },
  },
  listen: {
    about: 'Where connections are taken: `address:port`, or `off`.',
    settings: {
      xmpp: {
        reload: 'cold',
        type: 'string',
        default: '127.0.0.1:5222',
        about: 'XMPP clients that begin in the clear and switch to TLS (STARTTLS).',
      },
      component: {
        reload: 'cold',
        type: 'string',
        default: 'off',
        about:
          'External components (XEP-0114, features.components.domains); in the clear, so keep it on this machine, or in a network of your own.',
      },
      xmpps: { reload: 'cold', type: 'string', default: '127.0.0.1:5223', about: 'XMPP clients that use TLS from the first byte.' },
      http: {
        reload: 'cold',
        type: 'string',
        default: '127.0.0.1:8080',
        about: 'Web client, WebSocket (/ws), media and API; plain HTTP on loopback addresses, HTTPS on others and with tls.mode=files.',
      },
    },
  },
  tls: {
    about: 'Encryption of connections.',
    settings: {
      mode: {
        reload: 'cold',
        type: 'string',
        default: 'selfsigned',
        values: ['selfsigned', 'files', 'off'],
        about: 'selfsigned makes a certificate in the data folder, files uses tls.cert and tls.key, off offers no TLS at all.',
      },
      cert: { reload: 'hot', type: 'string', default: '', about: 'With tls.mode=files: the certificate and its chain, PEM.' },
      key: { reload: 'hot', type: 'string', default: '', about: 'With tls.mode=files: the private key, PEM, without a passphrase.' },
    },
  },
  auth: {
    about: 'Signing in.',
    settings: {
      allowPlaintext: {
        reload: 'hot',
        type: 'boolean',
        default: false,
        about: 'Allow sign-in without TLS; for benchmarks, or behind a proxy on this machine that does the TLS.',
      },
      scramIterations: {
        reload: 'hot',
        type: 'integer',
        default: 10_000,
        min: 4096,
        max: 1_000_000,
        about:
          'PBKDF2 rounds for the SCRAM-SHA-256 and -512 keys of new passwords; more makes stolen keys harder to guess and sign-in slower on old phones.',
      },
      offerAllHashes: {
        reload: 'hot',
        type: 'boolean',
        default: false,
        about:
          'Offer SCRAM with hashes that some imported accounts have no keys for; clients that take the strongest then cannot sign in to those accounts. false waits until all have them (parley status says how many have not).',
      },
    },
  },
  sessions: {
    about: 'Signed-in devices.',
    settings: {
      location: {
        reload: 'hot',
        type: 'string',
        default: '',
        about:
          'Where clients should come back to when their connection breaks (XEP-0198), as host:port, such as chat1.example:5222; nothing is told when empty.',
      },
    },
  },
  registration: {
    about: 'Making accounts without the operator.',
    settings: {
      open: {
        reload: 'hot',
        type: 'boolean',
        default: false,
        about:
          'Anyone may register with user name and password. When not set: true while every listener is on a loopback address, else false.',
      },
      perAddressPerHour: {
        reload: 'hot',
        type: 'integer',
        default: 30,
        min: 0,
        max: 1_000_000,
        about: 'Registrations tried from one address in an hour; 0 is no limit.',
      },
    },
  },
  email: {
    about: 'Mail with codes, for signing up and in by e-mail address. Nothing is offered while email.server is empty.',
    settings: {
      server: {
        reload: 'cold',
        type: 'string',
        default: '',
        about:
          'The mail server that takes mail from this one: smtps://host:465 for TLS from the first byte, smtp://host:587 for STARTTLS, which is demanded unless the host is this machine.',
      },
      user: { reload: 'cold', type: 'string', default: '', about: 'The name to sign in with at the mail server; none when empty.' },
      password: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'The password for it; best given as PARLEY_EMAIL_PASSWORD, or in a file that only the server may read.',
      },
      from: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'The sender of the mail, as an address or as Name <address>; parley@ and the domain when empty.',
      },
      ca: {
        reload: 'cold',
        type: 'string',
        default: '',
        about: 'A file with further certificates to trust, PEM, for a mail server with one of its own.',
      },
    },
  },
  social: {
    about: 'Signing up and in by an account at another provider.',
    settings: {
      providers: {
        reload: 'cold',
        type: 'string',
        default: '',
        about:
          'A file with the providers, YAML: google, apple, microsoft, github, and any other that speaks OpenID Connect (docs/protocol/social.md). It has secrets: only the server may read it. Nothing is offered when empty.',
      },
    },
  },
  ...PHONE_SETTINGS,
  history: {
    about: 'How long messages are kept.',
    settings: {
      keep: {
        reload: 'hot',
        type: 'string',
        default: '30d',
        about:
          'until-delivered (gone once every device has them, in groups those of all members), a duration such as 30d, or forever. Files are kept as long; with until-delivered, for history.undelivered.',
      },
      undelivered: {
        reload: 'hot',
        type: 'duration',
        default: '30d',
        min: '1h',
        max: '3650d',
        about: 'How long a message waits for a device that does not come.',
      },
      search: {
        reload: 'cold',
        type: 'boolean',
        default: true,
        about:
          'People can search their history by text (XEP-0431). The index takes about as much room as the messages. Not with history.keep=until-delivered.',
      },
    },
  },
  http: {
    about: 'The HTTP server.',
    settings: {
      publicUrl: {
        reload: 'hot',
        type: 'string',
        default: '',
        about: 'Where browsers reach this server from outside, such as https://chat.example; when empty, the address of listen.http.',
      },
      trustProxy: {
        reload: 'cold',
        type: 'boolean',
        default: false,
        about:
          'A reverse proxy on this machine (its connections come from a loopback address) puts the client’s address last into X-Forwarded-For; limits and logs then count by that one.',
      },
      allowedOrigins: {
        reload: 'hot',
        type: 'string',
        default: '',
        about: 'Other web sites whose pages may use the WebSocket and the API, separated by spaces; * for any.',
      },
    },
  },
  media: {
    about: 'Files that people send.',
    settings: {
      maxFileSize: { reload: 'cold', type: 'bytes', default: '100MiB', min: '1KiB', max: '16GiB', about: 'The largest file.' },
      quota: {
        reload: 'hot',
        type: 'bytes',
        default: '10GiB',
        min: '1KiB',
        max: '1024TiB',
        about: 'What all files of one account may take together.',
      },
    },
  },
  log: {
    about: 'What is written to standard output.',
    settings: {
      level: {
        reload: 'hot',
        type: 'string',
        default: 'info',
        values: ['debug', 'info', 'warn', 'error'],
        about: 'The least important kind of event that is written.',
      },
      format: {
        reload: 'cold',
        type: 'string',
        default: 'auto',
        values: ['auto', 'json', 'pretty'],
        about: 'json is one object a line for programs, pretty is for people; auto is pretty on a terminal and json elsewhere.',
      },
    },
  },
  limits: {
    about: 'What one client, and all together, may take.',
    settings: {
      stanzaSize: { reload: 'hot', type: 'bytes', default: '256KiB', ...SIZE_BOUNDS, about: 'The largest stanza of a signed-in client.' },
      stanzaSizeBeforeSignIn: {
        reload: 'hot',
        type: 'bytes',
        default: '8KiB',
        ...SIZE_BOUNDS,
        about: 'The largest stanza before sign-in.',
      },
      stanzaDepth: {
        reload: 'hot',
        type: 'integer',
        default: 128,
        min: 16,
        max: 1024,
        unit: 'elements',
        about: 'How deep the elements of a stanza may nest.',
      },
      stanzaElements: {
        reload: 'hot',
        type: 'integer',
        default: 8192,
        min: 128,
        max: 100_000,
        about: 'How many elements a stanza may hold.',
      },
      bytesPerSecond: {
        reload: 'hot',
        type: 'bytes',
        default: '1MiB',
        min: '0',
        max: '1GiB',
        about:
          'What one connection may send in a second on average, with two seconds saved up at most; reading slows down above. 0 is no limit.',
      },
      connections: { reload: 'hot', type: 'integer', default: 50_000, min: 1, max: 10_000_000, about: 'Connections together.' },
      connectionsPerAddress: {
        reload: 'hot',
        type: 'integer',
        default: 500,
        min: 0,
        max: 10_000_000,
        about: 'Connections from one address (IPv6: one /64 network); loopback addresses are exempt. 0 is no limit.',
      },
      tlsHandshakeTime: { reload: 'hot', type: 'duration', default: '10s', min: '1s', max: '5m', about: 'Time for a TLS handshake.' },
      signInTime: {
        reload: 'hot',
        type: 'duration',
        default: '30s',
        min: '1s',
        max: '10m',
        about: 'Time from connecting to being signed in.',
      },
      signInTries: {
        reload: 'hot',
        type: 'integer',
        default: 3,
        min: 1,
        max: 100,
        about: 'Failed sign-ins on one connection before it is closed.',
      },
      sessionsPerAccount: {
        reload: 'hot',
        type: 'integer',
        default: 20,
        min: 1,
        max: 10_000,
        about: 'Devices of an account that are signed in at a time.',
      },
      devicesPerAccount: {
        reload: 'hot',
        type: 'integer',
        default: 20,
        min: 1,
        max: 10_000,
        about: 'Devices of an account that messages wait for; the one that was away longest makes room.',
      },
      unackedStanzas: {
        reload: 'hot',
        type: 'integer',
        default: 1000,
        min: 10,
        max: 1_000_000,
        about: 'Stanzas that a device may leave unacknowledged before further messages wait in the mailbox.',
      },
      unackedSize: { reload: 'hot', type: 'bytes', default: '4MiB', min: '64KiB', max: '1GiB', about: 'The same in bytes.' },
      queueSize: {
        reload: 'hot',
        type: 'bytes',
        default: '1MiB',
        min: '64KiB',
        max: '1GiB',
        about: 'Bytes that wait for a slow reader before further messages wait in the mailbox.',
      },
      resumeTime: {
        reload: 'hot',
        type: 'duration',
        default: '10m',
        min: '0',
        max: '7d',
        about: 'How long a broken session can be resumed (XEP-0198); 0 turns resumption off.',
      },
      heldStanzas: {
        reload: 'hot',
        type: 'integer',
        default: 500,
        min: 1,
        max: 100_000,
        about: 'Stanzas that are held back for a device whose screen is off (XEP-0352).',
      },
      mailboxEntries: {
        reload: 'hot',
        type: 'integer',
        default: 1_000_000,
        min: 100,
        max: 1_000_000_000,
        about: 'Messages in one mailbox.',
      },
    },
  },
} as const satisfies Record<string, SettingGroup>;

export type SettingName = string;

/** All settings by their full name, in the order of the table. */
export function allSettings(): Map<SettingName, Option> {
  const all = new Map<SettingName, Option>();
  for (const [group, { settings }] of Object.entries(SETTINGS)) {
    for (const [name, option] of Object.entries(settings)) all.set(group === '' ? name : `${group}.${name}`, option);
  }
  return all;
}

const SERVER_LIMITS: readonly string[] = [
  'limits.bytesPerSecond',
  'limits.connections',
  'limits.connectionsPerAddress',
  'limits.tlsHandshakeTime',
];

/** Whether a domain of `domains` can have this setting for itself. The others are those of the whole server. */
export function ofADomain(setting: SettingName): boolean {
  if (SERVER_LIMITS.includes(setting)) return false;
  return /^(?:auth|sessions|registration|media|limits)\./.test(setting) || ['tls.cert', 'tls.key', 'http.publicUrl'].includes(setting);
}

/** Whether a domain of `domains` takes this setting over from the top level when it has none for itself. The others are about one domain alone. */
export function inherited(setting: SettingName): boolean {
  return !['domain', 'tls.cert', 'tls.key', 'http.publicUrl', 'sessions.location'].includes(setting);
}

/** `listen.http` → `PARLEY_LISTEN_HTTP`, `auth.allowPlaintext` → `PARLEY_AUTH_ALLOW_PLAINTEXT`. */
export function environmentName(setting: SettingName): string {
  return `PARLEY_${setting
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}
