import type { LinkCandidate } from '@parley/sdk';
import { useChat } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useEffect, useId, useState } from 'react';
import { Confirm } from '../../ui/Confirm.tsx';
import { attempt, toast } from '../toasts.tsx';

/** Lets a new device in: its code, then who it is, then yes or no. `given`: a code that was read from a screen. */
export function LinkForm({ given, done }: { readonly given: string | undefined; readonly done: () => void }): ReactElement {
  const chat = useChat();
  const id = useId();
  const [candidate, setCandidate] = useState<LinkCandidate>();
  const [busy, setBusy] = useState(false);

  const look = async (code: string): Promise<void> => {
    setBusy(true);
    await attempt(chat.linking.look(code).then(setCandidate));
    setBusy(false);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: looked up once for each code
  useEffect(() => {
    if (given !== undefined) void look(given);
  }, [given]);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get('code') ?? '').trim();
    if (code !== '' && !busy) void look(code);
  };
  return (
    <div className="section">
      <form className="inline-form" onSubmit={submit} aria-busy={busy} noValidate>
        <div className="field">
          <label htmlFor={id}>Link a device</label>
          <div className="control">
            <input
              id={id}
              name="code"
              type="text"
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              maxLength={20}
              placeholder="Code that it shows"
              required
            />
          </div>
        </div>
        <button type="submit" className="button outline" disabled={busy}>
          Next
        </button>
      </form>
      {candidate !== undefined && (
        <Confirm
          title={`Link "${candidate.name === '' ? 'A device without a name' : candidate.name}"?`}
          action="Link"
          cancel={() => {
            setCandidate(undefined);
            void attempt(chat.linking.decline(candidate.code));
          }}
          confirm={() => {
            setCandidate(undefined);
            void attempt(chat.linking.confirm(candidate.code)).then((linked) => {
              if (!linked) return;
              toast('The device was linked.');
              done();
            });
          }}
        >
          It asks from the network <bdi>{candidate.place}</bdi>. It will read all your chats and write in your name. Link it only if you see
          this code on a device of yours; whoever asked you for it by phone or message wants your account.
        </Confirm>
      )}
    </div>
  );
}
