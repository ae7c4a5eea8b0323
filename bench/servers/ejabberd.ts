// ejabberd as Debian ships it, with shapers and limits off. Started without Erlang distribution: no epmd, nothing listens but the client ports.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificate, versionOf } from './certificate.ts';
import { type BenchServer, DOMAIN, freePorts, HOST, startPinned } from './server.ts';

export const ejabberd: BenchServer = {
  name: 'ejabberd',
  missing: 'apt-get install ejabberd openssl',
  version: () => versionOf('dpkg-query', ['-W', '-f', '${Version}', 'ejabberd'], /^(\S+)/),
  mechanism: (purpose) => (purpose === 'login' ? 'SCRAM-SHA-1' : 'PLAIN'),
  ownAccounts: (purpose) => purpose === 'login',
  async start(dir, purpose) {
    const { both } = await certificate(dir);
    const [port = 0, tlsPort = 0] = await freePorts(2);
    const spool = join(dir, 'spool');
    await mkdir(spool, { recursive: true });
    const listener = (number: number, tls: string): string => `
  -
    port: ${number}
    ip: ${HOST}
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: none
    access: all
    backlog: 4096
    ${tls}`;
    const config = `
hosts:
  - ${DOMAIN}
loglevel: warning
log_rotate_count: 0
certfiles:
  - ${both}
listen:${listener(port, 'starttls: true\n    starttls_required: false')}${listener(tlsPort, 'tls: true')}
disable_sasl_mechanisms:
  - digest-md5
  - X-OAUTH2
auth_method: [internal]
auth_password_format: ${purpose === 'login' ? 'scram' : 'plain'}
registration_timeout: infinity
access_rules:
  c2s: { allow: all }
  register: { allow: all }
shaper_rules:
  max_user_sessions: 100
  max_user_offline_messages: 100000
modules:
  mod_adhoc: {}
  mod_admin_extra: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
  mod_last: {}
  mod_muc:
    host: conference.${DOMAIN}
    access: all
    access_create: all
    access_persistent: all
    access_mam: all
    max_users: 5000
    default_room_options:
      max_users: 5000
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub:
    access_createnode: all
    plugins: [flat, pep]
  mod_push: {}
  mod_push_keepalive: {}
  mod_register:
    access: all
    ip_access: all
    registration_watchers: []
  mod_roster:
    versioning: true
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_vcard:
    search: false
  mod_vcard_xupdate: {}
  mod_version: {}
${purpose === 'archive' ? '  mod_mam:\n    db_type: mnesia\n    default: always\n' : ''}`;
    const file = join(dir, 'ejabberd.yml');
    await writeFile(file, config);
    return startPinned('erl', ['+K', 'true', '+P', '250000', '-mnesia', 'dir', `"${spool}"`, '-s', 'ejabberd', '-noinput'], {
      cwd: dir,
      env: {
        ...process.env,
        HOME: dir,
        ERL_LIBS: '/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu',
        EJABBERD_CONFIG_PATH: file,
        EJABBERD_LOG_PATH: join(dir, 'ejabberd.log'),
        ERL_CRASH_DUMP: '/dev/null',
      },
      target: { host: HOST, domain: DOMAIN, port, tlsPort },
    });
  },
};
