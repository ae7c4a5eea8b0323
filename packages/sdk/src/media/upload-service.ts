import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import { ChatError } from '../errors.ts';
import { webUrl } from '../messages/codec.ts';

/** XEP-0363 §11: only these may be set on the request, and no line breaks in them. */
const ALLOWED_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'expires']);
const MAX_ITEMS = 20;

export interface UploadService {
  readonly address: string;
  /** Undefined: the service does not say. */
  readonly maxBytes: number | undefined;
}

export interface UploadSlot {
  readonly putUrl: string;
  readonly getUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Looks for an upload service on the own domain and among its items (XEP-0363 §3). Rejects with `not-supported`. */
export async function findUploadService(session: Session): Promise<UploadService> {
  const own = await describe(session, session.domain);
  if (own !== undefined) return own;
  const answer = await session.iq(el('iq', { type: 'get', to: session.domain }, el('query', { xmlns: NS.discoItems })));
  const items = answer.child('query', NS.discoItems)?.childrenNamed('item', NS.discoItems) ?? [];
  for (const item of items.slice(0, MAX_ITEMS)) {
    const address = item.attr('jid');
    const service = address === undefined ? undefined : await describe(session, address).catch(ignoreRefusal);
    if (service !== undefined) return service;
  }
  throw new ChatError('not-supported', 'This server takes no files');
}

async function describe(session: Session, address: string): Promise<UploadService | undefined> {
  const answer = await session.iq(el('iq', { type: 'get', to: address }, el('query', { xmlns: NS.discoInfo })));
  const query = answer.child('query', NS.discoInfo);
  if (!query?.childrenNamed('feature', NS.discoInfo).some((feature) => feature.attr('var') === NS.upload)) return undefined;
  for (const form of query.childrenNamed('x', NS.dataForms)) {
    const value = (name: string): string | undefined =>
      form
        .childrenNamed('field', NS.dataForms)
        .find((field) => field.attr('var') === name)
        ?.childText('value', NS.dataForms);
    if (value('FORM_TYPE') !== NS.upload) continue;
    const maxBytes = Number(value('max-file-size'));
    return { address, maxBytes: Number.isFinite(maxBytes) && maxBytes > 0 ? maxBytes : undefined };
  }
  return { address, maxBytes: undefined };
}

function ignoreRefusal(error: unknown): undefined {
  if (error instanceof ChatError && error.condition !== undefined) return undefined;
  throw error;
}

/** Asks for a place (XEP-0363 §5). Rejects with `too-large`, `rate-limited` (quota) or what the server says. */
export async function requestSlot(
  session: Session,
  service: UploadService,
  file: { readonly name: string; readonly sizeBytes: number; readonly mediaType: string },
): Promise<UploadSlot> {
  const request = el('request', { xmlns: NS.upload, filename: file.name, size: file.sizeBytes, 'content-type': file.mediaType });
  let answer: Awaited<ReturnType<Session['iq']>>;
  try {
    answer = await session.iq(el('iq', { type: 'get', to: service.address }, request));
  } catch (error) {
    if (error instanceof ChatError && error.condition === 'not-acceptable') {
      throw new ChatError('too-large', 'The file is larger than the server accepts', {
        cause: error,
        condition: error.condition,
        ...(service.maxBytes === undefined ? {} : { maxBytes: service.maxBytes }),
      });
    }
    throw error;
  }
  const slot = answer.child('slot', NS.upload);
  const put = slot?.child('put', NS.upload);
  const putUrl = webUrl(put?.attr('url'));
  const getUrl = webUrl(slot?.child('get', NS.upload)?.attr('url'));
  if (putUrl === undefined || getUrl === undefined) throw new ChatError('protocol-violation', 'The server gave no place for the file');
  const headers: Record<string, string> = {};
  for (const header of put?.childrenNamed('header', NS.upload) ?? []) {
    const name = header.attr('name') ?? '';
    const value = header.text();
    if (ALLOWED_HEADERS.has(name.toLowerCase()) && !/[\r\n]/.test(value)) headers[name] = value;
  }
  return { putUrl, getUrl, headers };
}
