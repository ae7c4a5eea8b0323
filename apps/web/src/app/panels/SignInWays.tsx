import type { CodeChallenge, CodeKind, Identifier, SocialProvider } from '@parley/sdk';
import { useChat, useConnection } from '@parley/sdk-react';
import { type FormEvent, lazy, type ReactElement, Suspense, useEffect, useId, useState } from 'react';
import { PlainPhoneField } from '../../sign-in/PlainPhoneField.tsx';
import { leaveFor } from '../../sign-in/social.ts';
import { Confirm } from '../../ui/Confirm.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { checkCodeOf, sendCodeTo } from '../codes.ts';
import type { Route } from '../route.ts';
import { deviceName } from '../session.ts';
import { attempt, toast } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';

const PhoneField = lazy(() => import('../../sign-in/PhoneField.tsx').catch(() => ({ default: PlainPhoneField })));

interface Known {
  readonly list: readonly Identifier[];
  readonly kinds: readonly CodeKind[];
  readonly country: string;
  readonly passkeys: boolean;
  readonly providers: readonly SocialProvider[];
}

/** The address or number, then the code that was sent there. */
function AddAddress({
  kind,
  country,
  done,
}: {
  readonly kind: CodeKind;
  readonly country: string;
  readonly done: () => void;
}): ReactElement {
  const chat = useChat();
  const id = useId();
  const [challenge, setChallenge] = useState<CodeChallenge>();
  const [busy, setBusy] = useState(false);
  const next = async (typed: string): Promise<void> => {
    setBusy(true);
    await attempt(
      (async () => {
        if (challenge === undefined) return setChallenge(await sendCodeTo(chat, kind, typed));
        await chat.codes.add(await checkCodeOf(chat, challenge, typed));
        toast(`You can sign in with ${challenge.to} now.`);
        setChallenge(undefined);
        done();
      })(),
    );
    setBusy(false);
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget).get('typed') ?? '').trim();
    if (typed !== '' && !busy) void next(typed);
  };
  return (
    <form className="inline-form" onSubmit={submit} aria-busy={busy} noValidate key={challenge === undefined ? 'address' : 'code'}>
      {challenge?.shown !== undefined && <p role="status">For development only, the code is {challenge.shown}.</p>}
      {challenge === undefined && kind === 'phone' ? (
        <Suspense fallback={<span className="spinner" role="status" aria-label="Loading" />}>
          <PhoneField name="typed" label="Another phone number" country={country} value="" focus={false} />
        </Suspense>
      ) : (
        <div className="field">
          <label htmlFor={id}>{challenge === undefined ? 'Another e-mail address' : `Code that was sent to ${challenge.to}`}</label>
          <div className="control">
            <input
              id={id}
              name="typed"
              type={challenge === undefined ? 'email' : 'text'}
              inputMode={challenge === undefined ? undefined : 'numeric'}
              autoComplete={challenge === undefined ? 'email' : 'one-time-code'}
              autoCapitalize="none"
              spellCheck={false}
              maxLength={challenge === undefined ? 320 : 12}
              required
            />
          </div>
        </div>
      )}
      <button type="submit" className="button outline" disabled={busy}>
        {challenge === undefined ? 'Send code' : 'Add'}
      </button>
    </form>
  );
}

/** By what the account can be signed in to: addresses, and accounts elsewhere. */
export function SignInWays({ route }: { readonly route: Route }): ReactElement {
  const chat = useChat();
  const { state } = useConnection();
  const [known, setKnown] = useState<Known>();
  const [round, ask] = useState(0);
  const [leaving, setLeaving] = useState<Identifier>();

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again after each change
  useEffect(() => {
    if (state !== 'online') return;
    let wanted = true;
    Promise.all([chat.codes.list(), chat.codes.offered(), chat.passkeys.offered(), chat.social.offered()])
      .then(
        ([list, { kinds, phoneCountry }, passkeys, providers]) =>
          wanted && setKnown({ list, kinds, country: phoneCountry, passkeys, providers }),
      )
      .catch(() => wanted && setKnown({ list: [], kinds: [], country: '', passkeys: false, providers: [] }));
    return () => {
      wanted = false;
    };
  }, [chat, state, round]);

  const providerOf = ({ value }: Identifier): string => {
    const id = value.slice(0, value.indexOf(':'));
    return known?.providers.find((one) => one.id === id)?.name ?? id;
  };
  const nameOf = (one: Identifier): string =>
    one.kind === 'passkey'
      ? `Passkey: ${one.label}`
      : one.kind === 'social'
        ? one.label === ''
          ? providerOf(one)
          : `${providerOf(one)}: ${one.label}`
        : one.value;
  const connect = async (provider: string): Promise<void> => leaveFor(await chat.social.begin(provider), 'add');

  return (
    <>
      <PanelHeader title="Ways to sign in" back={{ ...route, panel: 'settings' }} />
      <div className="scroll">
        {known === undefined ? (
          <div className="blank">
            {state === 'online' ? (
              <span className="spinner" role="status" aria-label="Loading" />
            ) : (
              <p>The list is on the server, and there is no connection.</p>
            )}
          </div>
        ) : (
          <>
            {known.list.length === 0 && (
              <div className="blank">
                <p>Nothing but a password so far.</p>
              </div>
            )}
            <ul className="rows" aria-label="Ways to sign in">
              {known.list.map((one) => (
                <li key={`${one.kind} ${one.value}`} className="person">
                  <Icon name={one.kind === 'social' ? 'person' : 'info'} size={32} />
                  <div>
                    <div className="name" dir="auto">
                      {nameOf(one)}
                    </div>
                  </div>
                  <button type="button" className="button outline" aria-label={`Remove ${nameOf(one)}`} onClick={() => setLeaving(one)}>
                    Remove
                  </button>
                </li>
              ))}
            </ul>
            {known.kinds.map((kind) => (
              <div key={kind} className="section">
                <AddAddress kind={kind} country={known.country} done={() => ask((n) => n + 1)} />
              </div>
            ))}
            {known.passkeys && (
              <button
                type="button"
                className="menu-row"
                onClick={() => void attempt(chat.passkeys.add(deviceName())).then(() => ask((n) => n + 1))}
              >
                <Icon name="person" />
                <span>Add a passkey</span>
              </button>
            )}
            {known.providers.map(({ id, name }) => (
              <button key={id} type="button" className="menu-row" onClick={() => void attempt(connect(id))}>
                <Icon name="person" />
                <span>Connect {name}</span>
              </button>
            ))}
          </>
        )}
      </div>
      {leaving !== undefined && (
        <Confirm
          title={`Remove ${nameOf(leaving)}?`}
          action="Remove"
          danger
          cancel={() => setLeaving(undefined)}
          confirm={() => {
            setLeaving(undefined);
            void attempt(chat.codes.remove(leaving)).then(() => ask((n) => n + 1));
          }}
        >
          You cannot sign in with it any more. Devices that are signed in stay so.
        </Confirm>
      )}
    </>
  );
}
