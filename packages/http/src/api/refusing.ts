import { HttpError } from '../errors.ts';
import type { Refusal } from './operation.ts';

/** What features refuse with: a code for programs, a sentence for people, and when another try may succeed (ms from now). */
type Refused<C extends string> = Error & { readonly code: C; readonly retryAfterMs: number | undefined };

/** Runs what a feature does. Its errors of this class become answers, with the status that the table has for their code (else 400); others stay. */
export async function refusing<C extends string, T>(
  kind: abstract new (...given: never[]) => Refused<C>,
  table: Readonly<Partial<Record<C, Pick<Refusal, 'status'>>>>,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    const { code, message, retryAfterMs } = error;
    const headers: Record<string, string> =
      retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
    throw new HttpError(table[code]?.status ?? 400, code, message, headers);
  }
}
