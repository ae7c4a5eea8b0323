/** What the commands need from the terminal. Tests give their own. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError } from './errors.ts';

export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Someone can be asked. */
  readonly interactive: boolean;
  out(text: string): void;
  err(text: string): void;
  /** Asks for one line; `hidden` does not show what is typed. Throws CommandError when nobody answers. */
  ask(question: string, hidden?: boolean): Promise<string>;
  /** Everything on standard input, at most `maxBytes`. Throws CommandError when it is more. */
  input(maxBytes: number): Promise<string>;
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    environment: process.env,
    cwd: process.cwd(),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ask(question, hidden = false) {
      return new Promise((resolve, reject) => {
        // Questions go to stderr, so that the answer of the command alone is on stdout.
        const output = new Writable({
          write(chunk: Buffer, _encoding, done) {
            if (!hidden) stderr.write(chunk);
            done();
          },
        });
        if (hidden) stderr.write(question);
        const lines = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
        let answer: string | undefined;
        lines.once('SIGINT', () => lines.close());
        lines.once('close', () => {
          if (hidden) stderr.write('\n');
          if (answer === undefined) reject(new CommandError('Nothing was changed.'));
          else resolve(answer);
        });
        lines.question(hidden ? '' : question, (line) => {
          answer = line;
          lines.close();
        });
      });
    },
    async input(maxBytes) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of stdin as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new CommandError(`Standard input is too long; at most ${maxBytes} bytes are read.`);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}
