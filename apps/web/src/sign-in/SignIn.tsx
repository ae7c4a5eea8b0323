import { type FormEvent, lazy, type ReactElement, Suspense, useEffect, useId, useRef, useState } from 'react';
import { Icon, type IconName } from '../ui/Icon.tsx';
import { CodeSignIn, type CodeSignInProps, type CodeSteps } from './CodeSignIn.tsx';
import type { LinkDeviceProps } from './LinkDevice.tsx';
import '../styles/sign-in.css';

const LinkDevice = lazy(() => import('./LinkDevice.tsx'));

/** What the form asks for. */
export type SignInMode = 'sign-in' | 'sign-up';

/** What a person typed. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Properties of {@link SignIn}. */
export interface SignInProps {
  /** Shown once above the form, say after a session was ended elsewhere. */
  readonly notice?: string | undefined;
  /** The domain of the server's accounts, when known. */
  readonly domain: string | undefined;
  /** Whether the server lets people make accounts; sign-up is only offered when it does. */
  readonly registrationOpen: boolean;
  /** Signs in (or up and in). Rejects with an Error whose message is a sentence for the person. */
  readonly start: (mode: SignInMode, credentials: Credentials) => Promise<void>;
  /** The ways by a code; undefined where the server sends none. */
  readonly codes:
    | {
        readonly email: boolean;
        readonly phone: boolean;
        /** Of phone numbers without a country code (ISO 3166), or ''. */
        readonly country: string;
        readonly steps: CodeSteps;
        readonly signUp: boolean;
      }
    | undefined;
  /** Other providers, and the way to them. */
  readonly providers: readonly { readonly id: string; readonly name: string }[];
  readonly go: (provider: string) => Promise<void>;
  /** The way from a device that is signed in; undefined where there is none. */
  readonly link: Omit<LinkDeviceProps, 'onBack'> | undefined;
  /** Signs in by a passkey; undefined where there are none. */
  readonly passkey: (() => Promise<void>) | undefined;
  /** Who came back from one of them and has no account yet. */
  readonly proved:
    | { readonly proof: NonNullable<CodeSignInProps['proved']>; readonly steps: CodeSteps; readonly back: () => void }
    | undefined;
  /** Called when somebody begins to type: time to load the rest of the app. */
  readonly onIntent: () => void;
}

const PITCH: readonly { readonly icon: IconName; readonly text: string }[] = [
  { icon: 'bolt', text: 'Messages and photos arrive at once, and you see when they were read.' },
  { icon: 'offline', text: 'Works without a network: what you write waits and goes out by itself.' },
  { icon: 'home', text: 'Runs on a server of your own. Any XMPP client can join.' },
];

const SHORTEST_PASSWORD = 8;

function problemWith(mode: SignInMode, { name, password }: Credentials): string | undefined {
  if (name === '') return 'Please type a user name.';
  if (password === '') return 'Please type a password.';
  if (mode === 'sign-up' && /\s/u.test(name)) return 'A user name has no spaces.';
  if (mode === 'sign-up' && [...password].length < SHORTEST_PASSWORD)
    return `Please choose a password of at least ${SHORTEST_PASSWORD} characters.`;
  return undefined;
}

/** A way in. */
type Door = 'phone' | 'email' | 'password';

/** The first page: sign in, or make an account. A phone number is the first way where the server has it. */
export function SignIn({
  notice,
  domain,
  registrationOpen,
  start,
  codes,
  providers,
  go,
  link,
  passkey,
  proved,
  onIntent,
}: SignInProps): ReactElement {
  const [wanted, setMode] = useState<SignInMode>('sign-in');
  const mode: SignInMode = registrationOpen ? wanted : 'sign-in';
  const [chosen, setChosen] = useState<Door>();
  const open: Door = chosen ?? (codes?.phone === true ? 'phone' : 'password');
  const [linking, setLinking] = useState(false);
  const [visible, setVisible] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const form = useRef<HTMLFormElement>(null);
  const alive = useRef(true);
  const id = useId();

  useEffect(() => {
    alive.current = true;
    if (open === 'password') document.title = mode === 'sign-up' ? 'Create an account · Parley' : 'Sign in · Parley';
    return () => {
      alive.current = false;
    };
  }, [mode, open]);

  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const credentials = { name: String(data.get('username') ?? '').trim(), password: String(data.get('password') ?? '') };
    const wrong = problemWith(mode, credentials);
    setProblem(wrong);
    if (wrong !== undefined || busy) return;
    setBusy(true);
    try {
      await start(mode, credentials);
    } catch (error) {
      if (alive.current) setProblem(error instanceof Error ? error.message : 'Something went wrong. Please try again.');
    } finally {
      if (alive.current) setBusy(false);
    }
  };

  /** Something that needs nothing from the form. */
  const alone = async (work: () => Promise<void>): Promise<void> => {
    setProblem(undefined);
    setBusy(true);
    try {
      await work();
    } catch (error) {
      if (!alive.current) return;
      setProblem(error instanceof Error ? error.message : 'Something went wrong. Please try again.');
      setBusy(false);
    }
  };

  const choose = (door: Door): void => {
    setProblem(undefined);
    setChosen(door);
  };

  const change = (next: SignInMode): void => {
    setMode(next);
    setProblem(undefined);
    form.current?.querySelector('input')?.focus();
  };

  const otherWays = (
    <>
      {codes?.phone === true && open !== 'phone' && (
        <button type="button" className="button plain wide" onClick={() => choose('phone')}>
          Continue with your phone number
        </button>
      )}
      {codes?.email === true && open !== 'email' && (
        <button type="button" className="button plain wide" onClick={() => choose('email')}>
          Continue with e-mail
        </button>
      )}
      {link !== undefined && mode === 'sign-in' && (
        <button type="button" className="button plain wide" disabled={busy} onClick={() => setLinking(true)}>
          Link with another device
        </button>
      )}
      {passkey !== undefined && mode === 'sign-in' && (
        <button type="button" className="button plain wide" disabled={busy} onClick={() => void alone(passkey)}>
          Use a passkey
        </button>
      )}
      {providers.map(({ id: provider, name }) => (
        <button key={provider} type="button" className="button plain wide" disabled={busy} onClick={() => void alone(() => go(provider))}>
          Continue with {name}
        </button>
      ))}
    </>
  );

  return (
    <main className="sign-in">
      <header>
        <img src="/icons/icon.svg" alt="" width="38" height="38" />
        Parley
      </header>
      <div className="card">
        <div className="pitch">
          <h2>Talk to the people who matter, on a server that is yours.</h2>
          <ul>
            {PITCH.map(({ icon, text }) => (
              <li key={icon}>
                <span>
                  <Icon name={icon} size={22} />
                </span>
                <span>{text}</span>
              </li>
            ))}
          </ul>
        </div>
        {linking && link !== undefined ? (
          <Suspense fallback={<span className="spinner big" role="status" aria-label="Loading" />}>
            <LinkDevice {...link} onBack={() => setLinking(false)} />
          </Suspense>
        ) : proved !== undefined ? (
          <CodeSignIn
            kind="email"
            domain={domain}
            steps={proved.steps}
            signUp
            proved={proved.proof}
            onBack={proved.back}
            onIntent={onIntent}
          />
        ) : open !== 'password' && codes !== undefined ? (
          <CodeSignIn
            key={open}
            kind={open}
            country={codes.country}
            domain={domain}
            steps={codes.steps}
            signUp={codes.signUp}
            notice={notice ?? problem}
            chosen={chosen !== undefined}
            others={otherWays}
            onBack={() => choose('password')}
            onIntent={onIntent}
          />
        ) : (
          <form
            ref={form}
            onSubmit={(event) => void submit(event)}
            onInput={() => {
              // What the server offers may be known only now: the page does not change under the hands.
              if (chosen === undefined) setChosen('password');
              onIntent();
            }}
            aria-labelledby={`${id}-title`}
            aria-busy={busy}
            noValidate
          >
            <h1 id={`${id}-title`}>{mode === 'sign-up' ? 'Create an account' : 'Sign in'}</h1>
            <p className="lead">{mode === 'sign-up' ? 'All it takes is a name and a password.' : 'Welcome back.'}</p>
            {notice !== undefined && problem === undefined && (
              <div className="notice info" role="status">
                <Icon name="info" size={20} />
                {notice}
              </div>
            )}
            <div role="alert">
              {problem !== undefined && (
                <div className="notice error">
                  <Icon name="alert" size={20} />
                  <span id={`${id}-problem`}>{problem}</span>
                </div>
              )}
            </div>
            <div className="field">
              <label htmlFor={`${id}-name`}>User name</label>
              <div className="control">
                <input
                  id={`${id}-name`}
                  name="username"
                  type="text"
                  autoComplete="username"
                  autoCapitalize="none"
                  autoCorrect="off"
                  spellCheck={false}
                  maxLength={1023}
                  required
                  aria-describedby={problem === undefined ? undefined : `${id}-problem`}
                />
                {domain !== undefined && <span className="suffix">@{domain}</span>}
              </div>
            </div>
            <div className="field">
              <label htmlFor={`${id}-password`}>Password</label>
              <div className="control">
                <input
                  id={`${id}-password`}
                  name="password"
                  type={visible ? 'text' : 'password'}
                  autoComplete={mode === 'sign-up' ? 'new-password' : 'current-password'}
                  autoCapitalize="none"
                  spellCheck={false}
                  maxLength={512}
                  required
                  aria-describedby={mode === 'sign-up' ? `${id}-hint` : undefined}
                />
                <button
                  type="button"
                  className="icon-button"
                  aria-label={visible ? 'Hide password' : 'Show password'}
                  title={visible ? 'Hide password' : 'Show password'}
                  onClick={() => setVisible(!visible)}
                >
                  <Icon name={visible ? 'eyeOff' : 'eye'} size={22} />
                </button>
              </div>
              {mode === 'sign-up' && (
                <span className="hint" id={`${id}-hint`}>
                  At least {SHORTEST_PASSWORD} characters. A long, easy sentence is best.
                </span>
              )}
            </div>
            <button type="submit" className="button primary wide" disabled={busy}>
              {busy && <span className="spinner" aria-hidden="true" />}
              {busy ? (mode === 'sign-up' ? 'Creating your account…' : 'Signing in…') : mode === 'sign-up' ? 'Create account' : 'Sign in'}
            </button>
            {otherWays}
            {registrationOpen && (
              <div className="switch">
                <span>{mode === 'sign-up' ? 'Have an account already?' : 'New here?'}</span>
                <button type="button" className="button plain" onClick={() => change(mode === 'sign-up' ? 'sign-in' : 'sign-up')}>
                  {mode === 'sign-up' ? 'Sign in' : 'Create an account'}
                </button>
              </div>
            )}
          </form>
        )}
      </div>
      <footer>Parley is free software. Your messages stay on this server.</footer>
    </main>
  );
}
