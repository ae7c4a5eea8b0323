// Accepts every sign-in and forwards messages by byte search. No checks, no features: only as a floor to compare with.
import { createServer, type Socket } from 'node:net';

const FEATURES = '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms>';
const HEAD =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s' from='localhost' version='1.0'><stream:features>";
const CHALLENGE = Buffer.from('r=0123456789abcdef0123456789,s=QSXCR+Q6sek8bf92,i=4096').toString('base64');
const END = Buffer.from('</message>');
const TO = Buffer.from("to='");
const ACK = Buffer.from('<r ');

interface Client {
  socket: Socket;
  out: Buffer[];
  handled: number;
}
const users = new Map<string, Client>();
let dirty: Client[] = [];

function send(client: Client, bytes: Buffer): void {
  if (client.out.push(bytes) === 1 && dirty.push(client) === 1) setImmediate(flush);
}
function flush(): void {
  const now = dirty;
  dirty = [];
  for (const client of now) {
    client.socket.write(client.out.length === 1 ? (client.out[0] as Buffer) : Buffer.concat(client.out));
    client.out = [];
  }
}

createServer({ noDelay: true }, (socket) => {
  const client: Client = { socket, out: [], handled: 1 };
  let user = '';
  let signedIn = false;
  let rest: Buffer | undefined;
  const forward = (chunk: Buffer): void => {
    let data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    rest = undefined;
    let at = 0;
    let end = data.indexOf(END);
    for (; end >= 0; end = data.indexOf(END, at)) {
      const start = data.indexOf(0x3c, at);
      const to = data.indexOf(TO, start) + 4;
      const receiver = users.get(data.toString('latin1', to, data.indexOf(0x40, to)));
      at = end + END.length;
      if (receiver) send(receiver, Buffer.from(data.subarray(data.indexOf(0x6d, start) - 1, at)));
      client.handled++;
      if (data.indexOf(ACK, at) === at) {
        at = data.indexOf(0x3e, at) + 1;
        send(client, Buffer.from(`<a xmlns='urn:xmpp:sm:3' h='${client.handled}'/>`));
      }
    }
    if (at < data.length) {
      data = data.subarray(at);
      if (data.includes('</stream:stream>')) socket.end('</stream:stream>');
      else if (data.includes('<presence/>')) return;
      else rest = Buffer.from(data);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    if (signedIn) return forward(chunk);
    const text = chunk.toString('latin1');
    if (text.includes('<stream:stream')) socket.write(`${HEAD}${user === '' ? FEATURES : ''}</stream:features>`);
    else if (text.includes("mechanism='SCRAM")) {
      // A challenge with whatever nonce: the generator does not look, and the answer is not looked at here.
      user = 'somebody';
      socket.write(`<challenge xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${CHALLENGE}</challenge>`);
    } else if (text.includes('<response')) socket.write('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
    else if (text.includes('<auth')) {
      user =
        Buffer.from(/>([^<]*)</.exec(text)?.[1] ?? '', 'base64')
          .toString()
          .split('\0')[1] ?? '';
      users.set(user, client);
      socket.write('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
    } else if (text.includes('<bind')) socket.write("<iq type='result' id='b'></iq>");
    else if (text.includes('jabber:iq:register')) socket.write("<iq type='result' id='r'/>");
    else if (text.includes('<enable')) socket.write("<enabled xmlns='urn:xmpp:sm:3'/>");
    if (text.includes('<presence/>')) signedIn = true;
    if (text.includes('</stream:stream>')) socket.end('</stream:stream>');
  });
  socket.on('error', () => {});
}).listen(Number(process.argv[2]), '127.0.0.1');
