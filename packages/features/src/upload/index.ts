/** XEP-0363: HTTP File Upload. Gives out slots; the media server takes and serves the files. */
import { defineFeature, type Feature, messageFromClient } from '@parley/core';
import { decodeUploadRequest, encodeUploadSlot, fileTooLarge, NS, StanzaError } from '@parley/protocol';
import { el } from '@parley/xml';
import { disco } from '../disco/service.ts';
import { type Files, StoredReferences } from './references.ts';
import { mediaReferences } from './service.ts';

export type { Files } from './references.ts';

/** The media server's side: permission for one upload of known size and type. */
export interface Slots {
  /** Bytes. */
  readonly maxFileBytes: number;
  /** Throws an Error with a `code` (`too-large`, `quota`, `too-many`, `bad-size`) and a sentence for the person. */
  slot(request: { accountId: number; filename: string; bytes: number; contentType?: string }): {
    put: string;
    get: string;
    headers: Readonly<Record<string, string>>;
  };
}

function refusal(error: unknown, maxFileBytes: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const text = error instanceof Error ? error.message : undefined;
  switch (code) {
    case 'too-large':
      // §5: not-acceptable with the limit.
      return new StanzaError('not-acceptable', { text, extra: fileTooLarge(maxFileBytes) });
    case 'quota':
      return new StanzaError('resource-constraint', { type: 'wait', text, extra: el('quota', { xmlns: NS.upload }) });
    case 'too-many':
      return new StanzaError('resource-constraint', { type: 'wait', text, extra: el('retry', { xmlns: NS.upload }) });
    case 'bad-size':
      return new StanzaError('bad-request', { text });
    default:
      return error;
  }
}

/** The feature over this media server. */
export function uploadFeature(slots: Slots, files: Files): Feature {
  return defineFeature({
    name: 'upload',
    about: 'Lets clients send files: gives out signed upload addresses.',
    implements: [{ xep: 363, version: '1.2.0', status: 'complete' }],
    advertises: [NS.upload],
    needs: [disco],
    provides: [mediaReferences],
    options: {},
    async setup(ctx) {
      const references = new StoredReferences(ctx, files);
      ctx.provide(mediaReferences, references);
      ctx.defer(files.onRemoved((key) => references.fileGone(key)));
      ctx.on(messageFromClient, 'watch', (event) => {
        const { stanza, from, recipient } = event;
        if (!event.keep || recipient === undefined || !(stanza.has('file-sharing', NS.sfs) || stanza.has('x', NS.oob))) return;
        event.kept ??= [];
        event.kept.push((seq) => references.refer(seq, [recipient.id, from.account.id], stanza.inner));
      });
      await references.sweepAll();
      ctx.defer(
        ctx.use(disco).addForm({
          type: 'result',
          fields: [
            { var: 'FORM_TYPE', type: 'hidden', values: [NS.upload] },
            { var: 'max-file-size', values: [String(slots.maxFileBytes)] },
          ],
        }),
      );
      ctx.iq('get', 'host', { name: 'request', ns: NS.upload }, ({ payload, account }) => {
        const request = decodeUploadRequest(payload);
        if (request === undefined) throw new StanzaError('bad-request', { text: 'A request names the file and its size in bytes.' });
        try {
          const { put, get } = slots.slot({
            accountId: account.id,
            filename: request.filename,
            bytes: request.size,
            contentType: request.contentType,
          });
          return encodeUploadSlot({ put, get });
        } catch (error) {
          throw refusal(error, slots.maxFileBytes);
        }
      });
    },
  });
}
