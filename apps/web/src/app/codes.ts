/** Codes from the pages: what this device has proved before goes along, and is kept. */
import type { ChatClient, CodeChallenge, CodeKind, CodeProof } from '@parley/sdk';
import { keepKnown, keptKnown } from '../sign-in/known.ts';

/** Sends a code. Rejects with a ChatError. */
export function sendCodeTo(chat: ChatClient, kind: CodeKind, to: string): Promise<CodeChallenge> {
  return chat.codes.send(kind, to, keptKnown());
}

/** Trades the code for a proof. Rejects with a ChatError. */
export async function checkCodeOf(chat: ChatClient, challenge: CodeChallenge, code: string): Promise<CodeProof> {
  const proof = await chat.codes.check(challenge, code);
  keepKnown(proof.known);
  return proof;
}
