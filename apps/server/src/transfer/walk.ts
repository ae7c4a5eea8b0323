/**
 * Reads a large XML file piece by piece: wrappers (the whole file, a host, a user, an archive) are entered and left, what stands in them
 * comes as one element at a time, checked by the strict parser. No DTD, so no entities; a file does not have to fit in memory.
 */
import { createReadStream } from 'node:fs';
import { type Element, escapeAttr, parseElement } from '@parley/xml';

/** The file cannot be taken; the message is a sentence for the operator. */
export class TransferError extends Error {}

export type Step =
  | { readonly kind: 'enter'; readonly element: Element; readonly depth: number }
  /** `within`: name of the wrapper around. */
  | { readonly kind: 'payload'; readonly element: Element; readonly depth: number; readonly within: string }
  | { readonly kind: 'leave'; readonly name: string; readonly depth: number };

const START_TAG_BYTES = 65_536;
const PAYLOAD_BYTES = 8 * 1024 * 1024;
const PAYLOAD_LIMITS = { stanzaBytes: PAYLOAD_BYTES + START_TAG_BYTES, elements: 200_000, depth: 130, attributes: 64 };

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;

interface Wrapper {
  readonly rawName: string;
  readonly name: string;
  readonly defaultNs: string;
  /** Declarations of prefixes that hold inside, as text. */
  readonly prefixes: string;
}

/** `isWrapper` decides, given the names of the wrappers around. Throws TransferError. */
export async function* walk(path: string, isWrapper: (element: Element, around: readonly string[]) => boolean): AsyncGenerator<Step> {
  let buffer: Buffer = Buffer.alloc(0);
  let offset = 0;
  let first = true;
  const stack: Wrapper[] = [];
  /** A payload that is not whole yet: where its scan goes on, and how deep it is there. */
  let payload: { at: number; depth: number } | undefined;
  let done = false;
  const bad = (what: string): TransferError => new TransferError(`${path}: ${what} (near byte ${offset}).`);

  /** End of the tag that begins at `at` (past its `>`), -1 when it is not there yet. */
  const tagEnd = (at: number): number => {
    let quote = 0;
    for (let i = at + 1; i < buffer.length; i++) {
      const c = buffer[i] as number;
      if (quote !== 0) {
        if (c === quote) quote = 0;
      } else if (c === 0x22 || c === 0x27) quote = c;
      else if (c === GT) return i + 1;
      else if (c === LT) throw bad('this is not well-formed XML');
    }
    if (buffer.length - at > START_TAG_BYTES) throw bad('a tag is too long');
    return -1;
  };
  const parse = (text: string, scope: Wrapper | undefined): Element => {
    const ns = scope === undefined || scope.defaultNs === '' ? '' : ` xmlns="${escapeAttr(scope.defaultNs)}"`;
    try {
      const element = parseElement(`<w${ns}${scope?.prefixes ?? ''}>${text}</w>`, PAYLOAD_LIMITS).elements()[0];
      if (element !== undefined) return element;
    } catch (error) {
      throw bad(`this is not well-formed XML, or nests too deep: ${(error as Error).message}`);
    }
    throw bad('this is not well-formed XML');
  };
  const cut = (end: number): void => {
    buffer = buffer.subarray(end);
    offset += end;
  };

  /** The next step, or undefined when more bytes are needed. */
  const next = (): Step[] | undefined => {
    for (;;) {
      if (payload !== undefined) {
        const end = scanPayload(payload);
        if (end < 0) return undefined;
        payload = undefined;
        const element = parse(buffer.toString('utf8', 0, end), stack.at(-1));
        cut(end);
        return [{ kind: 'payload', element, depth: stack.length, within: stack.at(-1)?.name ?? '' }];
      }
      const lt = buffer.indexOf(LT);
      const text = buffer.toString('latin1', 0, lt < 0 ? buffer.length : lt).replace(first ? /^\xef\xbb\xbf/ : /^$/, '');
      if (text.trim() !== '') throw bad(stack.length === 0 ? 'this is not an XML file' : 'there is text where none belongs');
      if (lt < 0) {
        cut(buffer.length);
        return undefined;
      }
      if (lt > 0) cut(lt);
      if (buffer.length < 4) return undefined;
      const second = buffer[1];
      if (second === QUESTION) {
        const end = buffer.indexOf('?>');
        if (end < 0) {
          if (buffer.length > 1024) throw bad('this is not well-formed XML');
          return undefined;
        }
        if (!first || !buffer.toString('latin1', 0, 6).startsWith('<?xml')) throw bad('processing instructions are not taken');
        first = false;
        cut(end + 2);
        continue;
      }
      first = false;
      if (second === BANG) {
        if (buffer.toString('latin1', 0, 4) !== '<!--') throw bad('a document type or CDATA section is not taken here');
        const end = buffer.indexOf('-->');
        if (end < 0) {
          if (buffer.length > START_TAG_BYTES) throw bad('a comment is too long');
          return undefined;
        }
        cut(end + 3);
        continue;
      }
      const end = tagEnd(0);
      if (end < 0) return undefined;
      const tag = buffer.toString('utf8', 0, end);
      if (second === SLASH) {
        const closed = stack.pop();
        if (closed === undefined || tag.slice(2, -1).trim() !== closed.rawName) throw bad(`</${tag.slice(2, 40)} closes what is not open`);
        cut(end);
        if (stack.length === 0) done = true;
        return [{ kind: 'leave', name: closed.name, depth: stack.length }];
      }
      if (done) throw bad('something follows the end of the file’s element');
      const empty = tag.endsWith('/>');
      const outer = stack.at(-1);
      const element = parse(empty ? tag : `${tag.slice(0, -1)}/>`, outer);
      if (
        !isWrapper(
          element,
          stack.map(({ name }) => name),
        )
      ) {
        payload = { at: 0, depth: 0 };
        continue;
      }
      const depth = stack.length;
      cut(end);
      if (empty) {
        if (depth === 0) done = true;
        return [
          { kind: 'enter', element, depth },
          { kind: 'leave', name: element.name, depth },
        ];
      }
      const prefixes = [...tag.matchAll(/\sxmlns:[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*')/g)].map(([one]) => one).join('');
      stack.push({
        rawName: /^<([^\s/>]+)/.exec(tag)?.[1] ?? '',
        name: element.name,
        defaultNs: element.unqualified
          ? ''
          : (/\sxmlns\s*=\s*(?:"([^"]*)"|'([^']*)')/
              .exec(tag)
              ?.slice(1)
              .find((one) => one !== undefined) ??
            outer?.defaultNs ??
            ''),
        prefixes: (outer?.prefixes ?? '') + prefixes,
      });
      return [{ kind: 'enter', element, depth }];
    }
  };

  /** End of the element that begins the buffer, -1 when it is not there yet. Goes on where it stopped. */
  const scanPayload = (state: { at: number; depth: number }): number => {
    for (;;) {
      if (state.at > PAYLOAD_BYTES || (buffer.length - state.at === 0 && buffer.length > PAYLOAD_BYTES))
        throw bad('an element is too large');
      const lt = buffer.indexOf(LT, state.at);
      if (lt < 0) {
        state.at = buffer.length;
        return -1;
      }
      state.at = lt;
      if (buffer.length < lt + 9) {
        // A short end tag may still be the last thing in the file.
        if (buffer[lt + 1] !== SLASH || buffer.indexOf(GT, lt) < 0) return -1;
      }
      if (buffer[lt + 1] === BANG) {
        if (buffer.toString('latin1', lt, lt + 9) !== '<![CDATA[') throw bad('comments and document types are not taken inside of data');
        const end = buffer.indexOf(']]>', lt);
        if (end < 0) {
          if (buffer.length > PAYLOAD_BYTES) throw bad('an element is too large');
          return -1;
        }
        state.at = end + 3;
        continue;
      }
      const end = tagEnd(lt);
      if (end < 0) return -1;
      state.at = end;
      if (buffer[lt + 1] === SLASH) state.depth--;
      else if (buffer[end - 2] !== SLASH) state.depth++;
      if (state.depth > PAYLOAD_LIMITS.depth) throw bad('elements nest too deep');
      if (state.depth === 0) return end;
    }
  };

  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) {
      buffer = buffer.length === 0 ? (chunk as Buffer) : Buffer.concat([buffer, chunk as Buffer]);
      for (let steps = next(); steps !== undefined; steps = next()) yield* steps;
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new TransferError(`Cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : (error as Error).message}.`);
  }
  if (!done || buffer.toString('latin1').trim() !== '') throw bad('the file ends before its time, or is empty');
}
