/** New passwords: typed twice without echo, or from standard input; never in the arguments, which every user of the machine can see. */
import { CommandError } from './errors.ts';
import type { Terminal } from './terminal.ts';

const PASSWORD_BYTES = 4096;

export async function newPassword(terminal: Terminal, jid: string, fromInput: boolean): Promise<string> {
  if (fromInput) {
    const text = await terminal.input(PASSWORD_BYTES);
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw new CommandError('There was no password on standard input.');
    if (/[\r\n]/.test(password)) throw new CommandError('There is more than one line on standard input; the password is one line.');
    return password;
  }
  if (!terminal.interactive)
    throw new CommandError('There is no terminal to ask for the password; give it on standard input, with --password-stdin.');
  const password = await terminal.ask(`Password for ${jid}: `, true);
  if (password === '') throw new CommandError('A password is needed. Nothing was changed.');
  if ((await terminal.ask('The same again: ', true)) !== password) throw new CommandError('The passwords differ. Nothing was changed.');
  return password;
}
