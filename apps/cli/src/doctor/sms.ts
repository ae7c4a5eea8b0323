/** The providers of short messages: reached, and asked whether they know us. Nothing is sent. */
import type { SmsProvider } from '@parley/http';
import { type Config, openSmsProviders } from '@parley/server';
import { type Finding, fail, ok, warn } from './finding.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

async function providerFinding(provider: SmsProvider): Promise<Finding> {
  const subject = `phone.${provider.name}`;
  if (provider.shows === true)
    return warn(
      subject,
      'Codes are shown to whoever asks for one: anybody signs in as anybody.',
      'Take console out of phone.providers before others use this server.',
    );
  try {
    return ok(subject, await provider.check());
  } catch (error) {
    return fail(subject, (error as Error).message, `Check the settings of ${subject}, and whether this machine may connect there.`);
  } finally {
    provider.close();
  }
}

/** One finding for each provider. */
export async function smsFindings({ phone }: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const provider of await openSmsProviders(phone, SILENT, Date.now)) findings.push(await providerFinding(provider));
  if (phone?.providers.includes('smpp') === true && phone.smpp.server.startsWith('smpp:'))
    findings.push(
      warn('phone.smpp', 'Numbers and codes go to the SMSC in the clear.', 'Use smpps://, or a private line or VPN to the SMSC.'),
    );
  return findings;
}
