/** The description of the HTTP API (OpenAPI 3.1), made of its operations. */
import { z } from 'zod';
import { Failure, type Operation, type Refusal, refusalsOf } from './operation.ts';

type Json = Readonly<Record<string, unknown>>;

function schemaOf(shape: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io, target: 'draft-2020-12' });
  return schema;
}

const content = (schema: Json, example?: unknown): Json => ({
  'application/json': { schema, ...(example === undefined ? {} : { example }) },
});

/** Refusals by status: an answer of OpenAPI is one for each status. */
function failures(refusals: readonly Refusal[]): Json {
  const byStatus = Map.groupBy(refusals, ({ status }) => status);
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      String(status),
      {
        description: of.map(({ code, when }) => `\`${code}\`: ${when}.`).join(' '),
        content: content({
          allOf: [{ $ref: '#/components/schemas/Failure' }, { properties: { error: { enum: [...new Set(of.map(({ code }) => code))] } } }],
        }),
        ...(status === 429 ? { headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } } } : {}),
      },
    ]),
  );
}

function described(one: Operation): Json {
  return {
    operationId: one.id,
    tags: [one.tag],
    summary: one.summary,
    ...(one.about === undefined ? {} : { description: one.about }),
    ...(one.body === undefined ? {} : { requestBody: { required: true, content: content(schemaOf(one.body, 'input'), one.example) } }),
    responses: {
      [String(one.status)]: { description: 'Done.', content: content(schemaOf(one.answer, 'output')) },
      ...failures(refusalsOf(one)),
    },
  };
}

/**
 * The document as JSON.
 *
 * @param version of the server
 */
export function openApi(operations: readonly Operation[], version: string): Json {
  const paths = Map.groupBy(operations, ({ path }) => path);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Parley',
      version,
      description: 'Registration and identity over HTTP. What comes after it, the chat, is XMPP: over TCP, or over WebSocket at /ws.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: Object.fromEntries(
      [...paths].map(([path, all]) => [path, Object.fromEntries(all.map((one) => [one.method.toLowerCase(), described(one)]))]),
    ),
    components: { schemas: { Failure: schemaOf(Failure, 'output') } },
  };
}
