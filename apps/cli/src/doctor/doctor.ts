/** Everything that keeps a server from working, looked at in turn. Nothing is changed. */
import { Resolver } from 'node:dns/promises';
import { stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { connectAdmin } from '@parley/http';
import { type Config, dataFolder, serverRuns } from '@parley/server';
import { certificateFinding, onlyThisMachine } from './certificate.ts';
import { dnsFindings, type Names } from './dns.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { diskFinding, judgeClock, judgeNode, judgeOpenFiles, lastWritten, openFileLimit } from './machine.ts';
import { directTlsFinding, portFinding } from './ports.ts';
import { smsFindings } from './sms.ts';

async function folderFinding(path: string): Promise<Finding> {
  try {
    const { uid, mode } = await stat(path);
    const me = process.getuid?.();
    if (me !== undefined && me !== 0 && uid !== me)
      return fail('data', `${path} belongs to another user (number ${uid}).`, `Run this as that user: sudo -u '#${uid}' npx parley doctor`);
    if ((mode & 0o077) !== 0) return warn('data', `Other users of this machine may look into ${path}.`, `chmod 700 ${path}`);
    return ok('data', path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return ok('data', `${path} is made at the first start.`);
    return fail('data', `Cannot look at ${path}: ${message}.`, 'Check dataDir and its permissions.');
  }
}

/** Resolves to one finding or more for each subject. */
export async function doctor(config: Config, names: Names = new Resolver({ timeout: 2000, tries: 2 })): Promise<Finding[]> {
  const folder = dataFolder(config.dataDir);
  const running = await serverRuns(folder);
  let pid: number | undefined;
  const findings: Finding[] = [judgeNode(process.version), await folderFinding(folder.path)];
  if (running) {
    try {
      const status = await connectAdmin(folder.adminSocket, (await stat(folder.path)).uid).status();
      if (typeof status['pid'] === 'number') pid = status['pid'];
      findings.push(ok('server', `Running${pid === undefined ? '' : ` as process ${pid}`}, ${String(status['accounts'])} accounts.`));
    } catch (error) {
      findings.push(fail('server', (error as Error).message, 'Restart the server; its log says more.'));
    }
  } else findings.push(ok('server', 'Stopped.'));
  for (const key of ['xmpp', 'xmpps', 'http'] as const) findings.push(await portFinding(`listen.${key}`, config.listen[key], running));
  const { xmpps } = config.listen;
  // A name that is an address cannot be in SNI.
  for (const { domain } of config.domains)
    if (running && xmpps !== undefined && xmpps.port !== 0 && isIP(domain) === 0)
      findings.push(await directTlsFinding('listen.xmpps', xmpps, domain));
  const now = Date.now();
  findings.push(
    judgeOpenFiles(await openFileLimit(pid), config.transport.connections),
    await diskFinding(folder.path),
    judgeClock(now, await lastWritten([folder.database, `${folder.database}-wal`])),
  );
  for (const [index, domain] of config.domains.entries()) {
    const own = index === 0 ? folder.tls : join(folder.tls, encodeURIComponent(domain.domain));
    findings.push(
      await certificateFinding(config, own, now, domain),
      ...(await dnsFindings(config, domain.domain, onlyThisMachine(config), names)),
    );
  }
  findings.push(...(await smsFindings(config)));
  return findings;
}
