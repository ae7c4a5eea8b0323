// Helpers for stories about personal nodes: clients that say what they want to hear of, and requests as text.
import { createHash } from 'node:crypto';
import type { TestServer } from '../support/server.ts';
import { type Heard, Person, presence, type Wanted } from './people.ts';

export const PUBSUB = 'http://jabber.org/protocol/pubsub';
export const EVENT = `${PUBSUB}#event`;

const INFO = 'http://jabber.org/protocol/disco#info';

/** What a client that wants these nodes says of itself: caps for its presence, and the answer to disco#info. */
export function capsOf(nodes: readonly string[], name = 'test'): { presence: string; info: string; ver: string } {
  const features = [INFO, ...nodes.map((node) => `${node}+notify`)].sort();
  const text = `client/pc//${name}<${features.map((feature) => `${feature}<`).join('')}`;
  const ver = createHash('sha1').update(text).digest('base64');
  const info = `<query xmlns='${INFO}'><identity category='client' type='pc' name='${name}'/>${features.map((one) => `<feature var='${one}'/>`).join('')}</query>`;
  return {
    presence: `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='${ver}'/></presence>`,
    info,
    ver,
  };
}

/** The server's question about capabilities. */
export const question: Wanted = { name: 'iq', attrs: { type: 'get' }, where: (iq) => iq.child('query', INFO) !== undefined };

/** Becomes available as a client that wants events of these nodes; answers the server when it has to ask. */
export async function wants(person: Person, nodes: readonly string[], asked = true): Promise<void> {
  const caps = capsOf(nodes, `test ${nodes.join(' ')}`);
  person.send(caps.presence);
  await person.take(presence({ from: person.jid }));
  if (asked) await answerCaps(person, caps.info);
  await person.settled();
}
export async function answerCaps(person: Person, info: string): Promise<void> {
  const iq = await person.take(question);
  person.send(`<iq type='result' id='${iq.attrs['id']}' to='${iq.attrs['from']}'>${info}</iq>`);
}

/** Signs in as such a client. */
export async function reader(server: TestServer, user: string, nodes: readonly string[], asked = true): Promise<Person> {
  const person = await Person.signIn(server, user, { presence: false });
  await wants(person, nodes, asked);
  return person;
}

export const form = (type: string, fields: Readonly<Record<string, string>>): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#${type}</value></field>${Object.entries(
    fields,
  )
    .map(([name, value]) => `<field var='pubsub#${name}'><value>${value}</value></field>`)
    .join('')}</x>`;

export const tune = (title: string): string => `<tune xmlns='http://jabber.org/protocol/tune'><title>${title}</title></tune>`;
export const TUNE = 'http://jabber.org/protocol/tune';

export const publish = (node: string, id: string | undefined, payload: string, options?: Readonly<Record<string, string>>): string =>
  `<pubsub xmlns='${PUBSUB}'><publish node='${node}'><item${id === undefined ? '' : ` id='${id}'`}>${payload}</item></publish>${
    options === undefined ? '' : `<publish-options>${form('publish-options', options)}</publish-options>`
  }</pubsub>`;
export const pubsub = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;
export const owner = (content: string): string => `<pubsub xmlns='${PUBSUB}#owner'>${content}</pubsub>`;
export const items = (node: string, content = '', attrs = ''): string => pubsub(`<items node='${node}'${attrs}>${content}</items>`);
export const configure = (node: string, fields: Readonly<Record<string, string>>): string =>
  owner(`<configure node='${node}'>${form('node_config', fields)}</configure>`);

/** An event about this node. */
export const event = (node: string, attrs: Wanted['attrs'] = {}): Wanted => ({
  name: 'message',
  attrs,
  where: (heard) => eventOf(heard)?.attrs['node'] === node,
});
export const eventOf = (heard: Heard): Heard | undefined => heard.child('event', EVENT)?.children[0];
/** Ids of the items in an event or in an answer to `items`. */
export const idsIn = (heard: Heard): string[] =>
  (eventOf(heard) ?? heard.child('pubsub')?.child('items'))?.all('item').map((item) => item.attrs['id'] ?? '') ?? [];
export const textIn = (heard: Heard): string =>
  String((eventOf(heard) ?? heard.child('pubsub')?.child('items'))?.child('item')?.children[0] ?? '');
/** The condition of pubsub in a stanza error. */
export const pubsubError = (heard: Heard): string | undefined =>
  heard.child('error')?.children.find((child) => child.ns === `${PUBSUB}#errors`)?.name;
export const errors = (heard: Heard): Array<string | undefined> => [heard.error, pubsubError(heard)];
