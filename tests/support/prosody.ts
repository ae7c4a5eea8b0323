// Prosody (Debian's package) as the server under the interop tests: shows whether a failing test is our server's fault or the test's.
import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PATIENCE_MS, Program } from './process.ts';

const run = promisify(execFile);

/** Writes a self-signed P-256 certificate for `localhost` to cert.pem and key.pem of `dir` unless they are there. Needs the openssl command. */
export async function selfSigned(dir: string): Promise<{ cert: string; key: string }> {
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  const there = await access(files.cert).then(
    () => true,
    () => false,
  );
  if (!there) {
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    await run('openssl', [
      ...args,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      files.key,
      '-out',
      files.cert,
    ]);
  }
  return files;
}

/** Starts Prosody on the given ports with everything the interop tests use. */
export async function prosodyProgram(dir: string, ports: { xmpp: number; xmpps: number; http: number }): Promise<Program> {
  await mkdir(join(dir, 'data'), { recursive: true });
  const { cert, key } = await selfSigned(dir);
  const ssl = `{ key = "${key}"; certificate = "${cert}"; }`;
  const config = `
run_as_root = true
pidfile = "${dir}/prosody.pid"
data_path = "${dir}/data"
network_backend = "epoll"
modules_enabled = { "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "carbons"; "pep"; "private"; "smacks"; "vcard4"; "vcard_legacy"; "csi_simple"; "ping"; "register"; "time"; "version"; "posix"; "mam"; "http"; "websocket" }
modules_disabled = { "s2s" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${ports.xmpp} }
c2s_direct_tls_ports = { ${ports.xmpps} }
http_ports = { ${ports.http} }
http_interfaces = { "127.0.0.1" }
https_ports = { }
http_default_host = "localhost"
http_external_url = "http://127.0.0.1:${ports.http}/"
consider_websocket_secure = true
ssl = ${ssl}
c2s_direct_tls_ssl = ${ssl}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
allow_registration = true
archive_expires_after = "1w"
default_archive_policy = true
log = { warn = "*console" }
VirtualHost "localhost"
Component "conference.localhost" "muc"
  modules_enabled = { "muc_mam" }
  muc_log_by_default = true
Component "upload.localhost" "http_file_share"
  http_host = "localhost"
`;
  await writeFile(join(dir, 'prosody.cfg.lua'), config);
  return new Program('prosody', ['-F', '--config', join(dir, 'prosody.cfg.lua')], { cwd: dir });
}

/** Registers an account in band (XEP-0077) over a plain connection. */
export function registerInBand(host: string, port: number, domain: string, username: string, password: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    let text = '';
    let asked = false;
    const finish = (error?: Error): void => {
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.setTimeout(PATIENCE_MS, () => finish(new Error('in-band registration: no answer')));
    socket.once('error', finish);
    socket.once('close', () => finish(new Error(`in-band registration: connection closed: ${text}`)));
    socket.write(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!asked && text.includes('</stream:features>')) {
        asked = true;
        const query = `<query xmlns='jabber:iq:register'><username>${username}</username><password>${password}</password></query>`;
        socket.write(`<iq type='set' id='reg' to='${domain}'>${query}</iq>`);
        text = '';
      } else if (asked && /type=['"]result['"]/.test(text)) finish();
      else if (asked && /type=['"]error['"]/.test(text)) finish(new Error(`in-band registration refused: ${text}`));
    });
  });
}
