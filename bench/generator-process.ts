// The load generator as a child process on its own core.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Answer, Job } from './load/generator.ts';
import { GENERATOR_CORE } from './servers/server.ts';

export class Generator {
  readonly #child: ChildProcess;

  constructor() {
    const program = join(import.meta.dirname, 'load/generator.ts');
    this.#child = spawn('taskset', ['-c', GENERATOR_CORE, process.execPath, '--disable-warning=ExperimentalWarning', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** Runs one job; rejects when it failed, took longer than `timeoutMs`, or the generator ended. */
  run(job: Job, timeoutMs = 150_000): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const finish = (work: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', answered);
        this.#child.off('exit', ended);
        work();
      };
      const answered = (answer: Answer): void => finish(() => (answer.ok ? resolve(answer.result) : reject(new Error(answer.error))));
      const ended = (): void => finish(() => reject(new Error('the load generator ended')));
      const timer = setTimeout(
        () => finish(() => reject(new Error(`the job "${job.job}" took longer than ${timeoutMs / 1000} s`))),
        timeoutMs,
      );
      this.#child.on('message', answered);
      this.#child.once('exit', ended);
      this.#child.send(job);
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
