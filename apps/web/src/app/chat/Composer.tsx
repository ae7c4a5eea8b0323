import type { Mention, Message } from '@parley/sdk';
import { type ClipboardEvent, type KeyboardEvent, type ReactElement, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { colourOf } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import type { Anchor } from '../../ui/Menu.tsx';
import { EmojiPicker } from './EmojiPicker.tsx';
import { MentionList, optionId } from './MentionList.tsx';
import { type People, summaryOf } from './Message.tsx';
import { type Mentionable, mentionsIn } from './mentions.ts';
import { useMention } from './use-mention.ts';

/** What is being written: an answer to a message, or another text for one. */
export interface Writing {
  readonly kind: 'reply' | 'edit';
  readonly message: Message;
}

/** Properties of {@link Composer}. */
export interface ComposerProps {
  /** Who it goes to, for the accessible name. */
  readonly name: string;
  /** What was typed earlier and not sent. */
  readonly initialDraft: string;
  readonly people: People;
  /** Who can be mentioned; nobody outside of groups. */
  readonly members: readonly Mentionable[];
  /** An answer or a correction; undefined: a plain message. */
  readonly writing: Writing | undefined;
  readonly setWriting: (writing: Writing | undefined) => void;
  readonly send: (text: string, mentions: readonly Mention[]) => void;
  /** Arrow up in an empty box: the newest own message that can be edited. */
  readonly editLast: () => void;
  readonly keepDraft: (text: string) => void;
  /** Called on every change: whether there is something in the box. The SDK knows how often to tell it. */
  readonly typing: (composing: boolean) => void;
  readonly addFiles: (files: readonly File[]) => void;
}

/** Room for a long letter, and within what a server takes in one stanza. */
const LONGEST_MESSAGE = 32_000;

/** Where a message is written: Enter sends, Shift+Enter makes a new line, files come by button or paste. */
export function Composer(props: ComposerProps): ReactElement {
  const { name, initialDraft, people, members, writing, setWriting, send, editLast, keepDraft, typing, addFiles } = props;
  const [text, setText] = useState(initialDraft);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [emoji, setEmoji] = useState<Anchor>();
  const mention = useMention(text, members);
  /** Where the cursor goes once the text is there: in the same turn, because the next key may come before the next frame. */
  const cursor = useRef<number | undefined>(undefined);
  const place = (): void => {
    if (cursor.current !== undefined) area.current?.setSelectionRange(cursor.current, cursor.current);
    cursor.current = undefined;
  };
  /** What stood in the box before a correction took its place. */
  const before = useRef<string | undefined>(undefined);

  // The box grows with its text; measured before paint, so that it never flickers.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.style.blockSize = '0';
    element.style.blockSize = `${Math.min(170, Math.max(40, element.scrollHeight))}px`;
    place();
  }, [text]);

  // On a pointer device the person wants to type at once; on a phone the keyboard would cover the chat.
  useEffect(() => {
    if (matchMedia('(hover: hover) and (pointer: fine)').matches) area.current?.focus({ preventScroll: true });
  }, []);

  const editing = writing?.kind === 'edit';
  const last = useRef(text);
  last.current = text;
  // A correction starts with the text as it is; what was being written comes back when it is over.
  useLayoutEffect(() => {
    if (writing === undefined) return;
    if (writing.kind === 'edit') {
      before.current ??= last.current;
      setText(writing.message.body);
    }
    area.current?.focus({ preventScroll: true });
    return () => {
      if (writing.kind !== 'edit') return;
      setText(before.current ?? '');
      before.current = undefined;
    };
  }, [writing]);

  const change = (value: string): void => {
    setText(value);
    if (editing) return;
    keepDraft(value);
    typing(value.trim() !== '');
  };

  const submit = (): void => {
    const message = text.trim();
    if (message === '') return;
    if (!editing) {
      setText('');
      keepDraft('');
    }
    send(message, mentionsIn(message, [...mention.chosen(), ...members]));
    area.current?.focus();
  };

  /** Another text, with the cursor here in it. */
  const replace = (value: string, at: number): void => {
    cursor.current = at;
    if (value === text) place();
    else change(value);
  };

  /** Puts an emoji where the cursor is. */
  const insert = (sign: string): void => {
    const element = area.current;
    const start = element?.selectionStart ?? text.length;
    const end = element?.selectionEnd ?? text.length;
    replace(text.slice(0, start) + sign + text.slice(end), start + sign.length);
  };

  const choose = (person: Mentionable): void => {
    const done = mention.choose(person);
    if (done === undefined) return;
    replace(done.text, done.cursor);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (mention.offered.length > 0 && !event.nativeEvent.isComposing && !event.shiftKey) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const picked = event.key === 'Enter' || event.key === 'Tab' ? mention.offered[mention.picked] : undefined;
      if (step !== undefined) mention.move(step);
      else if (picked !== undefined) choose(picked);
      else if (event.key === 'Escape') mention.dismiss();
      if (step !== undefined || picked !== undefined || event.key === 'Escape') {
        event.preventDefault();
        return;
      }
    }
    if (event.key === 'Escape' && writing !== undefined) {
      event.preventDefault();
      setWriting(undefined);
      return;
    }
    if (event.key === 'ArrowUp' && text === '' && writing === undefined) {
      event.preventDefault();
      editLast();
      return;
    }
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };

  const onPaste = (event: ClipboardEvent<HTMLTextAreaElement>): void => {
    const files = [...event.clipboardData.files];
    // Office programs put a picture of the text beside the text: then the text is what was meant.
    if (files.length === 0 || event.clipboardData.getData('text/plain') !== '') return;
    event.preventDefault();
    addFiles(files);
  };

  return (
    <form
      className="composer"
      aria-label={`Write to ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {mention.offered.length > 0 && <MentionList id={mention.id} people={mention.offered} picked={mention.picked} choose={choose} />}
      {writing !== undefined && <WritingBar writing={writing} people={people} cancel={() => setWriting(undefined)} />}
      <div className="box">
        <button
          type="button"
          className="icon-button"
          aria-label="Emoji"
          title="Emoji"
          aria-haspopup="dialog"
          aria-expanded={emoji !== undefined}
          onClick={(event) => setEmoji(event.currentTarget.getBoundingClientRect())}
        >
          <Icon name="smile" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Attach photos or files"
          title="Attach photos or files"
          onClick={() => picker.current?.click()}
        >
          <Icon name="attach" />
        </button>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Photos or files"
          onChange={(event) => {
            addFiles([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text}
          maxLength={LONGEST_MESSAGE}
          placeholder="Type a message"
          aria-label={`Message to ${name}`}
          enterKeyHint="send"
          aria-autocomplete={members.length > 0 ? 'list' : undefined}
          aria-controls={mention.offered.length > 0 ? mention.id : undefined}
          aria-activedescendant={mention.offered.length > 0 ? optionId(mention.id, mention.picked) : undefined}
          onSelect={(event) => mention.at(event.currentTarget.selectionStart)}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <button
          type="submit"
          className="icon-button filled"
          aria-label={editing ? 'Save' : 'Send'}
          title={editing ? 'Save' : 'Send'}
          disabled={text.trim() === ''}
        >
          <Icon name={editing ? 'check' : 'send'} size={22} />
        </button>
      </div>
      {emoji !== undefined && (
        <EmojiPicker
          anchor={emoji}
          choose={insert}
          close={() => {
            setEmoji(undefined);
            area.current?.focus({ preventScroll: true });
          }}
        />
      )}
    </form>
  );
}

/** Above the box: what is answered or corrected, and the way out. */
function WritingBar({
  writing,
  people,
  cancel,
}: {
  readonly writing: Writing;
  readonly people: People;
  readonly cancel: () => void;
}): ReactElement {
  const { kind, message } = writing;
  const title = kind === 'edit' ? 'Edit message' : message.mine ? 'You' : people.nameOf(message.senderId);
  return (
    <div className="writing-bar">
      <Icon name={kind === 'edit' ? 'edit' : 'reply'} size={22} />
      <div className="quote" data-colour={message.mine ? 'me' : colourOf(message.senderId)}>
        <strong dir="auto">{title}</strong>
        <span className="quoted" dir="auto">
          {summaryOf(message)}
        </span>
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label={kind === 'edit' ? 'Cancel editing' : 'Cancel reply'}
        title="Cancel"
        onClick={cancel}
      >
        <Icon name="close" size={20} />
      </button>
    </div>
  );
}
