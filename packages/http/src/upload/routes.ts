/** `/media/…`: PUT, GET, HEAD, OPTIONS of files, POST of thumbnails. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import type { MediaRecord } from './catalogue.ts';
import { normalContentType, presentation } from './content-type.ts';
import { type Media, thumbnailKey } from './media.ts';
import { parseRange } from './range.ts';
import { MEDIA_KEY, mediaPath, verifyUpload } from './signing.ts';

interface MediaRequest {
  Params: { key: string; name: string };
  Querystring: Record<string, unknown>;
}

/** XEP-0363 §11: web clients of other origins upload and download here, too. The addresses are the permission; there are no cookies. */
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'content-length, content-range, etag, content-disposition',
};
/** XEP-0363 §9.3: whatever the file is, it runs nothing in our name. */
const SANDBOX = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

/** A media server route table. Runs in a scope of its own: its bodies are streams, never parsed. */
export function mediaRoutes(app: FastifyInstance, media: Media): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ ...SANDBOX, ...CORS });
  });

  app.options('/media/*', async (_request, reply) => {
    reply.headers({
      'access-control-allow-methods': 'GET, HEAD, PUT, POST, OPTIONS',
      'access-control-allow-headers': 'content-type, content-digest, range',
      'access-control-max-age': '86400',
    });
    return reply.code(204).send();
  });

  app.put<MediaRequest>('/media/:key/:name', { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
    try {
      await upload(media, request);
    } catch (error) {
      // The rest of the body is not read: the connection is of no further use.
      reply.header('connection', 'close');
      throw error;
    }
    return reply.code(201).send();
  });

  app.route<MediaRequest>({
    method: ['GET', 'HEAD'],
    url: '/media/:key/:name',
    handler: async (request, reply) => {
      const { key } = request.params;
      const record = MEDIA_KEY.test(key) ? await media.find(key) : undefined;
      if (record === undefined) throw new HttpError(404, 'not-found', 'There is no such file.');
      return send(media, key, record, request, reply);
    },
  });

  app.post<{ Params: { key: string } }>('/media/:key/thumbnail', async (request) => {
    const { key } = request.params;
    if (!MEDIA_KEY.test(key)) throw new HttpError(404, 'not-found', 'There is no such file.');
    const made = await media.thumbnail(key);
    return {
      width: made.width,
      height: made.height,
      thumbhash: made.thumbhash,
      thumbnail: { path: mediaPath(key, 'thumbnail').replace(/thumbnail$/, 'thumbnail.webp'), mediaType: 'image/webp', ...made.small },
    };
  });
}

async function upload(media: Media, request: FastifyRequest<MediaRequest>): Promise<void> {
  const { key, name } = request.params;
  const grant = verifyUpload(media.signingKey, key, name, request.query);
  if (grant === undefined) throw new HttpError(403, 'forbidden', 'This is not an upload address that this server gave out.');
  const length = request.headers['content-length'];
  if (length === undefined) throw new HttpError(411, 'length-required', 'Say with Content-Length how long the file is.');
  if (Number(length) > grant.bytes)
    throw new HttpError(413, 'too-large', `The file is longer than the ${grant.bytes} bytes that were announced.`);
  if (Number(length) !== grant.bytes)
    throw new HttpError(400, 'bad-length', `The file is not as long as the ${grant.bytes} bytes that were announced.`);
  const type = request.headers['content-type'];
  // Clients that asked for no type may send any or none; those that did must keep to it.
  if (type !== undefined && grant.contentType !== 'application/octet-stream' && normalContentType(type) !== grant.contentType)
    throw new HttpError(400, 'bad-type', `The file was announced as ${grant.contentType}.`);
  await media.upload(grant, request.raw, digestOf(request.headers['content-digest']));
}

/** RFC 9530: `sha-256=:base64:`, as hexadecimal. */
function digestOf(header: string | string[] | undefined): string | undefined {
  const match = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(String(header ?? ''));
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], 'base64').toString('hex');
}

async function send(
  media: Media,
  key: string,
  record: MediaRecord,
  request: FastifyRequest<MediaRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const small = request.params.name === 'thumbnail.webp' && record.filename !== 'thumbnail.webp' ? record.thumbnail?.small : undefined;
  const size = small?.bytes ?? record.bytes;
  const etag = small === undefined ? `"${record.sha256}"` : `"${record.sha256}-thumbnail"`;
  const shown = small === undefined ? presentation(record.contentType, record.filename) : presentation('image/webp', 'thumbnail.webp');
  reply.headers({
    'content-type': shown.contentType,
    'content-disposition': shown.disposition,
    // What a key names never changes. Private: files are for those who have the address, not for shared caches.
    'cache-control': 'private, max-age=31536000, immutable',
    etag,
    'accept-ranges': 'bytes',
  });
  const known = request.headers['if-none-match'];
  if (known?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*')) return reply.code(304).send();
  // RFC 9110 §13.1.5: a range of another version is not what is wanted.
  const condition = request.headers['if-range'];
  const range = condition === undefined || condition === etag ? parseRange(request.headers.range, size) : { kind: 'whole' as const };
  if (range.kind === 'unsatisfiable')
    throw new HttpError(416, 'bad-range', `The file has ${size} bytes.`, {
      'content-range': `bytes */${size}`,
      'cache-control': 'no-store',
    });
  const part = range.kind === 'part' ? range : undefined;
  if (part !== undefined) reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${size}`);
  reply.header('content-length', part === undefined ? size : part.end - part.start + 1);
  if (request.method === 'HEAD') return reply.send();
  const source = await media.read(small === undefined ? key : thumbnailKey(key), part);
  if (source === undefined) throw new HttpError(404, 'not-found', 'There is no such file.');
  return reply.send(source instanceof Readable ? source : Readable.from(source, { objectMode: false }));
}
