/** Code point classes PRECIS and the Bidi rule need and `\p{…}` of ECMAScript does not offer. */

const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\u200f]/u;
const ARABIC_LETTER =
  /[\u0600-\u07bf\u0860-\u08ff\ufb50-\ufdff\ufe70-\ufefc\u{10d00}-\u{10d3f}\u{10ec0}-\u{10eff}\u{10f30}-\u{10f6f}\u{1ec70}-\u{1ecbf}\u{1ed00}-\u{1ed4f}\u{1ee00}-\u{1eeff}]/u;
const ARABIC_NUMBER =
  /[\u0600-\u0605\u0660-\u0669\u066b\u066c\u06dd\u0890\u0891\u08e2\u{10d30}-\u{10d39}\u{10d40}-\u{10d49}\u{10e60}-\u{10e7e}]/u;
const EUROPEAN_NUMBER = /[0-9\u06f0-\u06f9\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\uff10-\uff19\u{1d7ce}-\u{1d7ff}]/u;
const MARK = /[\p{Mn}\p{Me}]/u;
const LETTER = /[\p{L}\p{Mc}\p{Nd}\p{Nl}]/u;

/** Bidi classes as far as RFC 5893 tells them apart; ES, CS, ET, ON and BN are one to it. */
export type Bidi = 'L' | 'R' | 'AN' | 'EN' | 'NSM' | 'ON';

/** The bidi class of one code point; AL counts as R, which RFC 5893 always treats alike. By block, as in DerivedBidiClass.txt. */
export function bidiClass(char: string): Bidi {
  if (MARK.test(char)) return 'NSM';
  if (EUROPEAN_NUMBER.test(char)) return 'EN';
  if (ARABIC_NUMBER.test(char)) return 'AN';
  if (RTL.test(char)) return ARABIC_LETTER.test(char) && !/[\p{L}\p{Nd}\p{No}\p{P}]/u.test(char) ? 'ON' : 'R';
  return LETTER.test(char) ? 'L' : 'ON';
}

/** True when the text has a right-to-left code point, so that the Bidi rule applies (RFC 5893 §1.4). */
export function hasRightToLeft(text: string): boolean {
  return RTL.test(text);
}

/** Canonical_Combining_Class = Virama. */
export const VIRAMA =
  /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}]/u;

/** Arabic letters that do not join to what follows (Joining_Type R or U). */
const NOT_JOINING_FORWARD =
  /[\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5\u06ee\u06ef]/u;
const NOT_JOINING = /[\u0621\u0674]/u;
const ARABIC = /[\p{Script=Arabic}&&\p{L}]/v;

/** ZWNJ between letters that would otherwise join (RFC 5892 A.1); Arabic script only, refused elsewhere. */
export function zwnjBetween(before: string, after: string): boolean {
  const left = [...before.replace(/\p{Mn}+$/u, '')].at(-1) ?? '';
  const right = [...after.replace(/^\p{Mn}+/u, '')][0] ?? '';
  return ARABIC.test(left) && !NOT_JOINING_FORWARD.test(left) && ARABIC.test(right) && !NOT_JOINING.test(right);
}
