/** The providers of short messages that the settings name. */
import { readFile } from 'node:fs/promises';
import { ConfigError, type Log } from '@parley/core';
import {
  type Alphabet,
  consoleProvider,
  providerUrl,
  type SmsProvider,
  smppProvider,
  smppServer,
  twilioProvider,
  webhookKey,
  webhookProvider,
} from '@parley/http';
import type { PhoneConfig } from './config/phone.ts';

/** Opens them, in order; none connects before there is something to send. Throws ConfigError. */
export async function openSmsProviders(phone: PhoneConfig | undefined, log: Log, now: () => number): Promise<SmsProvider[]> {
  const opened: SmsProvider[] = [];
  for (const name of phone?.providers ?? []) {
    const { twilio, smpp, webhook } = phone as PhoneConfig;
    switch (name) {
      case 'twilio':
        opened.push(twilioProvider({ ...twilio, url: providerUrl(twilio.url) as URL }));
        break;
      case 'smpp': {
        const where = smppServer(smpp.server) as NonNullable<ReturnType<typeof smppServer>>;
        const ca =
          smpp.ca === ''
            ? undefined
            : await readFile(smpp.ca, 'utf8').catch((error: Error) => {
                throw new ConfigError(`phone.smpp.ca: cannot read ${smpp.ca}: ${error.message}.`, { cause: error });
              });
        opened.push(smppProvider({ ...smpp, ...where, ca, alphabet: smpp.alphabet as Alphabet, enquireMs: smpp.enquireLink, log }));
        break;
      }
      case 'webhook':
        opened.push(webhookProvider({ url: providerUrl(webhook.url) as URL, key: webhookKey(webhook.secret) as Uint8Array, now }));
        break;
      case 'console':
        opened.push(consoleProvider(log));
    }
  }
  return opened;
}
