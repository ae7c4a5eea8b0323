// Files in the stories: uploaded (XEP-0363), shown in a message (XEP-0447), and whether they are still there.
import assert from 'node:assert/strict';
import type { Person } from './people.ts';

/** The content of a message that shows the file at this address. */
export const file = (url: string): string =>
  `<body>${url}</body><x xmlns='jabber:x:oob'><url>${url}</url></x><file-sharing xmlns='urn:xmpp:sfs:0'><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='${url}'/></sources></file-sharing>`;
/** Answers the address to read it from. */
export async function upload(who: Person): Promise<string> {
  const slot = await who.ask('get', "<request xmlns='urn:xmpp:http:upload:0' filename='a.bin' size='5'/>", 'localhost');
  const addresses = slot.child('slot');
  const done = await fetch(addresses?.child('put')?.attrs['url'] ?? '', { method: 'PUT', body: Buffer.from('hello') });
  assert.equal(done.status, 201);
  return addresses?.child('get')?.attrs['url'] ?? '';
}
export const status = async (url: string): Promise<number> => (await fetch(url)).status;
