/** Nicknames (RFC 8266), and which of them a person could take for one another. Pure. */

/** Letters that look like a Latin one, by the Latin one: from the confusables of UTS #39, those that fonts draw alike. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  a: 'аαɑａ',
  b: 'ЬƄ',
  c: 'сϲⅽ',
  d: 'ԁⅾ',
  e: 'еҽ℮',
  g: 'ɡց',
  h: 'һհ',
  i: 'іιıɩⅰӏ1l|!',
  j: 'јϳ',
  k: 'κк',
  m: 'мⅿ',
  n: 'ոп',
  o: 'оοօσ0',
  p: 'рρ',
  q: 'ԛզ',
  r: 'гг',
  s: 'ѕꜱ5',
  t: 'тτ',
  u: 'υսцʋ',
  v: 'νѵⅴ',
  w: 'ԝѡա',
  x: 'хχⅹ',
  y: 'уγүყ',
  z: 'ᴢ',
};
const LATIN = new Map<string, string>();
for (const [latin, others] of Object.entries(LOOKALIKES)) for (const other of others) LATIN.set(other, latin);

const MAX_BYTES = 1023;
const MOST = 64;

/** The nickname as it is used: spaces made ordinary and single, compatibility forms made plain. Undefined when it is none (empty, too long). */
export function prepareNick(text: string): string | undefined {
  // The characters were checked when the address was parsed (FreeformClass); RFC 8266 §2.3 asks for these steps on top.
  let nick = text;
  for (let round = 0; round < 3; round++) {
    const next = nick
      .replace(/\p{Zs}+/gu, ' ')
      .trim()
      .normalize('NFKC');
    if (next === nick) break;
    nick = next;
  }
  if (nick === '' || [...nick].length > MOST || nick.length * 3 > MAX_BYTES * 3) return undefined;
  // What cannot be seen, or turns the text around, is no name.
  if (/[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/u.test(nick)) return undefined;
  return nick;
}

/** What two nicknames have in common when they would be taken for the same: case, look-alikes and spaces do not count. */
export function nickKey(nick: string): string {
  let key = '';
  for (const char of nick.normalize('NFKC').toLowerCase()) {
    if (/[\p{Zs}\p{Default_Ignorable_Code_Point}]/u.test(char)) continue;
    key += LATIN.get(char) ?? char;
  }
  return key.replaceAll('rn', 'm').replaceAll('vv', 'w');
}

/** A nickname for a member who has chosen none: made of the account's name, and told apart from those that are taken. */
export function freeNick(name: string, taken: (nick: string) => boolean): string {
  const base = prepareNick(name) ?? 'member';
  if (!taken(base)) return base;
  for (let i = 2; ; i++) if (!taken(`${base} ${i}`)) return `${base} ${i}`;
}
