export interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly web?: boolean;
}
export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly ok: boolean;
  readonly interrupted: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
}
export const SUITES: readonly Suite[];
export function runSuite(suite: Suite, silence?: number, deadline?: number): Promise<SuiteResult>;
