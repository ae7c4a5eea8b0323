import { defineService, type Session } from '@parley/core';
import type { CommandNote, DataForm } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';

/** What came out of a command. */
export interface CommandOutcome {
  readonly form?: DataForm;
  /** What stands in the form beside its fields. */
  readonly inForm?: Element;
  readonly note?: CommandNote;
}

/** One command of the server, with a form to fill in, or none. */
export interface Command {
  readonly node: string;
  /** For people. */
  readonly name: string;
  /** Whether this session may see and run it; asked again at each step. */
  mayRun(from: Session): boolean;
  /** What has to be filled in; undefined runs at once. */
  readonly form?: () => DataForm;
  /** `filled` is a form of type submit when there is one to fill in. Throws StanzaError, or answers a note of type error. */
  run(from: Session, filled: DataForm): Awaitable<CommandOutcome>;
}

/** Lent by the commands feature. */
export interface Commands {
  /** Answers the undo. */
  add(command: Command): () => void;
}
export const commands = defineService<Commands>('commands');
