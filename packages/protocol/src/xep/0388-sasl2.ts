/** XEP-0388: Extensible SASL Profile (urn:xmpp:sasl:2). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Decode, base64Encode } from '../sasl/base64.ts';
import { bounded, is } from './decode.ts';

/** Who connects; told to the server only. */
export interface UserAgent {
  /** A UUID v4 in lower case, stable for one installation. */
  id?: string;
  software?: string;
  device?: string;
}

export interface Sasl2Authenticate {
  mechanism: string;
  initialResponse?: Uint8Array;
  userAgent?: UserAgent;
}

export interface Sasl2Success {
  authorizationIdentifier: string;
  additionalData?: Uint8Array;
}

export interface Sasl2Continue {
  additionalData?: Uint8Array;
  tasks: string[];
  text?: string;
}

/** What a server offers, as far as a client here acts on it. */
export interface Sasl2Feature {
  mechanisms: string[];
  /** XEP-0198 resumption inline. */
  sm: boolean;
  /** XEP-0386; what can be enabled with the bind. Undefined: no Bind2. */
  bind?: string[];
  /** XEP-0484; undefined: no tokens. */
  fast?: string[];
  /** XEP-0480. */
  upgrades: string[];
}

/** Characters of a mechanism or task. */
const NAME_LENGTH = 64;
const AGENT_LENGTH = 256;
const JID_LENGTH = 3071;
const MANY = 64;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Base64 of an element's text; undefined when it is not. An empty element is an empty string. */
export function saslData(element: Element): Uint8Array | undefined {
  return base64Decode(element.text().trim());
}

function dataElement(name: string, bytes: Uint8Array | undefined): Element | undefined {
  return bytes === undefined ? undefined : el(name, null, base64Encode(bytes));
}

function decodeUserAgent(element: Element): UserAgent | undefined {
  const id = element.attr('id')?.toLowerCase();
  if (id !== undefined && !UUID_V4.test(id)) return undefined;
  const software = element.childText('software', NS.sasl2);
  const device = element.childText('device', NS.sasl2);
  if ((software?.length ?? 0) > AGENT_LENGTH || (device?.length ?? 0) > AGENT_LENGTH) return undefined;
  return { id, software, device };
}

function encodeUserAgent(agent: UserAgent): Element {
  return el(
    'user-agent',
    { id: agent.id },
    agent.software === undefined ? undefined : el('software', null, agent.software),
    agent.device === undefined ? undefined : el('device', null, agent.device),
  );
}

/** `inline`: what else is to happen with the sign-in (§2.2). */
export function encodeAuthenticate(value: Sasl2Authenticate, ...inline: (Element | undefined)[]): Element {
  return el(
    'authenticate',
    { xmlns: NS.sasl2, mechanism: value.mechanism },
    dataElement('initial-response', value.initialResponse),
    value.userAgent && encodeUserAgent(value.userAgent),
    ...inline,
  );
}

/** Undefined when something in it is not as it should be, or longer than it may be. */
export function decodeAuthenticate(element: Element): Sasl2Authenticate | undefined {
  if (!is(element, 'authenticate', NS.sasl2)) return undefined;
  const mechanism = bounded(element.attr('mechanism'), NAME_LENGTH);
  const response = element.child('initial-response', NS.sasl2);
  const initialResponse = response === undefined ? undefined : saslData(response);
  const agent = element.child('user-agent', NS.sasl2);
  const userAgent = agent === undefined ? undefined : decodeUserAgent(agent);
  if (!mechanism || (response !== undefined && initialResponse === undefined) || (agent !== undefined && userAgent === undefined))
    return undefined;
  return { mechanism, initialResponse, userAgent };
}

export function encodeSasl2Success(value: Sasl2Success, ...inline: (Element | undefined)[]): Element {
  return el(
    'success',
    { xmlns: NS.sasl2 },
    dataElement('additional-data', value.additionalData),
    el('authorization-identifier', null, value.authorizationIdentifier),
    ...inline,
  );
}

export function decodeSasl2Success(element: Element): Sasl2Success | undefined {
  if (!is(element, 'success', NS.sasl2)) return undefined;
  const authorizationIdentifier = bounded(element.childText('authorization-identifier', NS.sasl2)?.trim(), JID_LENGTH);
  const data = element.child('additional-data', NS.sasl2);
  const additionalData = data === undefined ? undefined : saslData(data);
  if (!authorizationIdentifier || (data !== undefined && additionalData === undefined)) return undefined;
  return { authorizationIdentifier, additionalData };
}

/** A refusal; the condition is one of RFC 6120 §6.5. `details`: application-specific conditions. */
export function encodeSasl2Failure(condition: string, text?: string, ...details: Element[]): Element {
  return el(
    'failure',
    { xmlns: NS.sasl2 },
    el(condition, { xmlns: NS.sasl }),
    ...details,
    text === undefined ? undefined : el('text', null, text),
  );
}

/** The condition and text of a refusal. */
export function decodeSasl2Failure(element: Element): { condition?: string; text?: string } | undefined {
  if (!is(element, 'failure', NS.sasl2)) return undefined;
  return { condition: element.elements().find((child) => child.ns === NS.sasl)?.name, text: element.childText('text', NS.sasl2) };
}

export function encodeSasl2Continue(value: Sasl2Continue): Element {
  return el(
    'continue',
    { xmlns: NS.sasl2 },
    dataElement('additional-data', value.additionalData),
    el('tasks', null, ...value.tasks.map((task) => el('task', null, task))),
    value.text === undefined ? undefined : el('text', null, value.text),
  );
}

export function decodeSasl2Continue(element: Element): Sasl2Continue | undefined {
  if (!is(element, 'continue', NS.sasl2)) return undefined;
  const data = element.child('additional-data', NS.sasl2);
  const additionalData = data === undefined ? undefined : saslData(data);
  const tasks = (element.child('tasks', NS.sasl2)?.childrenNamed('task', NS.sasl2) ?? []).slice(0, MANY).map((task) => task.text().trim());
  if (tasks.length === 0 || (data !== undefined && additionalData === undefined)) return undefined;
  return { additionalData, tasks, text: element.childText('text', NS.sasl2) };
}

/** The `<authentication/>` stream feature; `inline` and `more` as the features of the server give them. */
export function sasl2Feature(mechanisms: readonly string[], inline: readonly Element[], more: readonly Element[]): Element {
  return el(
    'authentication',
    { xmlns: NS.sasl2 },
    ...mechanisms.map((name) => el('mechanism', null, name)),
    inline.length === 0 ? undefined : el('inline', null, ...inline),
    ...more,
  );
}

/** Undefined when the server does not offer SASL2. */
export function decodeSasl2Feature(features: Element): Sasl2Feature | undefined {
  const element = features.child('authentication', NS.sasl2);
  if (element === undefined) return undefined;
  const inline = element.child('inline', NS.sasl2);
  const names = (parent: Element | undefined, ns: string): string[] | undefined =>
    parent
      ?.childrenNamed('mechanism', ns)
      .slice(0, MANY)
      .map((child) => child.text().trim());
  const bind = inline?.child('bind', NS.bind2);
  const enables = bind?.child('inline', NS.bind2)?.childrenNamed('feature', NS.bind2) ?? [];
  return {
    mechanisms: names(element, NS.sasl2) ?? [],
    sm: inline?.child('sm', NS.sm) !== undefined,
    bind: bind === undefined ? undefined : enables.slice(0, MANY).flatMap((child) => child.attr('var') ?? []),
    fast: names(inline?.child('fast', NS.fast), NS.fast),
    upgrades: element
      .childrenNamed('upgrade', NS.saslUpgrade)
      .slice(0, MANY)
      .map((child) => child.text().trim()),
  };
}
