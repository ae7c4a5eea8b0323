/** What the doctor says about one subject. */
export interface Finding {
  /** `fail`: the server cannot work so. `warn`: it works, but not well, or not for long. */
  readonly state: 'ok' | 'warn' | 'fail';
  /** `ports`, `disk`, … */
  readonly subject: string;
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

export const ok = (subject: string, text: string): Finding => ({ state: 'ok', subject, text });
export const warn = (subject: string, text: string, advice: string): Finding => ({ state: 'warn', subject, text, advice });
export const fail = (subject: string, text: string, advice: string): Finding => ({ state: 'fail', subject, text, advice });
