import type { SocialProof } from '@parley/sdk';
import { type ComponentType, type ReactElement, StrictMode, useCallback, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { Session } from './app/session.ts';
import { applyTheme, savedTheme } from './shared/theme.ts';
import { startServiceWorker } from './shared/updates.ts';
import type { CodeSteps } from './sign-in/CodeSignIn.tsx';
import { type Credentials, SignIn, type SignInMode } from './sign-in/SignIn.tsx';
import { accountHint, forgetAccountHint, keepAccountHint, type ServerInfo, serverInfo } from './sign-in/server-info.ts';
import { leaveFor, takeReturn } from './sign-in/social.ts';
import { ErrorBoundary } from './ui/ErrorBoundary.tsx';
import './styles/base.css';

type App = ComponentType<{ readonly session: Session; readonly signOut: () => Promise<void> }>;

/** The SDK and everything behind the sign-in: a second download, begun as soon as it will be needed. */
const loadSession = (): Promise<typeof import('./app/session.ts')> => import('./app/session.ts');
const sessionOrSentence = (): ReturnType<typeof loadSession> =>
  loadSession().catch((error: unknown) => {
    throw new Error('The rest of Parley could not be loaded. Please check your network.', { cause: error });
  });
const loadApp = async (): Promise<App> => (await import('./app/ChatApp.tsx')).default;

/** Looked at once: it is taken out of the address. */
const returned = takeReturn();

type Page =
  | { readonly kind: 'starting' }
  | { readonly kind: 'sign-in'; readonly notice?: string; readonly proof?: SocialProof }
  | { readonly kind: 'chat'; readonly session: Session; readonly App: App };

function useServerInfo(wanted: boolean): ServerInfo | undefined {
  const [info, setInfo] = useState<ServerInfo>();
  useEffect(() => {
    if (!wanted || info !== undefined) return;
    let alive = true;
    void serverInfo().then((found) => {
      if (alive) setInfo(found);
    });
    return () => {
      alive = false;
    };
  }, [wanted, info]);
  return info;
}

function Root(): ReactElement {
  const [page, setPage] = useState<Page>(() => (accountHint() || returned !== undefined ? { kind: 'starting' } : { kind: 'sign-in' }));
  const info = useServerInfo(page.kind === 'sign-in');

  const open = useCallback(async (session: Session): Promise<void> => {
    const App = await loadApp();
    keepAccountHint();
    setPage({ kind: 'chat', session, App });
  }, []);

  // Back from another provider.
  useEffect(() => {
    if (returned === undefined || accountHint()) return;
    let alive = true;
    const enter = async (): Promise<void> => {
      if (returned.kind === 'lost') throw new Error('This attempt to sign in began in another tab. Please begin again.');
      if (returned.purpose === 'add') throw new Error('You were signed out meanwhile. Sign in, and try again.');
      const { finishSocial, enterByCode } = await sessionOrSentence();
      const proof = await finishSocial(returned.flow, returned.address);
      if (!alive) return;
      if (proof.userId !== undefined) await open(await enterByCode(proof, undefined));
      else setPage({ kind: 'sign-in', proof });
    };
    enter().catch((error: unknown) => {
      if (alive) setPage({ kind: 'sign-in', notice: error instanceof Error ? error.message : 'Please begin again.' });
    });
    return () => {
      alive = false;
    };
  }, [open]);

  // A device that was signed in goes straight to its chats, network or not.
  useEffect(() => {
    if (!accountHint()) return;
    let alive = true;
    const start = async (): Promise<void> => {
      const [{ resume, addReturned }] = await Promise.all([loadSession(), loadApp()]);
      const session = await resume();
      if (!alive) return;
      if (session !== undefined) {
        await open(session);
        if (returned?.kind === 'answer' && returned.purpose === 'add') await addReturned(session, returned.flow, returned.address);
        return;
      }
      forgetAccountHint();
      setPage({ kind: 'sign-in' });
    };
    start().catch((error: unknown) => {
      console.error(error);
      if (alive) setPage({ kind: 'sign-in', notice: error instanceof Error ? error.message : 'Parley could not be opened.' });
    });
    return () => {
      alive = false;
    };
  }, [open]);

  const start = async (mode: SignInMode, { name, password }: Credentials): Promise<void> => {
    const { signIn, signUp } = await sessionOrSentence();
    // The page may be reached under another name than that of the accounts: chat.example.org for ann@example.org.
    const user = info?.domain === undefined || name.includes('@') ? name : `${name}@${info.domain}`;
    await open(await (mode === 'sign-up' ? signUp(user, password) : signIn(user, password)));
  };

  const codeSteps: CodeSteps = {
    send: async (kind, to) => (await sessionOrSentence()).sendCode(kind, to),
    check: async (challenge, code) => (await sessionOrSentence()).checkCode(challenge, code),
    enter: async (proof, username) => open(await (await sessionOrSentence()).enterByCode(proof, username)),
  };

  const leave = useCallback(async (): Promise<void> => {
    const { signOut } = await loadSession();
    await signOut();
    forgetAccountHint();
    history.replaceState(null, '', '#/');
    setPage({ kind: 'sign-in' });
  }, []);

  // Signed out from elsewhere (password changed, account removed): say so and ask again.
  const chatting = page.kind === 'chat';
  useEffect(() => {
    if (!chatting) return;
    let end: (() => void) | undefined;
    let alive = true;
    void loadSession().then(({ onExpired }) => {
      if (!alive) return;
      end = onExpired((notice) => {
        forgetAccountHint();
        setPage({ kind: 'sign-in', notice });
      });
    });
    return () => {
      alive = false;
      end?.();
    };
  }, [chatting]);

  if (page.kind === 'chat') return <page.App session={page.session} signOut={leave} />;
  if (page.kind === 'sign-in')
    return (
      <SignIn
        notice={page.notice}
        domain={info?.domain}
        registrationOpen={info?.registrationOpen ?? false}
        start={start}
        codes={
          info?.emailCodes === true || info?.phoneCodes === true
            ? { email: info.emailCodes, phone: info.phoneCodes, country: info.phoneCountry, steps: codeSteps, signUp: info.signUpByCode }
            : undefined
        }
        providers={info?.providers ?? []}
        go={async (provider) => leaveFor(await (await sessionOrSentence()).beginSocial(provider), 'enter')}
        link={
          info?.linking === true
            ? {
                request: async () => (await sessionOrSentence()).requestLink(),
                linked: async () => open((await sessionOrSentence()).currentSession()),
              }
            : undefined
        }
        passkey={info?.passkeys === true ? async () => open(await (await sessionOrSentence()).signInByPasskey()) : undefined}
        proved={page.proof === undefined ? undefined : { proof: page.proof, steps: codeSteps, back: () => setPage({ kind: 'sign-in' }) }}
        onIntent={() => {
          void loadSession().catch(() => undefined);
          void loadApp().catch(() => undefined);
        }}
      />
    );
  return (
    <main className="splash" aria-busy="true">
      <img src="/icons/icon.svg" alt="" width="76" height="76" />
      <span className="spinner big" role="status" aria-label="Loading your chats" />
    </main>
  );
}

applyTheme(savedTheme());
startServiceWorker();
const host = document.getElementById('root');
if (host === null) throw new Error('index.html has no #root');
createRoot(host).render(
  <StrictMode>
    <ErrorBoundary>
      <Root />
    </ErrorBoundary>
  </StrictMode>,
);
