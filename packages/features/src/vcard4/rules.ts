/** One card in two formats: vcard-temp (XEP-0054) and vCard4 (RFC 6350, as XML in RFC 6351), by the mapping of XEP-0292 §7. Pure. */
import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';

const OLD = NS.vcard;
const NEW = NS.vcard4;
const MANY = 32;
/** Types that vCard4 has in common with vcard-temp (XEP-0292 §7.3.1, §7.3.5). */
const TYPES = ['home', 'work', 'text', 'voice', 'fax', 'cell', 'video', 'pager'];
/** Properties that are one text in both: name there and here. A NOTE and a DESC are one thing (§7.1.1). */
const TEXTS: ReadonlyArray<readonly [old: string, now: string, many: boolean]> = [
  ['FN', 'fn', false],
  ['NICKNAME', 'nickname', true],
  ['TITLE', 'title', false],
  ['ROLE', 'role', false],
  ['DESC', 'note', false],
];
const NAME = { FAMILY: 'surname', GIVEN: 'given', MIDDLE: 'additional', PREFIX: 'prefix', SUFFIX: 'suffix' } as const;
const ADDRESS = {
  POBOX: 'pobox',
  EXTADD: 'ext',
  STREET: 'street',
  LOCALITY: 'locality',
  REGION: 'region',
  PCODE: 'code',
  CTRY: 'country',
} as const;

/** Elements that have a counterpart on the other side; all others stay where they are. */
const MAPPED_OLD = new Set([
  'FN',
  'N',
  'NICKNAME',
  'TITLE',
  'ROLE',
  'DESC',
  'NOTE',
  'BDAY',
  'URL',
  'EMAIL',
  'TEL',
  'ADR',
  'ORG',
  'JABBERID',
]);
const MAPPED_NEW = new Set(['fn', 'n', 'nickname', 'title', 'role', 'note', 'bday', 'url', 'email', 'tel', 'adr', 'org', 'impp']);

const text = (element: Element | undefined): string => element?.text().trim() ?? '';
const old = (name: string, value: string): Element | undefined => (value === '' ? undefined : el(name, null, value));

function typesOf(element: Element): { types: string[]; preferred: boolean } {
  const types = TYPES.filter((type) => element.child(type.toUpperCase(), OLD) !== undefined);
  return { types, preferred: element.child('PREF', OLD) !== undefined };
}
function parameters({ types, preferred }: { types: readonly string[]; preferred: boolean }): Element | undefined {
  if (types.length === 0 && !preferred) return undefined;
  return el(
    'parameters',
    null,
    types.length === 0 ? undefined : el('type', null, ...types.map((type) => el('text', null, type))),
    preferred ? el('pref', null, el('integer', null, '1')) : undefined,
  );
}
function flags(property: Element): Element[] {
  const given = property.child('parameters', NEW);
  const types =
    given
      ?.child('type', NEW)
      ?.elements()
      .map((one) => text(one).toLowerCase()) ?? [];
  const list = TYPES.filter((type) => types.includes(type)).map((type) => el(type.toUpperCase()));
  return given?.child('pref', NEW) === undefined ? list : [...list, el('PREF')];
}

/** A vCard4 that says what the older card says; what has no counterpart there is kept from the vCard4 of before. */
export function toVcard4(card: Element, before?: Element): Element {
  const list: Element[] = [];
  const all = (name: string): Element[] => card.childrenNamed(name, OLD).slice(0, MANY);
  for (const [from, to, many] of TEXTS) {
    const values = all(from)
      .map(text)
      .filter((value) => value !== '');
    for (const value of many ? values : values.slice(0, 1)) list.push(el(to, null, el('text', null, value)));
  }
  if (text(card.child('DESC', OLD)) === '' && text(card.child('NOTE', OLD)) !== '')
    list.push(el('note', null, el('text', null, text(card.child('NOTE', OLD)))));
  const name = card.child('N', OLD);
  if (name !== undefined)
    list.push(el('n', null, ...Object.entries(NAME).map(([from, to]) => el(to, null, text(name.child(from, OLD)) || undefined))));
  const birthday = text(card.child('BDAY', OLD));
  if (birthday !== '') list.push(el('bday', null, el(/^\d{4}-\d{2}-\d{2}$/.test(birthday) ? 'date' : 'text', null, birthday)));
  for (const one of all('URL')) if (text(one) !== '') list.push(el('url', null, el('uri', null, text(one))));
  for (const one of all('EMAIL')) {
    const address = text(one.child('USERID', OLD));
    if (address !== '') list.push(el('email', null, parameters(typesOf(one)), el('text', null, address)));
  }
  for (const one of all('TEL')) {
    const number = text(one.child('NUMBER', OLD));
    if (number !== '') list.push(el('tel', null, parameters(typesOf(one)), el('uri', null, `tel:${number}`)));
  }
  for (const one of all('ADR'))
    list.push(
      el(
        'adr',
        null,
        parameters(typesOf(one)),
        ...Object.entries(ADDRESS).map(([from, to]) => el(to, null, text(one.child(from, OLD)) || undefined)),
      ),
    );
  for (const one of all('ORG'))
    if (text(one.child('ORGNAME', OLD)) !== '') list.push(el('org', null, el('text', null, text(one.child('ORGNAME', OLD)))));
  for (const one of all('JABBERID')) if (text(one) !== '') list.push(el('impp', null, el('uri', null, `xmpp:${text(one)}`)));
  const kept = before?.elements().filter((child) => child.ns !== NEW || !MAPPED_NEW.has(child.name)) ?? [];
  return el('vcard', { xmlns: NEW }, ...list, ...kept);
}

/** The older card that says what the vCard4 says; the picture and what has no counterpart are kept from the card of before. */
export function toVcardTemp(card: Element, before?: Element): Element {
  const list: (Element | undefined)[] = [];
  const all = (name: string): Element[] => card.childrenNamed(name, NEW).slice(0, MANY);
  const uri = (property: Element, scheme: string): string => {
    const value = text(property.child('uri', NEW)) || text(property.child('text', NEW));
    return value.toLowerCase().startsWith(`${scheme}:`) ? value.slice(scheme.length + 1) : value;
  };
  for (const [to, from, many] of TEXTS) {
    const values = all(from).flatMap((property) => property.childrenNamed('text', NEW).map(text));
    for (const value of many ? values : values.slice(0, 1)) list.push(old(to, value));
  }
  const name = card.child('n', NEW);
  if (name !== undefined) list.push(el('N', null, ...Object.entries(NAME).map(([to, from]) => old(to, text(name.child(from, NEW))))));
  const birthday = card
    .child('bday', NEW)
    ?.elements()
    .find(({ name }) => name !== 'parameters');
  list.push(old('BDAY', text(birthday)));
  for (const one of all('url')) list.push(old('URL', uri(one, '')));
  for (const one of all('email')) {
    const address = text(one.child('text', NEW));
    if (address !== '') list.push(el('EMAIL', null, ...flags(one), el('INTERNET'), el('USERID', null, address)));
  }
  for (const one of all('tel')) if (uri(one, 'tel') !== '') list.push(el('TEL', null, ...flags(one), el('NUMBER', null, uri(one, 'tel'))));
  for (const one of all('adr'))
    list.push(el('ADR', null, ...flags(one), ...Object.entries(ADDRESS).map(([to, from]) => old(to, text(one.child(from, NEW))))));
  for (const one of all('org')) {
    const organisation = text(one.child('text', NEW));
    if (organisation !== '') list.push(el('ORG', null, el('ORGNAME', null, organisation)));
  }
  for (const one of all('impp')) {
    const address = text(one.child('uri', NEW));
    if (address.startsWith('xmpp:')) list.push(el('JABBERID', null, address.slice('xmpp:'.length)));
  }
  const kept = before?.elements().filter((child) => child.ns !== OLD || !MAPPED_OLD.has(child.name)) ?? [];
  return el('vCard', { xmlns: OLD }, ...list, ...kept);
}
