/** How clients find the server of a domain: SRV records (RFC 6120 §3.2.1, XEP-0368), else the address of the domain itself. */
import type { SrvRecord } from 'node:dns';
import type { Config } from '@parley/server';
import { type Finding, fail, ok, warn } from './finding.ts';

/** The part of `dns.promises.Resolver` that is used. */
export interface Names {
  resolveSrv(name: string): Promise<SrvRecord[]>;
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
}

const ABSENT = new Set(['ENOTFOUND', 'ENODATA', 'NXDOMAIN']);

async function lookUp<T>(ask: () => Promise<T[]>): Promise<T[]> {
  try {
    return await ask();
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

async function addresses(names: Names, host: string): Promise<string[]> {
  const [four, six] = await Promise.all([lookUp(() => names.resolve4(host)), lookUp(() => names.resolve6(host))]);
  return [...four, ...six];
}

/** The findings for the records of the domain. Nothing is asked when the domain is not one of the Internet. */
export async function dnsFindings({ listen }: Config, domain: string, loopback: boolean, names: Names): Promise<Finding[]> {
  if (domain === 'localhost' || domain.endsWith('.localhost') || /^[\d.]+$|:/.test(domain))
    return [ok('dns', `${domain} needs no records.`)];
  const findings: Finding[] = [];
  if (loopback)
    findings.push(
      warn(
        'dns',
        `The domain is ${domain}, but the server listens on this machine only.`,
        'Let it listen on 0.0.0.0 or :: (listen.xmpp=:5222 …), or have a proxy on this machine pass connections on.',
      ),
    );
  try {
    const host = await addresses(names, domain);
    if (host.length === 0)
      findings.push(warn('dns', `${domain} has no address (A or AAAA record).`, `Add one, when browsers shall open https://${domain}.`));
    else findings.push(ok('dns', `${domain} is ${host.join(', ')}.`));
    const services = [
      { key: 'listen.xmpp', name: `_xmpp-client._tcp.${domain}`, port: listen.xmpp?.port, usual: 5222 },
      { key: 'listen.xmpps', name: `_xmpps-client._tcp.${domain}`, port: listen.xmpps?.port, usual: undefined },
    ];
    for (const { key, name, port, usual } of services) {
      const found = await lookUp(() => names.resolveSrv(name));
      // RFC 2782: a target of "." says that there is no such service here, and clients believe it (RFC 6120 §3.2.1, XEP-0368).
      const refused = found.length > 0 && found.every((record) => record.name === '' || record.name === '.');
      if (port === undefined) {
        if (found.length > 0 && !refused)
          findings.push(warn('dns', `${name} exists, and ${key} is off.`, `Remove the record, or set ${key}=:${found[0]?.port}.`));
        continue;
      }
      if (refused) {
        // Direct TLS is one way more; without the other one nobody comes in.
        const judge = usual === undefined ? warn : fail;
        findings.push(
          judge('dns', `${name} says that there is no such service, and ${key} is port ${port}.`, `Remove the record, or set ${key}=off.`),
        );
        continue;
      }
      const records = found.filter((record) => record.name !== '' && record.name !== '.');
      const record = `${name}. SRV 0 5 ${port} ${domain}.`;
      if (records.length === 0) {
        if (port === usual && host.length > 0) findings.push(ok('dns', `No ${name}; clients use ${domain} port ${port}, which is right.`));
        else if (usual === undefined) findings.push(warn('dns', `No ${name}: clients do not find direct TLS.`, `Add: ${record}`));
        else findings.push(fail('dns', `No ${name}: clients look for ${domain} port ${usual}.`, `Add: ${record}`));
        continue;
      }
      for (const found of records) {
        const at = await addresses(names, found.name);
        if (at.length === 0)
          findings.push(
            fail('dns', `${name} points at ${found.name}, which has no address.`, `Add an A or AAAA record for ${found.name}.`),
          );
        else if (found.port !== port)
          findings.push(
            warn(
              'dns',
              `${name} says port ${found.port}, and ${key} is port ${port}.`,
              'Change one of the two, unless a proxy or port forwarding is between them.',
            ),
          );
        else findings.push(ok('dns', `${name} points at ${found.name} port ${found.port} (${at.join(', ')}).`));
      }
    }
  } catch (error) {
    findings.push(warn('dns', `The name server does not answer: ${(error as Error).message}.`, 'Check /etc/resolv.conf and the network.'));
  }
  return findings;
}
