/** XEP-0480: SASL Upgrade Tasks, with the tasks for SCRAM (§3). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Decode, base64Encode } from '../sasl/base64.ts';
import type { ScramHash } from '../sasl/scram-keys.ts';
import { is, parseWhole } from './decode.ts';

export interface ScramUpgradeSalt {
  salt: Uint8Array;
  iterations: number;
}

/** The hash that a task upgrades to; undefined for any other task. */
export function upgradeHash(task: string): ScramHash | undefined {
  return /^UPGR-SCRAM-(SHA-1|SHA-256|SHA-512)$/.exec(task)?.[1] as ScramHash | undefined;
}
export function upgradeTask(hash: ScramHash): string {
  return `UPGR-SCRAM-${hash}`;
}

/** Both as the server's offer and as the client's wish. */
export function encodeUpgrade(task: string): Element {
  return el('upgrade', { xmlns: NS.saslUpgrade }, task);
}
export function decodeUpgrades(parent: Element): string[] {
  return parent
    .childrenNamed('upgrade', NS.saslUpgrade)
    .slice(0, 8)
    .map((child) => child.text().trim());
}

export function encodeUpgradeSalt({ salt, iterations }: ScramUpgradeSalt): Element {
  return el('salt', { xmlns: NS.scramUpgrade, iterations }, base64Encode(salt));
}
export function decodeUpgradeSalt(element: Element): ScramUpgradeSalt | undefined {
  if (!is(element, 'salt', NS.scramUpgrade)) return undefined;
  const salt = base64Decode(element.text().trim());
  const iterations = parseWhole(element.attr('iterations'));
  return salt === undefined || salt.length === 0 || iterations === undefined || iterations < 4096 ? undefined : { salt, iterations };
}

/** The SaltedPassword of RFC 5802. */
export function encodeUpgradeHash(salted: Uint8Array): Element {
  return el('hash', { xmlns: NS.scramUpgrade }, base64Encode(salted));
}
export function decodeUpgradeHash(element: Element): Uint8Array | undefined {
  return is(element, 'hash', NS.scramUpgrade) ? base64Decode(element.text().trim()) : undefined;
}
