/**
 * What the HTTP API can do, declared: each operation with the shapes of what it takes and answers, and with its refusals. The routes are
 * made of these declarations, and the description of the API (OpenAPI 3.1) too, so that neither can say what the other does not do.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../errors.ts';
import type { HttpSite } from '../listener/sites.ts';

/** One way in which an operation says no. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** When it happens, as half a sentence for the description. */
  readonly when: string;
}

/** Who asks, and of which domain. */
export interface ApiRequest {
  readonly site: HttpSite;
  /** Address of the client, as far as proxies on this machine can be believed. */
  readonly remoteAddress: string;
  /** Whoever asked is gone. */
  readonly signal: AbortSignal;
}

export interface Operation<Body extends z.ZodType = z.ZodType, Answer extends z.ZodType = z.ZodType> {
  /** Unique name, for generated clients. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Absolute, such as /api/v1/codes. */
  readonly path: string;
  /** The heading that it stands under. */
  readonly tag: string;
  readonly summary: string;
  readonly about?: string;
  /** What it takes as JSON; none for GET. */
  readonly body?: Body;
  /** A body that is taken, for the description and for whoever sent a wrong one. */
  readonly example?: z.input<Body>;
  /** Status of the answer. */
  readonly status: 200 | 201 | 202;
  /** What it answers: nothing that is not named here leaves the server. */
  readonly answer: Answer;
  readonly refusals: readonly Refusal[];
  run(body: z.output<Body>, request: ApiRequest): Promise<z.input<Answer>>;
}

/** Types the parts of an operation by each other; for lists of them the shapes do not matter any more. */
export function operation<Body extends z.ZodType, Answer extends z.ZodType>(declared: Operation<Body, Answer>): Operation {
  return declared as unknown as Operation;
}

/** A moment, as all answers give it. */
export const Moment = z.iso.datetime().describe('A moment in UTC.');

/** What the body of every refusal is. */
export const Failure = z.object({
  error: z.string().describe('For programs; stays the same.'),
  message: z.string().describe('A sentence for people.'),
});

/** Refusals of any operation, made before it is run. */
const WITH_BODY: readonly Refusal[] = [
  { status: 400, code: 'bad-request', when: 'the body is not the JSON that is described here' },
  { status: 413, code: 'too-large', when: 'the body is longer than 16 kB' },
  { status: 415, code: 'bad-type', when: 'the Content-Type is not application/json' },
];
const ANY: readonly Refusal[] = [
  { status: 500, code: 'internal', when: 'the server failed; its log says why' },
  { status: 503, code: 'busy', when: 'the server cannot store anything now' },
  { status: 507, code: 'full', when: 'the server has no room' },
];

/** All refusals of an operation. */
export function refusalsOf({ body, refusals }: Operation): readonly Refusal[] {
  return [...(body === undefined ? [] : WITH_BODY), ...refusals, ...ANY];
}

/** Makes routes of operations. `site`: which domain a request is about. */
export function serveOperations(app: FastifyInstance, operations: readonly Operation[], site: (request: FastifyRequest) => HttpSite): void {
  for (const declared of operations) {
    app.route({
      method: declared.method,
      url: declared.path,
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        const asker = { site: site(request), remoteAddress: request.ip, signal: gone.signal };
        const answer = await declared.run(bodyFor(declared, request.body), asker);
        reply.code(declared.status);
        return declared.answer.parse(answer);
      },
    });
  }
}

function bodyFor({ body, example }: Operation, sent: unknown): unknown {
  if (body === undefined) return undefined;
  const result = body.safeParse(sent);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : ` "${issue.path.join('.').slice(0, 100)}" is wrong or missing.`;
  throw new HttpError(400, 'bad-request', `Send ${JSON.stringify(example)} as JSON.${where}`);
}
