import type { CodeChallenge, CodeProof } from '@parley/sdk';
import { type FormEvent, type ReactElement, useEffect, useId, useReducer, useRef, useState } from 'react';
import { Icon } from '../ui/Icon.tsx';

/** What the page does for the steps; all reject with an Error whose message is a sentence for the person. */
export interface CodeSteps {
  readonly send: (email: string) => Promise<CodeChallenge>;
  readonly check: (challenge: CodeChallenge, code: string) => Promise<CodeProof>;
  /** `username`: make an account of this name; undefined signs in to the one that has the address. */
  readonly enter: (proof: CodeProof, username: string | undefined) => Promise<void>;
}

/** Properties of {@link EmailSignIn}. */
export interface EmailSignInProps {
  readonly domain: string | undefined;
  readonly steps: CodeSteps;
  /** Whether an address that nobody has may become an account. */
  readonly signUp: boolean;
  /** Proved already, by another provider: only the name is missing. */
  readonly proved?: (CodeProof & { readonly label: string; readonly sameEmail: boolean }) | undefined;
  /** Back to name and password. */
  readonly onBack: () => void;
  readonly onIntent: () => void;
}

type Step =
  | { readonly kind: 'address' }
  | { readonly kind: 'code'; readonly challenge: CodeChallenge }
  | { readonly kind: 'name'; readonly proof: CodeProof };

const TITLES: Readonly<Record<Step['kind'], string>> = { address: 'Continue with e-mail', code: 'Type the code', name: 'Choose a name' };

/** A name that the address suggests: what stands before the @, without what a user name cannot have. */
function suggested(email: string): string {
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

/** Sign-in and sign-up by an e-mail address: the address, the code, and for a newcomer a name. */
export function EmailSignIn({ domain, steps, signUp, proved, onBack, onIntent }: EmailSignInProps): ReactElement {
  const [step, setStep] = useState<Step>(proved === undefined ? { kind: 'address' } : { kind: 'name', proof: proved });
  const [email, setEmail] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [said, say] = useState('');
  const form = useRef<HTMLFormElement>(null);
  const alive = useRef(true);
  const id = useId();
  const wait = useSecondsUntil(step.kind === 'code' ? step.challenge.resendAt : 0);

  useEffect(() => {
    alive.current = true;
    document.title = `${TITLES[step.kind]} · Parley`;
    form.current?.querySelector('input')?.focus();
    return () => {
      alive.current = false;
    };
  }, [step.kind]);

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
    const challenge = await steps.send(to);
    setStep({ kind: 'code', challenge });
    say('The code is on its way.');
  };

  const next = async (typed: string): Promise<void> => {
    switch (step.kind) {
      case 'address':
        setEmail(typed);
        return send(typed);
      case 'code': {
        const proof = await steps.check(step.challenge, typed);
        if (proof.userId !== undefined) return steps.enter(proof, undefined);
        if (!signUp) throw new Error('Nobody here has this address, and this server takes no registrations.');
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
    if (typed === '')
      setProblem({ address: 'Please type your e-mail address.', code: 'Please type the code.', name: 'Please type a name.' }[step.kind]);
    else void attempt(() => next(typed));
  };

  const label = { address: 'E-mail address', code: 'Code', name: 'User name' }[step.kind];
  return (
    <form ref={form} onSubmit={submit} onInput={onIntent} aria-labelledby={`${id}-title`} aria-busy={busy} noValidate>
      <h1 id={`${id}-title`}>{TITLES[step.kind]}</h1>
      <p className="lead">
        {step.kind === 'address' && 'You get a code by mail; there is no password to remember.'}
        {step.kind === 'code' && (
          <>
            We have sent a code to <bdi>{step.challenge.to}</bdi>. Look at your spam folder, too.
          </>
        )}
        {step.kind === 'name' && proved === undefined && 'Others find you by it. Your e-mail address stays private.'}
        {step.kind === 'name' && proved !== undefined && (
          <>
            Others find you by it. That you are <bdi>{proved.label}</bdi> stays private.
          </>
        )}
      </p>
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
            defaultValue={step.kind === 'address' ? email : step.kind === 'name' ? suggested(proved?.label ?? step.proof.value) : ''}
            required
            aria-describedby={problem === undefined ? undefined : `${id}-problem`}
            onChange={(event) => {
              // A code that is whole goes by itself, also when it was pasted or filled in.
              if (step.kind === 'code' && event.target.value.replace(/\D/g, '').length === step.challenge.digits)
                void attempt(() => next(event.target.value));
            }}
          />
          {step.kind === 'name' && domain !== undefined && <span className="suffix">@{domain}</span>}
        </div>
      </div>
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
      <div className="switch">
        {step.kind === 'code' && (
          <button type="button" className="button plain" onClick={() => setStep({ kind: 'address' })}>
            Another address
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
