// Prosody as Debian ships it, with limits off and the generational collector (its one-line tuning: 2-4 times faster).
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificate, versionOf } from './certificate.ts';
import { type BenchServer, DOMAIN, freePorts, HOST, startPinned } from './server.ts';

export const prosody: BenchServer = {
  name: 'Prosody',
  missing: 'apt-get install prosody openssl',
  version: () => versionOf('dpkg-query', ['-W', '-f', '${Version}', 'prosody'], /^(\S+)/),
  mechanism: (purpose) => (purpose === 'login' ? 'SCRAM-SHA-1' : 'PLAIN'),
  ownAccounts: (purpose) => purpose === 'login',
  async start(dir, purpose) {
    const { cert, key } = await certificate(dir);
    const [port = 0, tlsPort = 0] = await freePorts(2);
    await mkdir(join(dir, 'data'), { recursive: true });
    const ssl = `{ key = "${key}"; certificate = "${cert}"; }`;
    const archive = purpose === 'archive';
    const config = `
run_as_root = true
pidfile = "${dir}/prosody.pid"
data_path = "${dir}/data"
network_backend = "epoll"
gc = { mode = "generational" }
admins = { }
plugin_paths = { }
modules_enabled = { "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "bookmarks"; "carbons"; "pep"; "private"; "smacks"; "vcard4"; "vcard_legacy"; "csi_simple"; "ping"; "register"; "time"; "uptime"; "version"; "posix"; ${archive ? '"mam"; ' : ''}}
modules_disabled = { "s2s"; }
interfaces = { "${HOST}" }
c2s_ports = { ${port} }
c2s_direct_tls_ports = { ${tlsPort} }
ssl = ${ssl}
c2s_direct_tls_ssl = ${ssl}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "${purpose === 'login' ? 'internal_hashed' : 'internal_plain'}"
allow_registration = true
registration_throttle_max = 0
network_settings = { tcp_backlog = 4096; }
${archive ? 'default_archive_policy = true\n' : ''}archive_expires_after = "1w"
c2s_timeout = 3600
log = { warn = "*console"; }
VirtualHost "${DOMAIN}"
Component "conference.${DOMAIN}" "muc"
  modules_enabled = { }
  muc_room_locking = false
`;
    const file = join(dir, 'prosody.cfg.lua');
    await writeFile(file, config);
    return startPinned('prosody', ['-F', '--config', file], { cwd: dir, target: { host: HOST, domain: DOMAIN, port, tlsPort } });
  },
};
