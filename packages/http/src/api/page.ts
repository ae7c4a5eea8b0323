/** The description of the HTTP API as a page to read: no script, nothing from elsewhere. */
import { z } from 'zod';
import { type Operation, refusalsOf } from './operation.ts';

export const STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem 1.5rem 4rem}
h2{margin-top:3rem}h3{margin-top:2rem;padding-top:1rem;border-top:1px solid color-mix(in srgb,currentColor 20%,transparent)}
h3 code{font-size:1rem}pre{overflow-x:auto;padding:.75rem 1rem;border-radius:.5rem;background:color-mix(in srgb,currentColor 8%,transparent)}
table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.25rem 1rem .25rem 0;text-align:start;vertical-align:top}`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value: string): string => value.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
const code = (value: unknown): string => `<pre tabindex="0"><code>${text(JSON.stringify(value, null, 2))}</code></pre>`;

interface Field {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Field[];
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly items?: Field;
}

function typeOf({ type, anyOf, enum: values, items }: Field): string {
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ');
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(', ');
  if (items !== undefined) return `list of ${typeOf(items)}`;
  return String(type ?? 'any');
}

function fields(shape: z.ZodType, io: 'input' | 'output'): string {
  const { properties = {}, required = [] } = z.toJSONSchema(shape, { io }) as {
    properties?: Readonly<Record<string, Field>>;
    required?: readonly string[];
  };
  const rows = Object.entries(properties).map(([name, field]) => {
    const notes = [
      required.includes(name) ? '' : 'may be missing',
      field.maxLength === undefined ? '' : `at most ${field.maxLength} characters`,
      field.description ?? '',
    ];
    return `<tr><td><code>${text(name)}</code></td><td>${text(typeOf(field))}</td><td>${text(notes.filter((note) => note !== '').join('; '))}</td></tr>`;
  });
  return rows.length === 0 ? '' : `<table><tr><th>Field</th><th>Type</th><th></th></tr>${rows.join('')}</table>`;
}

function section(one: Operation): string {
  const refusals = refusalsOf(one).map(
    ({ status, code: name, when }) => `<tr><td>${status}</td><td><code>${text(name)}</code></td><td>${text(when)}</td></tr>`,
  );
  return `<h3 id="${text(one.id)}"><code>${one.method} ${text(one.path)}</code></h3>
<p>${text(one.summary)}</p>${one.about === undefined ? '' : `<p>${text(one.about)}</p>`}
${one.body === undefined ? '' : `<h4>Takes</h4>${code(one.example)}${fields(one.body, 'input')}`}
<h4>Answers ${one.status}</h4>${fields(one.answer, 'output')}
<h4>Refuses</h4><table><tr><th>Status</th><th>error</th><th>When</th></tr>${refusals.join('')}</table>`;
}

/** The whole page. `version`: of the server. */
export function apiPage(operations: readonly Operation[], version: string): string {
  const tags = Map.groupBy(operations, ({ tag }) => tag);
  const parts = [...tags].map(([tag, all]) => `<h2>${text(tag)}</h2>${all.map(section).join('\n')}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Parley: HTTP API</title><link rel="stylesheet" href="/api/docs.css"></head><body><main>
<h1>Parley: HTTP API</h1>
<p>Version ${text(version)}. For programs: <a href="/api/openapi.json">OpenAPI 3.1</a>. Every refusal is
<code>{"error": …, "message": …}</code>: a code that stays the same, and a sentence for people. What comes after signing in, the chat, is XMPP:
over TCP, or over WebSocket at <code>/ws</code>.</p>
${parts.join('\n')}
</main></body></html>
`;
}
