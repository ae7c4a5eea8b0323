/** Erlang terms as `io:format("~p.~n")` writes them: what a dump of ejabberd's tables is made of. Only literals; nothing is evaluated. */

/** Binaries are bytes, strings too; lists are arrays. */
export type Term = number | Atom | Uint8Array | Tuple | readonly Term[];
export class Atom {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
export class Tuple {
  readonly items: readonly Term[];
  constructor(items: readonly Term[]) {
    this.items = items;
  }
  /** The name of a record; '' for another tuple. */
  get record(): string {
    const [first] = this.items;
    return first instanceof Atom ? first.name : '';
  }
}

const DEPTH = 200;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, f: 12, v: 11, e: 27, s: 32, d: 127, '0': 0 };

/** Reads one term, `text` being its bytes one to a character (latin1), without the dot. Throws SyntaxError. */
export function parseTerm(text: string): Term {
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`no Erlang term at ${at}: ${text.slice(at, at + 20)}`);
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
  /** Up to the closing quote, as codes. */
  const quoted = (quote: string): number[] => {
    const codes: number[] = [];
    for (;;) {
      const char = text[at++];
      if (char === undefined) return fail();
      if (char === quote) return codes;
      if (char !== '\\') {
        codes.push(char.charCodeAt(0));
        continue;
      }
      const letter = text[at++] ?? fail();
      const hex = letter === 'x' ? /^(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(text.slice(at, at + 10)) : null;
      const octal = /^[0-7]{1,3}/.exec(text.slice(at - 1, at + 2));
      if (hex !== null) {
        at += hex[0].length;
        codes.push(Number.parseInt(hex[1] ?? hex[2] ?? '', 16));
      } else if (octal !== null) {
        at += octal[0].length - 1;
        codes.push(Number.parseInt(octal[0], 8));
      } else codes.push(ESCAPES[letter] ?? letter.charCodeAt(0));
    }
  };
  const binary = (): Uint8Array => {
    const bytes: number[] = [];
    blank();
    while (!take('>>')) {
      if (take('"')) {
        const codes = quoted('"');
        // Long ones are broken into pieces that stand behind each other.
        while (take('"')) for (const code of quoted('"')) codes.push(code);
        if (take('/utf8')) for (const byte of new TextEncoder().encode(String.fromCodePoint(...codes))) bytes.push(byte);
        else for (const code of codes) bytes.push(code > 255 ? fail() : code);
      } else {
        blank();
        const digits = /^\d{1,3}/.exec(text.slice(at, at + 3))?.[0] ?? fail();
        at += digits.length;
        if (Number(digits) > 255) fail();
        bytes.push(Number(digits));
      }
      if (!take(',') && !text.startsWith('>>', at)) fail();
      blank();
    }
    return Uint8Array.from(bytes);
  };
  const items = (end: string, depth: number): Term[] => {
    const found: Term[] = [];
    if (take(end)) return found;
    for (;;) {
      found.push(term(depth + 1));
      if (take(end)) return found;
      expect(',');
    }
  };
  const term = (depth: number): Term => {
    if (depth > DEPTH) fail();
    if (take('{')) return new Tuple(items('}', depth));
    if (take('[')) return items(']', depth);
    if (take('<<')) return binary();
    if (take('"')) {
      const codes = quoted('"');
      while (take('"')) for (const code of quoted('"')) codes.push(code);
      return Uint8Array.from(codes);
    }
    if (take("'")) return new Atom(String.fromCharCode(...quoted("'")));
    blank();
    const number = /^-?\d+(?:\.\d+(?:e[+-]?\d+)?)?/.exec(text.slice(at, at + 64))?.[0];
    if (number !== undefined) {
      at += number.length;
      return Number(number);
    }
    // Maps, funs and processes are in no table that is read here.
    const atom = /^[a-z][A-Za-z0-9_@]*/.exec(text.slice(at, at + 256))?.[0] ?? fail();
    at += atom.length;
    return new Atom(atom);
  };
  const found = term(0);
  blank();
  return at === text.length ? found : fail();
}

/**
 * Finds where the terms of a dump end: feed it the file as latin1 text, piece by piece. Each call answers the ends of terms in this piece,
 * as offsets into it, just behind the dot. Looks at quotes only.
 */
export class TermSplitter {
  #quote = '';
  #escaped = false;
  #dot = false;

  feed(text: string): number[] {
    const ends: number[] = [];
    for (let i = 0; i < text.length; i++) {
      const char = text[i] as string;
      if (this.#quote !== '') {
        if (this.#escaped) this.#escaped = false;
        else if (char === '\\') this.#escaped = true;
        else if (char === this.#quote) this.#quote = '';
        continue;
      }
      if (this.#dot && (char === '\n' || char === '\r' || char === ' ')) ends.push(i);
      this.#dot = char === '.';
      if (char === '"' || char === "'") this.#quote = char;
    }
    return ends;
  }
}
