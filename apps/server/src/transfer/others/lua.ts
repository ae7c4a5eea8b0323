/** Lua tables as Prosody's own storage writes them. Only literals; nothing is evaluated. */

export type LuaValue = string | number | boolean | LuaTable;
export interface LuaTable {
  /** Values without a key, or with the keys 1, 2, 3 …, in order. */
  readonly list: readonly LuaValue[];
  readonly fields: ReadonlyMap<string, LuaValue>;
}

const DEPTH = 200;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v', '\n': '\n' };

/** The tables of a list (`item({…});` one after another), `text` being its bytes one to a character (latin1). Strings are bytes likewise. Throws SyntaxError. */
export function parseItems(text: string): LuaTable[] {
  return parse(text, 'item(', ')');
}

/** What one file returns: `return {…};`, read in the same way. Throws SyntaxError. */
export function parseReturn(text: string): LuaTable {
  const [found, ...more] = parse(text, 'return ', '');
  if (found === undefined || more.length > 0) throw new SyntaxError('this is not one Lua table');
  return found;
}

function parse(text: string, before: string, after: string): LuaTable[] {
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`no Lua value at ${at}: ${text.slice(at, at + 20)}`);
  };
  const blank = (): void => {
    while (at < text.length && text.charCodeAt(at) <= 32) at++;
  };
  const take = (token: string): boolean => {
    blank();
    if (!text.startsWith(token, at)) return false;
    at += token.length;
    return true;
  };
  const expect = (token: string): void => {
    if (!take(token)) fail();
  };
  const quoted = (quote: string): string => {
    let out = '';
    for (;;) {
      const char = text[at++];
      if (char === undefined) return fail();
      if (char === quote) return out;
      if (char !== '\\') {
        out += char;
        continue;
      }
      const digits = /^\d{1,3}/.exec(text.slice(at, at + 3))?.[0];
      const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(at, at + 3))?.[1];
      if (digits !== undefined) {
        if (Number(digits) > 255) fail();
        out += String.fromCharCode(Number(digits));
        at += digits.length;
      } else if (hex !== undefined) {
        out += String.fromCharCode(Number.parseInt(hex, 16));
        at += 3;
      } else {
        const letter = text[at++] ?? fail();
        out += ESCAPES[letter] ?? letter;
      }
    }
  };
  const table = (depth: number): LuaTable => {
    if (depth > DEPTH) fail();
    const list: LuaValue[] = [];
    const fields = new Map<string, LuaValue>();
    while (!take('}')) {
      let key: LuaValue | undefined;
      const name = /^([A-Za-z_]\w*)\s*=(?!=)/.exec(text.slice(at, at + 256));
      if (take('[')) {
        key = value(depth);
        expect(']');
        expect('=');
      } else if (name !== null) {
        key = name[1] as string;
        at += name[0].length;
      }
      const found = value(depth);
      if (key === undefined || (typeof key === 'number' && key === list.length + 1)) list.push(found);
      else fields.set(typeof key === 'object' ? fail() : String(key), found);
      if (!take(';') && !take(',')) {
        expect('}');
        break;
      }
    }
    return { list, fields };
  };
  const value = (depth: number): LuaValue => {
    if (take('{')) return table(depth + 1);
    if (take('"')) return quoted('"');
    if (take("'")) return quoted("'");
    if (take('true')) return true;
    if (take('false')) return false;
    blank();
    const number = /^-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)/.exec(text.slice(at, at + 64))?.[0] ?? fail();
    at += number.length;
    return Number(number);
  };
  const found: LuaTable[] = [];
  while (take(before)) {
    const one = value(0);
    found.push(typeof one === 'object' ? one : fail());
    expect(after);
    take(';');
  }
  blank();
  return at === text.length ? found : fail();
}
