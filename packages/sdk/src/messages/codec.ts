import { decodeEphemeral, encodeEphemeral, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Attachment, Mention } from '../types.ts';
import { type Change, decodeChange, REACTIONS, RETRACT } from './changes.ts';
import { MAX_ID_LENGTH, MAX_TEXT_LENGTH, MAX_TIMER_SECONDS } from './limits.ts';
import { codePoints, decodeMentions, encodeMentions } from './mentions.ts';

/** XEP-0461 */
export const REPLY = 'urn:xmpp:reply:0';
/** docs/protocol/messages.md: the message was passed on and not written for this conversation. */
export const FORWARDED = 'urn:parley:forwarded:0';
const MAX_ATTACHMENTS = 10;
const MAX_URL_LENGTH = 4_096;
/** A thumbhash has at most 37 bytes, 52 characters. */
const MAX_THUMBHASH_LENGTH = 64;
const THUMBHASH_URI = 'data:image/thumbhash;base64,';

/** What a person wrote; this is what end-to-end encryption will cover. */
export interface Content {
  readonly body: string;
  readonly attachments: readonly Attachment[];
  /** XEP-0372 */
  readonly mentions?: readonly Mention[] | undefined;
  readonly replyTo?: ReplyTo | undefined;
  readonly forwarded?: boolean | undefined;
  /** Seconds after which it disappears (XEP-0466). */
  readonly timer?: number | undefined;
}

/** Which message is answered (XEP-0461). */
export interface ReplyTo {
  readonly wireId: string;
  /** Who wrote that one, as the sender says. */
  readonly senderId: string;
  /** What of it stands in the body for clients that cannot show it. */
  readonly text: string;
}

/** Of an answered message, so much goes along. In UTF-16 units. */
export const MAX_QUOTE_LENGTH = 300;

export type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';

/** A message stanza, understood. Nothing here says who may say it; that is the receiver's check. */
export interface DecodedMessage {
  readonly content: Content | undefined;
  readonly wireId: string | undefined;
  /** XEP-0359 origin-id. */
  readonly originId: string | undefined;
  readonly receiptWanted: boolean;
  /** XEP-0184: the message with this id has arrived. */
  readonly receivedId: string | undefined;
  /** XEP-0333: everything up to the message with this id has been seen. */
  readonly displayedId: string | undefined;
  readonly chatState: ChatState | undefined;
  /** A change to another message, with `content` as its new content. */
  readonly change: Pick<Change, 'kind' | 'targetId' | 'emoji'> | undefined;
  /** The archive's tombstone of a message that was taken back (XEP-0424 §4). */
  readonly retracted: boolean;
  /** XEP-0466 §3.4: how long what follows is to stay, in seconds. */
  readonly timer: number | undefined;
}

const STATES: ReadonlySet<string> = new Set<ChatState>(['active', 'composing', 'paused', 'inactive', 'gone']);

/**
 * The part of an outgoing message that holds its content: text, files (XEP-0447 with XEP-0446 and XEP-0264), and for clients without
 * these the links at the end of the body, marked as such (XEP-0428), and XEP-0066.
 */
export function encodeContent(content: Content): Element[] {
  const { body, attachments, replyTo } = content;
  const quote = replyTo === undefined || replyTo.text === '' ? '' : `${replyTo.text.replace(/^/gm, '> ')}\n`;
  const urls = attachments.map((file) => file.url).join('\n');
  // Clients without XEP-0447 show the link, and as a picture when the body is only the link (XEP-0066 as used by XEP-0363).
  const full = quote + body + (body === '' || urls === '' ? '' : '\n') + urls;
  const elements = [el('body', { xmlns: NS.client }, full), ...attachments.map(encodeAttachment)];
  if (replyTo !== undefined) {
    elements.push(el('reply', { xmlns: REPLY, to: replyTo.senderId, id: replyTo.wireId }));
    if (quote !== '') elements.push(fallback(REPLY, { start: 0, end: codePoints(quote) }));
  }
  if (urls !== '') {
    const start = codePoints(full) - codePoints(urls) - (body === '' ? 0 : 1);
    elements.push(fallback(NS.sfs, start === 0 ? null : { start, end: codePoints(full) }));
    elements.push(el('x', { xmlns: NS.oob }, el('url', null, attachments[0]!.url)));
  }
  elements.push(...encodeMentions(body, content.mentions ?? [], codePoints(quote)));
  if (content.forwarded === true) elements.push(el('forwarded', { xmlns: FORWARDED }));
  if (content.timer !== undefined && content.timer > 0) elements.push(encodeEphemeral(content.timer));
  return elements;
}

/** XEP-0428: this part of the body is there for clients that do not know `ns`; null: all of it. */
function fallback(ns: string, range: { readonly start: number; readonly end: number } | null): Element {
  return el('fallback', { xmlns: NS.fallback, for: ns }, el('body', range));
}

function encodeAttachment(file: Attachment): Element {
  return el(
    'file-sharing',
    { xmlns: NS.sfs, disposition: file.kind === 'file' ? 'attachment' : 'inline' },
    el(
      'file',
      { xmlns: NS.fileMetadata },
      el('media-type', null, file.mediaType),
      el('name', null, file.name),
      file.sizeBytes === undefined ? undefined : el('size', null, String(file.sizeBytes)),
      file.width === undefined ? undefined : el('width', null, String(file.width)),
      file.height === undefined ? undefined : el('height', null, String(file.height)),
      file.thumbhash === undefined
        ? undefined
        : el('thumbnail', { xmlns: NS.thumbs, uri: THUMBHASH_URI + file.thumbhash, 'media-type': 'image/thumbhash' }),
      file.thumbnail === undefined
        ? undefined
        : el('thumbnail', {
            xmlns: NS.thumbs,
            uri: file.thumbnail.url,
            'media-type': file.thumbnail.mediaType,
            width: file.thumbnail.width,
            height: file.thumbnail.height,
          }),
    ),
    el('sources', null, el('url-data', { xmlns: NS.urlData, target: file.url })),
  );
}

/** A whole outgoing message around sealed content. In a group nobody is asked for receipts: the group tells who has it. */
export function encodeMessage(to: string, wireId: string, content: readonly Element[], group = false): Element {
  return el(
    'message',
    { to, id: wireId, type: group ? 'groupchat' : 'chat' },
    ...content,
    el('origin-id', { xmlns: NS.sid, id: wireId }),
    group ? undefined : el('request', { xmlns: NS.receipts }),
    el('markable', { xmlns: NS.markers }),
    el('active', { xmlns: NS.chatStates }),
  );
}

/** How long what follows is to stay, as a message of its own (XEP-0466 §3.4). */
export function encodeTimer(to: string, wireId: string, seconds: number, group: boolean): Element {
  return encodeOperation(to, wireId, [encodeEphemeral(seconds), el('store', { xmlns: NS.hints })], group);
}

/** A change to an earlier message, around sealed content. Nobody is asked for receipts: they belong to the message it is about. */
export function encodeOperation(to: string, wireId: string, content: readonly Element[], group = false): Element {
  return el('message', { to, id: wireId, type: group ? 'groupchat' : 'chat' }, ...content, el('origin-id', { xmlns: NS.sid, id: wireId }));
}

/** Reads a message stanza. Bounded; never throws. */
export function decodeMessage(stanza: Element): DecodedMessage {
  const stateElement = stanza.elements().find((child) => child.ns === NS.chatStates && STATES.has(child.name));
  return {
    content: decodeContent(stanza),
    wireId: shortId(stanza.attr('id')),
    originId: shortId(stanza.child('origin-id', NS.sid)?.attr('id')),
    receiptWanted: stanza.child('request', NS.receipts) !== undefined,
    receivedId: shortId(stanza.child('received', NS.receipts)?.attr('id')),
    displayedId: shortId(stanza.child('displayed', NS.markers)?.attr('id')),
    chatState: stateElement?.name as ChatState | undefined,
    change: decodeChange(stanza),
    retracted: stanza.child('retracted', RETRACT) !== undefined,
    timer: timerOf(stanza),
  };
}

function decodeContent(stanza: Element): Content | undefined {
  const attachments: Attachment[] = [];
  for (const share of stanza.childrenNamed('file-sharing', NS.sfs).slice(0, MAX_ATTACHMENTS)) {
    const attachment = decodeAttachment(share);
    if (attachment !== undefined) attachments.push(attachment);
  }
  const reply = stanza.child('reply', REPLY);
  const replyId = shortId(reply?.attr('id'));
  const {
    body: full,
    removed,
    gone,
  } = withoutFallback(stanza, [
    ...(attachments.length === 0 ? [] : [NS.sfs]),
    ...(replyId === undefined ? [] : [REPLY]),
    RETRACT,
    REACTIONS,
  ]);
  const body = full.slice(0, MAX_TEXT_LENGTH);
  const oobUrl = webUrl(stanza.child('x', NS.oob)?.childText('url', NS.oob));
  if (attachments.length === 0 && oobUrl !== undefined && (body === '' || body.trim() === oobUrl)) attachments.push(fromLink(oobUrl));
  if (attachments.length === 0 && body === '') return undefined;
  const replyTo: ReplyTo | undefined =
    replyId === undefined
      ? undefined
      : {
          wireId: replyId,
          senderId: (reply?.attr('to') ?? '').slice(0, 3_071),
          text: (removed.get(REPLY) ?? '').replace(/^> ?/gm, '').trim().slice(0, MAX_QUOTE_LENGTH),
        };
  const mentions = decodeMentions(stanza, stanza.childText('body', NS.client) ?? '', gone, body);
  return {
    body: attachments.some((file) => file.url === body.trim()) ? '' : body,
    attachments,
    ...(mentions.length === 0 ? {} : { mentions }),
    replyTo,
    forwarded: stanza.child('forwarded', FORWARDED) !== undefined,
    timer: timerOf(stanza),
  };
}

/** A century is enough, and what servers and stores can count. */
function timerOf(stanza: Element): number | undefined {
  const seconds = decodeEphemeral(stanza.child('ephemeral', NS.ephemeral));
  return seconds === undefined || seconds > MAX_TIMER_SECONDS ? undefined : seconds;
}

/** The body without what XEP-0428 says is there for clients that do not know one of `known`, and what was left out. */
function withoutFallback(
  stanza: Element,
  known: readonly string[],
): { readonly body: string; readonly removed: ReadonlyMap<string, string>; readonly gone?: Uint8Array } {
  const body = stanza.childText('body', NS.client) ?? '';
  const removed = new Map<string, string>();
  const cuts: { readonly start: number; readonly end: number }[] = [];
  let characters: string[] | undefined;
  for (const marked of stanza.childrenNamed('fallback', NS.fallback).slice(0, MAX_ATTACHMENTS)) {
    const ns = marked.attr('for') ?? '';
    if (!known.includes(ns)) continue;
    characters ??= [...body];
    const ranges = marked.childrenNamed('body', NS.fallback).slice(0, MAX_ATTACHMENTS);
    const from = ranges.length > 0 ? ranges : marked.elements().length === 0 ? [marked] : [];
    for (const range of from) {
      const start = count(range.attr('start'), characters.length) ?? 0;
      const end = count(range.attr('end'), characters.length) ?? characters.length;
      if (start >= end) continue;
      cuts.push({ start, end });
      removed.set(ns, (removed.get(ns) ?? '') + characters.slice(start, end).join(''));
    }
  }
  if (characters === undefined || cuts.length === 0) return { body, removed };
  const gone = new Uint8Array(characters.length);
  for (const { start, end } of cuts) gone.fill(1, start, end);
  return {
    body: characters
      .filter((_, index) => gone[index] === 0)
      .join('')
      .trimEnd(),
    removed,
    gone,
  };
}

function decodeAttachment(share: Element): Attachment | undefined {
  const file = share.child('file', NS.fileMetadata);
  const sources = share.child('sources', NS.sfs);
  const url = webUrl(sources?.child('url-data', NS.urlData)?.attr('target'));
  if (file === undefined || url === undefined) return undefined;
  const mediaType = mediaTypeOf(file.childText('media-type', NS.fileMetadata));
  let thumbhash: string | undefined;
  let thumbnail: Attachment['thumbnail'];
  for (const thumb of file.childrenNamed('thumbnail', NS.thumbs).slice(0, 4)) {
    const uri = thumb.attr('uri') ?? '';
    if (uri.startsWith(THUMBHASH_URI)) {
      const hash = uri.slice(THUMBHASH_URI.length);
      if (hash.length <= MAX_THUMBHASH_LENGTH && /^[A-Za-z0-9+/]+=*$/.test(hash)) thumbhash = hash;
    } else {
      const thumbUrl = webUrl(uri);
      const width = count(thumb.attr('width'), 4_096);
      const height = count(thumb.attr('height'), 4_096);
      if (thumbUrl === undefined) continue;
      thumbnail = { url: thumbUrl, mediaType: mediaTypeOf(thumb.attr('media-type')), width: width ?? 0, height: height ?? 0 };
    }
  }
  return Object.freeze({
    kind: kindOf(mediaType),
    name: fileName(file.childText('name', NS.fileMetadata) ?? nameFromUrl(url)),
    mediaType,
    sizeBytes: count(file.childText('size', NS.fileMetadata), Number.MAX_SAFE_INTEGER),
    url,
    width: count(file.childText('width', NS.fileMetadata), 65_535),
    height: count(file.childText('height', NS.fileMetadata), 65_535),
    thumbhash,
    thumbnail,
    uploadId: undefined,
  });
}

const TYPE_BY_EXTENSION: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  opus: 'audio/ogg',
  m4a: 'audio/mp4',
  pdf: 'application/pdf',
};

/** A bare link from a client without XEP-0447: all that is known is its extension. */
function fromLink(url: string): Attachment {
  const name = fileName(nameFromUrl(url));
  const mediaType = TYPE_BY_EXTENSION[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream';
  return Object.freeze({
    kind: kindOf(mediaType),
    name,
    mediaType,
    sizeBytes: undefined,
    url,
    width: undefined,
    height: undefined,
    thumbhash: undefined,
    thumbnail: undefined,
    uploadId: undefined,
  });
}

/** Which kind of attachment a media type is shown as. SVG is a document that can run script, so it is no picture. */
export function kindOf(mediaType: string): Attachment['kind'] {
  const main = mediaType.split('/', 1)[0];
  if (main === 'image') return mediaType === 'image/svg+xml' ? 'file' : 'image';
  return main === 'video' || main === 'audio' ? main : 'file';
}

/** A name that is safe to offer for saving: no path, no control or direction characters. */
export function fileName(name: string): string {
  const base = name
    .replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/^.*[/\\]/, '')
    .trim();
  return base === '' || base === '.' || base === '..' ? 'file' : base.slice(0, 255);
}

/** Lower case, without parameters; anything odd becomes application/octet-stream. */
export function mediaTypeOf(type: string | undefined): string {
  const plain = (type ?? '').split(';', 1)[0]!.trim().toLowerCase();
  return /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}$/.test(plain) ? plain : 'application/octet-stream';
}

function nameFromUrl(url: string): string {
  const last = new URL(url).pathname.split('/').pop() ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** Only http and https: a link from a stranger must not become `javascript:` or `file:`. */
export function webUrl(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_URL_LENGTH) return undefined;
  try {
    const url = new URL(text.trim());
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

function count(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function shortId(id: string | undefined): string | undefined {
  return id === undefined || id === '' || id.length > MAX_ID_LENGTH ? undefined : id;
}
