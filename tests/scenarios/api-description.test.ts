// The HTTP API is what its description says: the document is valid, and whatever is sent, only described answers come.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { startMailServer } from '../support/mail-server.ts';
import { startServer } from '../support/server.ts';

type Schema = Readonly<Record<string, unknown>>;
interface Media {
  readonly content: { readonly 'application/json': { readonly schema: Schema; readonly example?: unknown } };
}
interface Described {
  readonly operationId: string;
  readonly requestBody?: Media;
  readonly responses: Readonly<Record<string, Media>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Another one finds other cases; in CI it is always the same, so that a run can be repeated. */
const SEED = Number(process.env['PARLEY_FUZZ_SEED'] ?? 1);
const RUNS = Number(process.env['PARLEY_FUZZ_RUNS'] ?? 120);

const folder = await mkdtemp(join(tmpdir(), 'parley-api-'));
const post = await startMailServer(folder);
const server = await startServer({
  config: {
    ...post.config,
    'email.from': 'Parley <chat@parley.example>',
    'features.identity.perAddressPerHour': 0,
    'registration.perAddressPerHour': 0,
  },
});
test.after(async () => {
  await server.stop();
  await post.close();
  await rm(folder, { recursive: true });
});

const document = (await (await fetch(`${server.httpOrigin}/api/openapi.json`)).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, described]) => ({ path, method: method.toUpperCase(), described })),
);

const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats as unknown as (to: Ajv2020) => void)(ajv);
ajv.addSchema({ $id: 'https://parley.example/openapi', components: document.components });
/** The schema as one that stands alone. */
const standingAlone = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"https://parley.example/openapi#/components/')) as Schema;

/** Sends a request and holds the answer against the description; answers its status. */
async function held({ path, method, described }: (typeof operations)[number], body: string | undefined, type: string): Promise<number> {
  const response = await fetch(`${server.httpOrigin}${path}`, {
    method,
    ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
  });
  const text = await response.text();
  const said = described.responses[String(response.status)];
  const about = `${method} ${path} ${body?.slice(0, 300)} → ${response.status} ${text.slice(0, 300)}`;
  assert.ok(said !== undefined && response.status < 500, about);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/, about);
  const right = ajv.compile(standingAlone(said.content['application/json'].schema));
  assert.ok(right(JSON.parse(text)), `${about}: ${ajv.errorsText(right.errors)}`);
  if (response.status === 429) assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/, about);
  return response.status;
}

/** Anything that JSON can say; strings of all kinds, also such as programs trip over. */
const anything = (): fc.Arbitrary<unknown> =>
  fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('', ' ', '\u0000', '__proto__', 'constructor', '../../etc/passwd', "' or 1=1--", '\u202E', '\uD800', 'ann', '1e999'),
    fc.constantFrom(-1, 0, 1e308, Number.MAX_SAFE_INTEGER, null, true, [], {}),
    fc.integer({ min: 1, max: 4000 }).map((length) => 'x'.repeat(length)),
  );

/** Values that a field may have by the description, and a few that it may not. */
function field(schema: Schema): fc.Arbitrary<unknown> {
  const {
    type,
    enum: values,
    minLength = 0,
    maxLength = 300,
  } = schema as { type?: string; enum?: unknown[]; minLength?: number; maxLength?: number };
  const right =
    values !== undefined
      ? fc.constantFrom(...values)
      : type === 'string'
        ? fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 300) })
        : type === 'boolean'
          ? fc.boolean()
          : anything();
  return fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: anything() });
}

/** Bodies from right to nonsense: the fields of the description, left out or added to, or something else altogether. */
function bodies(media: Media): fc.Arbitrary<string> {
  const { schema, example } = media.content['application/json'];
  const { properties = {}, required = [] } = schema as { properties?: Readonly<Record<string, Schema>>; required?: readonly string[] };
  const shape = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, field(one)]));
  const right = fc.record(shape, { requiredKeys: [...required] });
  const near = fc.tuple(fc.record(shape, { requiredKeys: [] }), fc.dictionary(fc.string({ maxLength: 12 }), anything(), { maxKeys: 2 }));
  return fc.oneof(
    { weight: 5, arbitrary: right.map((body) => JSON.stringify(body)) },
    { weight: 3, arbitrary: near.map(([some, more]) => JSON.stringify({ ...(example as object), ...some, ...more })) },
    { weight: 1, arbitrary: anything().map((body) => JSON.stringify(body)) },
    { weight: 1, arbitrary: fc.string({ maxLength: 200 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        '[[[[',
        `${'['.repeat(8000)}${']'.repeat(8000)}`,
        `{"a":"${'x'.repeat(20_000)}"}`,
        '{"__proto__":{"x":1}}',
      ),
    },
  );
}

test('the description is OpenAPI 3.1, and there is a page to read', async () => {
  assert.match(document.openapi, /^3\.1\./);
  const result = await new Validator().validate(document as unknown as Record<string, unknown>);
  assert.ok(result.valid, JSON.stringify(result.errors));
  const page = await fetch(`${server.httpOrigin}/api/docs`);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  const html = await page.text();
  for (const { path, method } of operations) assert.ok(html.includes(`${method} ${path}`), path);
  assert.doesNotMatch(html, /<script|https?:\/\//i, 'nothing from elsewhere, no code');
  assert.equal((await fetch(`${server.httpOrigin}/api/docs.css`)).status, 200);
});

test('every address under /api that is not described is nothing', async () => {
  for (const path of ['/api', '/api/', '/api/v1', '/api/v2/codes', '/api/v1/codes/', '/api/v1/../v1/none', '/api/v1/CODES']) {
    const response = await fetch(`${server.httpOrigin}${path}`, { method: 'POST' });
    assert.equal(response.status, 404, path);
    assert.equal(((await response.json()) as { error: string }).error, 'not-found', path);
  }
});

for (const one of operations) {
  test(`${one.described.operationId}: answers as described, whatever is sent`, async () => {
    const { requestBody } = one.described;
    if (requestBody === undefined) {
      assert.equal(await held(one, undefined, ''), 200);
      return;
    }
    const media = requestBody.content['application/json'];
    assert.ok(ajv.validate(standingAlone(media.schema), media.example), `the example: ${ajv.errorsText()}`);
    await held(one, JSON.stringify(media.example), 'application/json');
    assert.equal(await held(one, 'a=b', 'application/x-www-form-urlencoded'), 415);
    assert.equal(await held(one, `"${'x'.repeat(20_000)}"`, 'application/json'), 413);
    await fc.assert(
      fc.asyncProperty(bodies(requestBody), async (body) => {
        await held(one, body, 'application/json');
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    );
  });
}

test('after all this the server is as before', async () => {
  assert.equal((await fetch(`${server.httpOrigin}/healthz`)).status, 200);
  assert.deepEqual(server.unexpectedErrors(), []);
});
