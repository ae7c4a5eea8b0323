// Bad input, by phase of the stream, and what each must get (docs/design/security table; RFC 6120 §4.9, §8.3, §11).
// After each case the same healthy session must be served, and nothing that was refused may be stored or shown.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { RawClient, rawSession } from '../support/raw.ts';
import { startServer, type TestServer } from '../support/server.ts';

const NSS = {
  stream: "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'",
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
};
const open = (attributes = "to='localhost' version='1.0'"): string => `<?xml version='1.0'?><stream:stream ${NSS.stream} ${attributes}>`;
const auth = (mechanism: string, data: string): string => `<auth xmlns='${NSS.sasl}' mechanism='${mechanism}'>${data}</auth>`;
const plain = (authzid: string, user: string, password: string): string =>
  Buffer.from(`${authzid}\0${user}\0${password}`).toString('base64');
const deep = (levels: number): string => '<a>'.repeat(levels);
const bytes = (...parts: Array<string | number[]>): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const message = (inner: string, attributes = "to='bob@localhost' type='chat' id='m'"): string =>
  `<message ${attributes}>${inner}</message>`;

type Phase = 'connected' | 'guest' | 'authenticated' | 'bound';
interface Case {
  readonly name: string;
  readonly phase: Phase;
  readonly send: string | Uint8Array;
  /** The stream error: the connection must be closed behind it. */
  readonly streamError?: readonly string[];
  /** A stanza error to the sender; the stream lives. */
  readonly stanzaError?: string;
  /** SASL failure; the stream lives. */
  readonly saslFailure?: string;
  /** Other answer; the stream lives. */
  readonly answer?: RegExp;
  /** Nothing happens and the stream lives. */
  readonly ignored?: true;
}

const notWellFormed = ['not-well-formed', 'restricted-xml', 'invalid-xml', 'bad-format', 'unsupported-encoding'];

const cases: Case[] = [
  // --- the first bytes
  { name: 'an HTTP request', phase: 'connected', send: 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', streamError: notWellFormed },
  {
    name: 'a TLS ClientHello on the STARTTLS port',
    phase: 'connected',
    send: bytes([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    streamError: notWellFormed,
  },
  { name: 'random bytes', phase: 'connected', send: bytes([0x80, 0xff, 0x00, 0x13, 0x37]), streamError: notWellFormed },
  {
    name: 'UTF-16 with byte order mark',
    phase: 'connected',
    send: bytes([0xff, 0xfe], [...Buffer.from(open(), 'utf16le')]),
    streamError: notWellFormed,
  },
  {
    name: 'UTF-16 without byte order mark',
    phase: 'connected',
    send: bytes([...Buffer.from(open(), 'utf16le')]),
    streamError: notWellFormed,
  },
  {
    name: 'an encoding declaration of Latin-1',
    phase: 'connected',
    send: open().replace("'1.0'?", "'1.0' encoding='ISO-8859-1'?"),
    streamError: ['unsupported-encoding', 'not-well-formed'],
  },
  {
    name: 'XML 1.1',
    phase: 'connected',
    send: open().replace("<?xml version='1.0'?>", "<?xml version='1.1'?>"),
    streamError: notWellFormed,
  },
  {
    name: 'a DOCTYPE before the stream',
    phase: 'connected',
    send: `<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]>${open().slice(21)}`,
    streamError: ['restricted-xml', 'not-well-formed'],
  },
  {
    name: 'a wrong stream namespace',
    phase: 'connected',
    send: "<stream:stream xmlns='jabber:client' xmlns:stream='urn:wrong' to='localhost' version='1.0'>",
    streamError: ['invalid-namespace'],
  },
  {
    name: 'a wrong content namespace',
    phase: 'connected',
    send: "<stream:stream xmlns='jabber:wrong' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    streamError: ['invalid-namespace'],
  },
  {
    name: 'another root element',
    phase: 'connected',
    send: `<stanza ${NSS.stream} to='localhost' version='1.0'>`,
    streamError: ['bad-format', 'invalid-namespace', 'not-well-formed'],
  },
  { name: 'an unknown host', phase: 'connected', send: open("to='elsewhere.example' version='1.0'"), streamError: ['host-unknown'] },
  {
    name: 'a malformed host',
    phase: 'connected',
    send: open("to='a@b@c' version='1.0'"),
    streamError: ['host-unknown', 'improper-addressing'],
  },
  { name: 'no version', phase: 'connected', send: open("to='localhost'"), streamError: ['unsupported-version'] },
  { name: 'version 0.9', phase: 'connected', send: open("to='localhost' version='0.9'"), streamError: ['unsupported-version'] },
  {
    name: 'a stream header with 10,000 attributes',
    phase: 'connected',
    send: open(Array.from({ length: 10_000 }, (_, i) => `a${i}='x'`).join(' ')),
    streamError: ['policy-violation'],
  },
  // --- before sign-in
  { name: 'a message before sign-in', phase: 'guest', send: message('<body>x</body>'), streamError: ['not-authorized'] },
  { name: 'presence before sign-in', phase: 'guest', send: '<presence/>', streamError: ['not-authorized'] },
  {
    name: 'a roster request before sign-in',
    phase: 'guest',
    send: "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
    streamError: ['not-authorized'],
  },
  {
    name: 'bind before sign-in',
    phase: 'guest',
    send: "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    streamError: ['not-authorized'],
  },
  {
    name: 'stream management before sign-in',
    phase: 'guest',
    send: "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    answer: /<failed[^>]*><unexpected-request/,
  },
  {
    name: 'resume before sign-in',
    phase: 'guest',
    send: "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    answer: /<failed[^>]*><unexpected-request/,
  },
  {
    name: 'an element of no known kind before sign-in',
    phase: 'guest',
    send: "<whatever xmlns='urn:x'/>",
    streamError: ['unsupported-stanza-type'],
  },
  {
    name: 'more than 8 KiB before sign-in (CVE-2026-43506)',
    phase: 'guest',
    send: auth('PLAIN', 'A'.repeat(9000)),
    streamError: ['policy-violation'],
  },
  {
    name: 'more than 32 elements before sign-in',
    phase: 'guest',
    send: `<iq type='get' id='1'><query xmlns='jabber:iq:register'>${'<x/>'.repeat(60)}</query></iq>`,
    streamError: ['policy-violation'],
  },
  { name: 'depth before sign-in', phase: 'guest', send: deep(200), streamError: ['policy-violation'] },
  { name: 'an unknown mechanism', phase: 'guest', send: auth('CRAM-MD5', ''), saslFailure: 'invalid-mechanism' },
  { name: 'bad base64', phase: 'guest', send: auth('PLAIN', '!!!!'), saslFailure: 'incorrect-encoding' },
  {
    name: 'base64 with stray padding bits',
    phase: 'guest',
    send: auth('PLAIN', 'AGFsaWNlAHNlY3JldB=='),
    saslFailure: 'incorrect-encoding',
  },
  {
    name: 'PLAIN without its parts',
    phase: 'guest',
    send: auth('PLAIN', Buffer.from('alice').toString('base64')),
    saslFailure: 'malformed-request',
  },
  { name: 'PLAIN with a wrong password', phase: 'guest', send: auth('PLAIN', plain('', 'alice', 'wrong')), saslFailure: 'not-authorized' },
  {
    name: 'PLAIN of an account that does not exist',
    phase: 'guest',
    send: auth('PLAIN', plain('', 'nobody', 'wrong')),
    saslFailure: 'not-authorized',
  },
  {
    name: 'PLAIN with the identity of another (A1)',
    phase: 'guest',
    send: auth('PLAIN', plain('bob@localhost', 'alice', 'secret')),
    saslFailure: 'invalid-authzid',
  },
  {
    name: 'a response without auth',
    phase: 'guest',
    send: `<response xmlns='${NSS.sasl}'>AAAA</response>`,
    saslFailure: 'malformed-request',
  },
  { name: 'abort', phase: 'guest', send: `<abort xmlns='${NSS.sasl}'/>`, saslFailure: 'aborted' },
  {
    name: 'SCRAM with an empty user name',
    phase: 'guest',
    send: auth('SCRAM-SHA-1', Buffer.from('n,,n=,r=abcdefghijkl').toString('base64')),
    saslFailure: 'malformed-request',
  },
  {
    name: 'SCRAM with a reserved extension (m=)',
    phase: 'guest',
    send: auth('SCRAM-SHA-1', Buffer.from('n,,m=x,n=alice,r=abcdefghijkl').toString('base64')),
    saslFailure: 'malformed-request',
  },
  {
    name: 'SCRAM with a NUL in the name',
    phase: 'guest',
    send: auth('SCRAM-SHA-1', Buffer.from('n,,n=al\0ice,r=abcdefghijkl').toString('base64')),
    saslFailure: 'malformed-request',
  },
  {
    name: 'SCRAM-PLUS without TLS',
    phase: 'guest',
    send: auth('SCRAM-SHA-256-PLUS', Buffer.from('p=tls-exporter,,n=alice,r=abcdefghijkl').toString('base64')),
    saslFailure: 'invalid-mechanism',
  },
  { name: 'a second stream header out of turn', phase: 'guest', send: open(), streamError: notWellFormed },
  // --- signed in, not bound
  { name: 'a message before bind', phase: 'authenticated', send: message('<body>x</body>'), streamError: ['not-authorized'] },
  {
    name: 'a second auth after success',
    phase: 'authenticated',
    send: auth('PLAIN', plain('', 'alice', 'secret')),
    streamError: ['unsupported-stanza-type', 'policy-violation', 'not-authorized'],
  },
  {
    name: 'a resource of 2,000 bytes',
    phase: 'authenticated',
    send: `<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${'r'.repeat(2000)}</resource></bind></iq>`,
    stanzaError: 'bad-request',
  },
  {
    name: 'a resource with a control character',
    phase: 'authenticated',
    send: "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>a&#x7f;b</resource></bind></iq>",
    stanzaError: 'bad-request',
  },
  {
    name: 'resume of an unknown session',
    phase: 'authenticated',
    send: "<resume xmlns='urn:xmpp:sm:3' previd='nosuch' h='0'/>",
    answer: /<failed[^>]*><item-not-found/,
  },
  {
    name: 'resume without h',
    phase: 'authenticated',
    send: "<resume xmlns='urn:xmpp:sm:3' previd='nosuch'/>",
    answer: /<failed[^>]*><bad-request/,
  },
  {
    name: 'enable before bind',
    phase: 'authenticated',
    send: "<enable xmlns='urn:xmpp:sm:3'/>",
    answer: /<failed[^>]*><unexpected-request/,
  },
  // --- XML, bound
  {
    name: 'a DOCTYPE in the stream (X1)',
    phase: 'bound',
    send: "<!DOCTYPE x [<!ENTITY a 'b'>]>",
    streamError: ['restricted-xml', 'not-well-formed'],
  },
  { name: 'a comment', phase: 'bound', send: message('<body>a<!-- b --></body>'), streamError: ['restricted-xml', 'not-well-formed'] },
  { name: 'a processing instruction', phase: 'bound', send: message('<?php x ?>'), streamError: ['restricted-xml', 'not-well-formed'] },
  { name: 'an undefined entity', phase: 'bound', send: message('<body>&foo;</body>'), streamError: ['restricted-xml', 'not-well-formed'] },
  { name: 'a reference to U+0000', phase: 'bound', send: message('<body>&#0;</body>'), streamError: notWellFormed },
  { name: 'a reference to U+FFFE', phase: 'bound', send: message('<body>&#xFFFE;</body>'), streamError: notWellFormed },
  { name: 'a raw control character', phase: 'bound', send: message('<body>\u0001</body>'), streamError: notWellFormed },
  {
    name: 'overlong UTF-8',
    phase: 'bound',
    send: bytes("<message to='bob@localhost'><body>", [0xc0, 0x80], '</body></message>'),
    streamError: notWellFormed,
  },
  {
    name: 'a surrogate in UTF-8',
    phase: 'bound',
    send: bytes("<message to='bob@localhost'><body>", [0xed, 0xa0, 0x80], '</body></message>'),
    streamError: notWellFormed,
  },
  {
    name: 'beyond U+10FFFF',
    phase: 'bound',
    send: bytes("<message to='bob@localhost'><body>", [0xf5, 0x80, 0x80, 0x80], '</body></message>'),
    streamError: notWellFormed,
  },
  {
    name: 'half a character before a tag',
    phase: 'bound',
    send: bytes("<message to='bob@localhost'><body>", [0xe2, 0x82], '</body></message>'),
    streamError: notWellFormed,
  },
  { name: 'a byte order mark in mid-stream', phase: 'bound', send: bytes([0xef, 0xbb, 0xbf], '<presence/>'), streamError: notWellFormed },
  { name: 'a duplicate attribute', phase: 'bound', send: "<message to='bob@localhost' to='bob@localhost'/>", streamError: notWellFormed },
  {
    name: 'a duplicate attribute by two prefixes',
    phase: 'bound',
    send: "<message to='bob@localhost'><x xmlns='u' xmlns:a='n' xmlns:b='n' a:k='1' b:k='2'/></message>",
    streamError: notWellFormed,
  },
  { name: 'an unbound prefix', phase: 'bound', send: "<message to='bob@localhost'><p:x/></message>", streamError: notWellFormed },
  {
    name: 'a prefix unbound by an empty name',
    phase: 'bound',
    send: "<message to='bob@localhost'><x xmlns:p=''/></message>",
    streamError: notWellFormed,
  },
  {
    name: 'xmlns bound anew',
    phase: 'bound',
    send: "<message to='bob@localhost'><x xmlns:xmlns='urn:x'/></message>",
    streamError: notWellFormed,
  },
  { name: 'a mismatched end tag', phase: 'bound', send: "<message to='bob@localhost'><body>x</bdy></message>", streamError: notWellFormed },
  { name: 'a raw < in an attribute', phase: 'bound', send: "<message to='bob<@localhost'/>", streamError: notWellFormed },
  { name: ']]> in text', phase: 'bound', send: message('<body>a]]>b</body>'), streamError: notWellFormed },
  { name: 'text between stanzas', phase: 'bound', send: 'hello', streamError: notWellFormed },
  { name: 'a stanza of 300 KB', phase: 'bound', send: message(`<body>${'x'.repeat(300_000)}</body>`), streamError: ['policy-violation'] },
  { name: 'depth 20,000 in one piece (saxes is quadratic here)', phase: 'bound', send: deep(20_000), streamError: ['policy-violation'] },
  {
    name: '10,000 attributes',
    phase: 'bound',
    send: `<message ${Array.from({ length: 10_000 }, (_, i) => `a${i}='x'`).join(' ')}/>`,
    streamError: ['policy-violation'],
  },
  {
    name: '10,000 namespace declarations',
    phase: 'bound',
    send: `<message><x ${Array.from({ length: 10_000 }, (_, i) => `xmlns:a${i}='u${i}'`).join(' ')}/></message>`,
    streamError: ['policy-violation'],
  },
  { name: '30,000 empty children in 256 KB', phase: 'bound', send: message('<a/>'.repeat(30_000)), streamError: ['policy-violation'] },
  {
    name: 'a stream tag inside a stanza (X4)',
    phase: 'bound',
    send: message('<body>x</body><stream:stream/>'),
    streamError: ['invalid-xml', 'not-well-formed', 'bad-format'],
  },
  {
    name: 'a SASL element inside a stanza (X4)',
    phase: 'bound',
    send: message(`<body>x</body><success xmlns='${NSS.sasl}'/>`),
    streamError: ['invalid-xml', 'not-well-formed', 'bad-format'],
  },
  {
    name: 'a stream management element inside a stanza (X4)',
    phase: 'bound',
    send: message("<body>x</body><a xmlns='urn:xmpp:sm:3' h='9'/>"),
    streamError: ['invalid-xml', 'not-well-formed', 'bad-format'],
  },
  {
    name: 'names from the prototype (X6)',
    phase: 'bound',
    send: "<message to='nobody@localhost' id='m' type='chat'><__proto__ xmlns='urn:x' constructor='1' toString='x'/><body>x</body></message>",
    stanzaError: 'service-unavailable',
  },
  // --- stanzas, bound
  {
    name: 'a stanza of the server namespace',
    phase: 'bound',
    send: "<message xmlns='jabber:server' to='bob@localhost'><body>x</body></message>",
    streamError: ['unsupported-stanza-type', 'invalid-namespace'],
  },
  {
    name: 'an unknown top-level element',
    phase: 'bound',
    send: "<thing xmlns='jabber:client'/>",
    streamError: ['unsupported-stanza-type'],
  },
  {
    name: 'from of another account (R1)',
    phase: 'bound',
    send: message('<body>x</body>', "to='bob@localhost' from='bob@localhost'"),
    streamError: ['invalid-from'],
  },
  {
    name: 'from of another resource (R1)',
    phase: 'bound',
    send: message('<body>x</body>', "to='bob@localhost' from='alice@localhost/other'"),
    streamError: ['invalid-from'],
  },
  {
    name: 'from of the server (R1)',
    phase: 'bound',
    send: message('<body>x</body>', "to='bob@localhost' from='localhost'"),
    streamError: ['invalid-from'],
  },
  {
    name: 'a malformed address',
    phase: 'bound',
    send: message('<body>x</body>', "to='@@@' id='m' type='chat'"),
    stanzaError: 'jid-malformed',
  },
  {
    name: 'an address with two at-signs',
    phase: 'bound',
    send: message('<body>x</body>', "to='a@b@localhost' id='m' type='chat'"),
    stanzaError: 'jid-malformed',
  },
  {
    name: 'a localpart of 1,024 bytes',
    phase: 'bound',
    send: message('<body>x</body>', `to='${'a'.repeat(1024)}@localhost' id='m' type='chat'`),
    stanzaError: 'jid-malformed',
  },
  {
    name: 'another server',
    phase: 'bound',
    send: message('<body>x</body>', "to='bob@elsewhere.example' id='m' type='chat'"),
    stanzaError: 'remote-server-not-found',
  },
  {
    name: 'a message to an account that does not exist',
    phase: 'bound',
    send: message('<body>x</body>', "to='nobody@localhost' id='m' type='chat'"),
    stanzaError: 'service-unavailable',
  },
  {
    name: 'an error to an account that does not exist is not answered',
    phase: 'bound',
    send: message("<error type='cancel'/>", "to='nobody@localhost' type='error' id='m'"),
    ignored: true,
  },
  {
    name: 'a groupchat message to an account',
    phase: 'bound',
    send: message('<body>x</body>', "to='bob@localhost' type='groupchat' id='m'"),
    stanzaError: 'service-unavailable',
  },
  { name: 'iq without id', phase: 'bound', send: "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>", stanzaError: 'bad-request' },
  { name: 'iq without type', phase: 'bound', send: "<iq id='1'><ping xmlns='urn:xmpp:ping'/></iq>", stanzaError: 'bad-request' },
  {
    name: 'iq of an unknown type',
    phase: 'bound',
    send: "<iq id='1' type='post'><ping xmlns='urn:xmpp:ping'/></iq>",
    stanzaError: 'bad-request',
  },
  { name: 'iq without payload', phase: 'bound', send: "<iq id='1' type='get'/>", stanzaError: 'bad-request' },
  {
    name: 'iq with two payloads',
    phase: 'bound',
    send: "<iq id='1' type='get'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
    stanzaError: 'bad-request',
  },
  {
    name: 'iq with an unknown payload',
    phase: 'bound',
    send: "<iq id='1' type='get'><x xmlns='urn:nobody-knows'/></iq>",
    stanzaError: 'service-unavailable',
  },
  { name: 'an iq result nobody asked for', phase: 'bound', send: "<iq id='proof-zzzzzzzzzzz' type='result'/>", ignored: true },
  {
    name: 'a roster push to another account (R2)',
    phase: 'bound',
    send: "<iq id='1' type='set' to='bob@localhost'><query xmlns='jabber:iq:roster'><item jid='eve@localhost' subscription='both'/></query></iq>",
    stanzaError: 'forbidden',
  },
  {
    name: 'a roster push to a full address (R2)',
    phase: 'bound',
    send: "<iq id='1' type='set' to='bob@localhost/healthy'><query xmlns='jabber:iq:roster'><item jid='eve@localhost' subscription='both'/></query></iq>",
    stanzaError: 'forbidden',
  },
  {
    name: 'an archive query of another account (R13)',
    phase: 'bound',
    send: "<iq id='1' type='set' to='bob@localhost'><query xmlns='urn:xmpp:mam:2'/></iq>",
    stanzaError: 'service-unavailable',
  },
  {
    name: 'bind twice',
    phase: 'bound',
    send: "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    stanzaError: 'service-unavailable',
  },
  { name: 'presence of priority 1000', phase: 'bound', send: '<presence><priority>1000</priority></presence>', stanzaError: 'bad-request' },
  { name: 'presence of an unknown type', phase: 'bound', send: "<presence type='sleepy'/>", stanzaError: 'bad-request' },
  {
    name: 'an acknowledgement without stream management',
    phase: 'bound',
    send: "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    streamError: ['unsupported-stanza-type'],
  },
  {
    name: 'a resume after bind',
    phase: 'bound',
    send: "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    answer: /<failed[^>]*><unexpected-request/,
  },
  {
    name: 'an acknowledgement of more than was sent',
    phase: 'bound',
    send: "<enable xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='4000000'/>",
    streamError: ['undefined-condition'],
  },
  {
    name: 'a negative acknowledgement',
    phase: 'bound',
    send: "<enable xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='-1'/>",
    streamError: ['bad-format'],
  },
  {
    name: 'an acknowledgement of 2^32',
    phase: 'bound',
    send: "<enable xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='4294967296'/>",
    streamError: ['bad-format'],
  },
  {
    name: 'enable twice',
    phase: 'bound',
    send: "<enable xmlns='urn:xmpp:sm:3'/><enable xmlns='urn:xmpp:sm:3'/>",
    answer: /<failed[^>]*><unexpected-request/,
  },
  {
    name: 'bytes behind the end of the stream',
    phase: 'bound',
    send: `</stream:stream>${message('<body>late</body>')}`,
    answer: /<\/stream:stream>/,
  },
];

let server: TestServer;
let healthy: RawClient & { jid: string };
let memoryBefore = 0;

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

before(async () => {
  server = await startServer({ config: { 'auth.allowPlaintext': true } });
  await server.createUser('alice', 'secret');
  await server.createUser('bob', 'secret');
  healthy = await rawSession(server, 'bob', { resource: 'healthy' });
  memoryBefore = await residentBytes(server.pid);
});
after(async () => {
  healthy?.cut();
  await server?.stop();
});

async function reach(phase: Phase): Promise<RawClient> {
  const client = await RawClient.connect(server.ports.xmpp);
  if (phase === 'guest') await client.open();
  if (phase === 'authenticated' || phase === 'bound') await client.signIn('alice', 'secret');
  if (phase === 'bound') await client.bind('bad');
  return client;
}

test('the table has at least 60 cases', () => assert.ok(cases.length >= 60, String(cases.length)));

for (const one of cases) {
  test(`bad input, ${one.phase}: ${one.name}`, async () => {
    const client = await reach(one.phase);
    client.send(one.send);
    if (one.streamError !== undefined) {
      const [, condition] = await client.expect(/<stream:error[^>]*><([a-z-]+)/);
      assert.ok(one.streamError.includes(condition ?? ''), `got ${condition}, expected ${one.streamError.join(' or ')}`);
      await client.closed();
    } else if (one.stanzaError !== undefined) {
      const [, condition] = await client.expect(/type=["']error["'].*?<error[^>]*><([a-z-]+)/s);
      assert.equal(condition, one.stanzaError);
    } else if (one.saslFailure !== undefined) {
      const [, condition] = await client.expect(/<failure[^>]*><([a-z-]+)/);
      assert.equal(condition, one.saslFailure);
    } else if (one.answer !== undefined) {
      await client.expect(one.answer);
    } else {
      assert.equal(await client.settled(), '');
    }
    client.cut();
    // The server lives and the healthy one was shown nothing of it.
    const shown = await healthy.settled();
    assert.doesNotMatch(shown, /<message|jabber:iq:roster/);
  });
}

test('slow drip: connected and silent is ended by the sign-in deadline', async () => {
  const strict = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.signInTime': '2s' } });
  try {
    const silent = await RawClient.connect(strict.ports.xmpp);
    const dripping = await RawClient.connect(strict.ports.xmpp);
    dripping.send('<');
    await silent.expect(/connection-timeout/);
    await dripping.expect(/connection-timeout/);
    await silent.closed();
  } finally {
    await strict.stop();
  }
});

test('three failed sign-ins end the stream', async () => {
  const client = await RawClient.connect(server.ports.xmpp);
  await client.open();
  for (let i = 0; i < 3; i++) {
    client.send(auth('PLAIN', plain('', 'alice', `wrong${i}`)));
    await client.expect(/<failure[^>]*><not-authorized/);
  }
  await client.expect(/policy-violation/);
  await client.closed();
});

test('9 MB of whitespace between stanzas holds no memory', async () => {
  const client = await reach('bound');
  const before = await residentBytes(server.pid);
  for (let i = 0; i < 9; i++) client.send(' '.repeat(1024 * 1024));
  await client.settled();
  client.cut();
  assert.ok((await residentBytes(server.pid)) - before < 64 * 1024 * 1024);
});

test('nothing of all this was stored, and no memory is held', async () => {
  healthy.send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
  const before = await healthy.expect(/<iq [^>]*id=["']mam["'].*?<\/iq>/s);
  assert.doesNotMatch(before.input, /<forwarded/);
  assert.ok((await residentBytes(server.pid)) - memoryBefore < 200 * 1024 * 1024, 'resident memory grew by more than 200 MB');
});
