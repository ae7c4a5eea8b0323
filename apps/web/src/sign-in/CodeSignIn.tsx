import type { CodeChallenge, CodeKind, CodeProof } from '@parley/sdk';
import { type FormEvent, lazy, type ReactElement, type ReactNode, Suspense, useEffect, useId, useReducer, useRef, useState } from 'react';
import { Icon } from '../ui/Icon.tsx';
import { PlainPhoneField } from './PlainPhoneField.tsx';
import { codeFromMessage } from './web-otp.ts';

/** With the data of all countries: loaded where somebody may type a number. Without it there is a plain field. */
const PhoneField = lazy(() => import('./PhoneField.tsx').catch(() => ({ default: PlainPhoneField })));

/** What the page does for the steps; all reject with an Error whose message is a sentence for the person. */
export interface CodeSteps {
  readonly send: (kind: CodeKind, to: string) => Promise<CodeChallenge>;
  readonly check: (challenge: CodeChallenge, code: string) => Promise<CodeProof>;
  /** `username`: make an account of this name; undefined signs in to the one that has the address. */
  readonly enter: (proof: CodeProof, username: string | undefined) => Promise<void>;
}

/** Properties of {@link CodeSignIn}. */
export interface CodeSignInProps {
  readonly kind: CodeKind;
  /** Of phone numbers without a country code (ISO 3166), '' when the server has none. */
  readonly country?: string;
  readonly domain: string | undefined;
  readonly steps: CodeSteps;
  /** Whether an address that nobody has may become an account. */
  readonly signUp: boolean;
  /** Proved already, by another provider: only the name is missing. */
  readonly proved?: (CodeProof & { readonly label: string; readonly sameEmail: boolean }) | undefined;
  /** Shown once above the form. */
  readonly notice?: string | undefined;
  /** Somebody has chosen this way: the field takes the keyboard. */
  readonly chosen?: boolean;
  /** Buttons to the other ways in, below the first step. */
  readonly others?: ReactNode;
  /** Back to name and password. */
  readonly onBack: () => void;
  readonly onIntent: () => void;
}

type Step =
  | { readonly kind: 'address' }
  | { readonly kind: 'code'; readonly challenge: CodeChallenge }
  | { readonly kind: 'name'; readonly proof: CodeProof };

/** What differs between the two. */
const WORDS = {
  email: {
    title: 'Continue with e-mail',
    label: 'E-mail address',
    lead: 'You get a code by mail; there is no password to remember.',
    empty: 'Please type your e-mail address.',
    sent: 'Look at your spam folder, too.',
    privately: 'Others find you by it. Your e-mail address stays private.',
    nobody: 'Nobody here has this address, and this server takes no registrations.',
    another: 'Another address',
  },
  phone: {
    title: 'Continue with your phone number',
    label: 'Phone number',
    lead: 'You get a code by text message; there is no password to remember.',
    empty: 'Please type your phone number.',
    sent: 'It may take a moment.',
    privately: 'Others find you by it. Your phone number stays private.',
    nobody: 'Nobody here has this number, and this server takes no registrations.',
    another: 'Another number',
  },
} as const;
const TITLES = { code: 'Type the code', name: 'Choose a name' } as const;

/** A name that the address suggests: what stands before the @, without what a user name cannot have. A number suggests none. */
function suggested(email: string): string {
  if (/^\+\d+$/.test(email)) return '';
  return (email.includes('@') ? email.slice(0, email.indexOf('@')) : email).replace(/\+.*/, '').replace(/[^\p{L}\p{N}._-]/gu, '');
}

/** Seconds until `at`, counted down. */
function useSecondsUntil(at: number): number {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const left = Math.max(0, Math.ceil((at - Date.now()) / 1000));
  useEffect(() => {
    if (left === 0) return;
    const timer = setTimeout(again, 1000);
    return () => clearTimeout(timer);
  });
  return left;
}

/** Sign-in and sign-up by an e-mail address or a phone number: the address, the code, and for a newcomer a name. */
export function CodeSignIn(props: CodeSignInProps): ReactElement {
  const { kind, country = '', domain, steps, signUp, proved, notice, chosen = true, others, onBack, onIntent } = props;
  const [step, setStep] = useState<Step>(proved === undefined ? { kind: 'address' } : { kind: 'name', proof: proved });
  const [address, setAddress] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [said, say] = useState('');
  /** Nobody has typed yet: the page must not take the keyboard. */
  const [fresh, setFresh] = useState(!chosen);
  const form = useRef<HTMLFormElement>(null);
  const alive = useRef(true);
  const id = useId();
  const words = WORDS[kind];
  const title = step.kind === 'address' ? words.title : TITLES[step.kind];
  const wait = useSecondsUntil(step.kind === 'code' ? step.challenge.resendAt : 0);

  useEffect(() => {
    alive.current = true;
    document.title = `${title} · Parley`;
    // The field of a number sees to itself.
    if (!fresh) form.current?.querySelector<HTMLInputElement>('input:not([type=hidden])')?.focus();
    return () => {
      alive.current = false;
    };
  }, [title, fresh]);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      if (alive.current) setProblem(error instanceof Error ? error.message : 'Something went wrong. Please try again.');
    } finally {
      if (alive.current) setBusy(false);
    }
  };

  const send = async (to: string): Promise<void> => {
    const challenge = await steps.send(kind, to);
    setFresh(false);
    setStep({ kind: 'code', challenge });
    say('The code is on its way.');
  };

  const next = async (typed: string): Promise<void> => {
    switch (step.kind) {
      case 'address':
        setAddress(typed);
        return send(typed);
      case 'code': {
        const proof = await steps.check(step.challenge, typed);
        if (proof.userId !== undefined) return steps.enter(proof, undefined);
        if (!signUp) throw new Error(words.nobody);
        setStep({ kind: 'name', proof });
        return;
      }
      case 'name':
        return steps.enter(step.proof, typed);
    }
  };

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget).get('typed') ?? '').trim();
    if (typed === '') setProblem({ address: words.empty, code: 'Please type the code.', name: 'Please type a name.' }[step.kind]);
    else void attempt(() => next(typed));
  };

  // The newest attempt, for a code that comes by itself.
  const enter = useRef<(code: string) => void>(() => {});
  useEffect(() => {
    enter.current = (code) => void attempt(() => next(code));
  });
  const challenge = step.kind === 'code' ? step.challenge : undefined;
  useEffect(() => {
    if (challenge?.kind !== 'phone') return;
    const end = new AbortController();
    void codeFromMessage(end.signal).then((code) => {
      const field = form.current?.querySelector<HTMLInputElement>('input[name=typed]');
      if (code === undefined || end.signal.aborted || field === null || field === undefined) return;
      field.value = code;
      enter.current(code);
    });
    return () => end.abort();
  }, [challenge]);

  const label = { address: words.label, code: 'Code', name: 'User name' }[step.kind];
  const describedBy = problem === undefined ? undefined : `${id}-problem`;
  return (
    <form ref={form} onSubmit={submit} onInput={onIntent} aria-labelledby={`${id}-title`} aria-busy={busy} noValidate>
      <h1 id={`${id}-title`}>{title}</h1>
      <p className="lead">
        {step.kind === 'address' && words.lead}
        {step.kind === 'code' && (
          <>
            We have sent a code to <bdi dir="ltr">{step.challenge.to}</bdi>. {words.sent}
          </>
        )}
        {step.kind === 'name' && proved === undefined && words.privately}
        {step.kind === 'name' && proved !== undefined && (
          <>
            Others find you by it. That you are <bdi>{proved.label}</bdi> stays private.
          </>
        )}
      </p>
      {notice !== undefined && problem === undefined && step.kind === 'address' && (
        <div className="notice info" role="status">
          <Icon name="info" size={20} />
          {notice}
        </div>
      )}
      {challenge?.shown !== undefined && (
        <div className="notice error development" role="status">
          <Icon name="alert" size={20} />
          <span>
            For development only: this server sends no messages and shows every code to whoever asks. This one is{' '}
            <strong>{challenge.shown}</strong>.
          </span>
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
      {proved?.sameEmail === true && (
        <div className="notice info">
          <Icon name="info" size={20} />
          An account here has this e-mail address already. If it is yours, sign in to it as usual; then add this way to sign in in your
          settings.
        </div>
      )}
      {step.kind === 'address' && kind === 'phone' ? (
        <Suspense
          fallback={
            <div className="field waiting">
              <span className="spinner" role="status" aria-label="Loading" />
            </div>
          }
        >
          <PhoneField name="typed" label={label} country={country} value={address} focus={!fresh} describedBy={describedBy} />
        </Suspense>
      ) : (
        <div className="field" key={step.kind}>
          <label htmlFor={`${id}-typed`}>{label}</label>
          <div className="control">
            <input
              id={`${id}-typed`}
              name="typed"
              type={step.kind === 'address' ? 'email' : 'text'}
              inputMode={step.kind === 'code' ? 'numeric' : undefined}
              autoComplete={{ address: 'email', code: 'one-time-code', name: 'username' }[step.kind]}
              autoCapitalize="none"
              autoCorrect="off"
              spellCheck={false}
              maxLength={step.kind === 'code' ? 12 : 320}
              defaultValue={step.kind === 'address' ? address : step.kind === 'name' ? suggested(proved?.label ?? step.proof.value) : ''}
              required
              aria-describedby={describedBy}
              onChange={(event) => {
                // A code that is whole goes by itself, also when it was pasted or filled in.
                if (step.kind === 'code' && event.target.value.replace(/\D/g, '').length === step.challenge.digits)
                  void attempt(() => next(event.target.value));
              }}
            />
            {step.kind === 'name' && domain !== undefined && <span className="suffix">@{domain}</span>}
          </div>
        </div>
      )}
      <button type="submit" className="button primary wide" disabled={busy}>
        {busy && <span className="spinner" aria-hidden="true" />}
        {{ address: 'Send code', code: 'Continue', name: 'Create account' }[step.kind]}
      </button>
      {step.kind === 'code' && (
        <button
          type="button"
          className="button plain wide"
          disabled={busy || wait > 0}
          onClick={() => void attempt(() => send(step.challenge.to))}
        >
          {wait > 0 ? `Send another code in ${wait} s` : 'Send another code'}
        </button>
      )}
      {step.kind === 'address' && others}
      <div className="switch">
        {step.kind === 'code' && (
          <button type="button" className="button plain" onClick={() => setStep({ kind: 'address' })}>
            {words.another}
          </button>
        )}
        <button type="button" className="button plain" onClick={onBack}>
          {proved === undefined ? 'Use a password' : 'Back'}
        </button>
      </div>
      <div className="visually-hidden" role="status">
        {said}
      </div>
    </form>
  );
}
