/** Signing in, resuming and signing out: the only place that makes a client. Loaded apart from the sign-in page. */
import {
  ChatClient,
  ChatError,
  type CodeChallenge,
  type CodeKind,
  type CodeProof,
  indexedDbStore,
  type LinkRequest,
  type SocialFlow,
  type SocialProof,
} from '@parley/sdk/browser';
import { clearPictures } from '../ui/pictures.ts';
import { clearStages } from './chat/use-stage.ts';
import { checkCodeOf, sendCodeTo } from './codes.ts';
import { clearDrafts } from './drafts.ts';
import { preferences } from './preferences.ts';
import { keepOwnName } from './profile.ts';
import { canPush, stopPush } from './push.ts';
import { formatRoute } from './route.ts';
import { type Session, sentenceOf } from './sdk.ts';
import { attempt, toast } from './toasts.tsx';

export type { Session } from './sdk.ts';

let made: Session | undefined;
/** This tab is signing out itself. */
let leaving = false;

function session(): Session {
  if (made === undefined) {
    const store = indexedDbStore();
    // The server that sent this page, under the name by which it was reached: there is nothing to look up.
    made = {
      chat: ChatClient.create({ server: `${location.origin.replace(/^http/, 'ws')}/ws`, store, autoDownload: preferences().autoDownload }),
      store,
    };
  }
  return made;
}

/** Errors leave as sentences. */
async function inWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(sentenceOf(error), { cause: error });
  }
}

/** Opens the account that this device is signed in to; undefined when there is none. Works without a network. */
export async function resume(): Promise<Session | undefined> {
  const current = session();
  try {
    await current.chat.connect();
    return current;
  } catch (error) {
    if (error instanceof ChatError && error.code === 'not-signed-in') return undefined;
    throw new Error(sentenceOf(error), { cause: error });
  }
}

/** Signs in. Rejects with a sentence. */
export async function signIn(username: string, password: string): Promise<Session> {
  const current = session();
  await inWords(current.chat.signIn({ username, password }));
  return current;
}

/** Makes an account and signs in with it. Rejects with a sentence. */
export async function signUp(username: string, password: string): Promise<Session> {
  const current = session();
  await inWords(current.chat.register({ username, password }));
  return current;
}

/** Sends a code to an e-mail address or a phone number. Rejects with a sentence. */
export async function sendCode(kind: CodeKind, to: string): Promise<CodeChallenge> {
  try {
    return await sendCodeTo(session().chat, kind, to);
  } catch (error) {
    const noNumber = kind === 'phone' && error instanceof ChatError && error.code === 'invalid-address';
    throw new Error(noNumber ? 'This is not a whole phone number.' : sentenceOf(error), { cause: error });
  }
}

/** Trades the code for a proof. Rejects with a sentence. */
export function checkCode(challenge: CodeChallenge, code: string): Promise<CodeProof> {
  return inWords(checkCodeOf(session().chat, challenge, code));
}

/** Signs in to the account that has the address, or makes one of this name. Rejects with a sentence. */
export async function enterByCode(proof: CodeProof, username: string | undefined): Promise<Session> {
  const current = session();
  const { codes } = current.chat;
  await inWords(username === undefined ? codes.signIn(proof, deviceName()) : codes.signUp(proof, username));
  return current;
}

/** Asks to be let in from a device that is signed in. Rejects with a sentence. */
export function requestLink(): Promise<LinkRequest> {
  return inWords(session().chat.linking.request(deviceName()));
}

/** The session of this page, once it is signed in. */
export function currentSession(): Session {
  return session();
}

/** Signs in by a passkey. Rejects with a sentence. */
export async function signInByPasskey(): Promise<Session> {
  const current = session();
  await inWords(current.chat.passkeys.signIn(deviceName()));
  return current;
}

/** Begins to sign in by another provider. Rejects with a sentence. */
export function beginSocial(provider: string): Promise<SocialFlow> {
  return inWords(session().chat.social.begin(provider));
}

/** Trades the address with which the browser came back. Rejects with a sentence. */
export function finishSocial(flow: SocialFlow, address: string): Promise<SocialProof> {
  return inWords(session().chat.social.finish(flow, address));
}

/** Adds what another provider has said of the person to the account that is signed in; the person reads what came of it. */
export async function addReturned({ chat }: Session, flow: SocialFlow, address: string): Promise<void> {
  const online = (): boolean => chat.connection.snapshot().state === 'online';
  if (!online())
    await new Promise<void>((resolve) => {
      const end = chat.connection.subscribe(() => {
        if (!online()) return;
        end();
        resolve();
      });
    });
  const add = async (): Promise<void> => chat.codes.add(await chat.social.finish(flow, address));
  if (!(await attempt(add()))) return;
  toast('You can sign in with it from now on.');
  location.hash = formatRoute({ panel: 'ways' });
}

/** What the owner reads of this browser on the other devices. */
export function deviceName(): string {
  const { userAgent } = navigator;
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(userAgent)?.[0];
  const system = /Android|iPhone|iPad|Windows|Mac OS|CrOS|Linux/.exec(userAgent)?.[0];
  const name = browser === 'Edg' ? 'Edge' : browser === 'OPR' ? 'Opera' : browser;
  return name === undefined ? 'A browser' : system === undefined ? name : `${name} on ${system}`;
}

/** As long as signing out waits for the push service and the server. Milliseconds. */
const PATIENCE_MS = 3000;

/** Nobody is told of somebody else's messages after signing out; without a network the subscription alone ends. */
async function endPush(chat: ChatClient): Promise<void> {
  if (!chat.features.snapshot().push || !canPush()) return;
  const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
  await Promise.race([stopPush(chat), late]).catch(() => undefined);
}

/** Removes the account and everything it kept from this device. */
export async function signOut(): Promise<void> {
  leaving = true;
  const { chat } = session();
  try {
    await endPush(chat);
    await chat.signOut();
  } finally {
    leaving = false;
  }
  clearDrafts();
  clearStages();
  keepOwnName('');
  clearPictures();
}

/** Calls back when the server no longer accepts this device, or another tab has signed out. */
export function onExpired(listener: (sentence: string) => void): () => void {
  const { chat } = session();
  const ends = [
    chat.on('session.expired', ({ error }) => listener(sentenceOf(error))),
    chat.user.subscribe(() => {
      if (chat.user.snapshot() === undefined && !leaving) listener('You signed out in another tab.');
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
