import type { ChatError } from './errors.ts';

/**
 * - `pending`   kept in the outbox of this device (clock)
 * - `sent`      the server has stored it (one tick; XEP-0198 ack)
 * - `delivered` a device of the recipient has it (two ticks; XEP-0184)
 * - `read`      the recipient has seen it (blue ticks; XEP-0333)
 * - `failed`    refused; `error` says why, `retry()` sends it again
 */
export type MessageStatus = 'pending' | 'sent' | 'delivered' | 'read' | 'failed';

/** A file as browsers and Node 20+ have it: `File` and `Blob` fit. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  readonly name?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A file that hangs on a message. Nothing is fetched by the SDK unless `autoDownload` or the caller says so. */
export interface Attachment {
  readonly kind: 'image' | 'video' | 'audio' | 'file';
  readonly name: string;
  readonly mediaType: string;
  readonly sizeBytes: number | undefined;
  /** Empty while the upload has not finished. Always http(s). */
  readonly url: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Placeholder picture, about 25 bytes in base64 (evanw/thumbhash). */
  readonly thumbhash: string | undefined;
  /** Small preview picture made by the media server. Always http(s). */
  readonly thumbnail: { readonly url: string; readonly mediaType: string; readonly width: number; readonly height: number } | undefined;
  /** Set on files this device is sending: id for `chat.upload(id)`. */
  readonly uploadId: string | undefined;
}

/** Why a message failed; plain data, because it is kept in the store. */
export interface MessageFailure {
  readonly code: ChatError['code'];
  readonly message: string;
  readonly retryable: boolean;
}

/** The message that another one answers (XEP-0461), as it looked when the answer came. */
export interface Quote {
  /** For `jumpTo`, when this device has the message. */
  readonly messageId: string | undefined;
  /** Who wrote it. */
  readonly senderId: string;
  readonly mine: boolean;
  /** Beginning of the text; empty when all that is known is that there was a message. */
  readonly text: string;
  /** Of the file that hung on it. */
  readonly kind: Attachment['kind'] | undefined;
}

/** What one person has put under a message (XEP-0444): all of it, latest word counts. */
export interface Reaction {
  readonly senderId: string;
  readonly mine: boolean;
  readonly emoji: readonly string[];
}

/** What one recipient has said about an own message, milliseconds since 1970. */
export interface Receipt {
  readonly personId: string;
  readonly deliveredAt: number | undefined;
  readonly readAt: number | undefined;
}

/** A part of a text that means somebody (XEP-0372). Positions are those of JavaScript strings: UTF-16 units, `end` is behind the last one. */
export interface Mention {
  /** `name@domain`, or in rooms that hide addresses `room@service/Name`. */
  readonly personId: string;
  readonly start: number;
  /** Not above `start`: the message means somebody without saying where. */
  readonly end: number;
}

/** One message; frozen. A changed message is a new object. */
export interface Message {
  /** Stable on this device, unique over all conversations. */
  readonly id: string;
  /** Id in the server's archive (XEP-0359 stanza-id), once known. */
  readonly serverId: string | undefined;
  readonly conversationId: string;
  /** Address of the sender, `name@domain`. */
  readonly senderId: string;
  /** True when this account sent it, from whichever device. */
  readonly mine: boolean;
  /** Milliseconds since 1970 by the server's clock where known. */
  readonly sentAt: number;
  /** Position in the conversation; larger is newer, never changes, unique in the conversation. */
  readonly order: number;
  /** Of own messages; on received ones always `delivered` (what is unread is the conversation's business). */
  readonly status: MessageStatus;
  readonly error: MessageFailure | undefined;
  /** Text; for a file its caption, may be empty. */
  readonly body: string;
  readonly attachments: readonly Attachment[];
  /** Who is meant in `body`. */
  readonly mentions: readonly Mention[];
  /** In groups: the account is meant, by a mention or by its name in the text. */
  readonly mentionsMe: boolean;
  readonly replyTo: Quote | undefined;
  /** Milliseconds since 1970 of the last correction (XEP-0308). */
  readonly editedAt: number | undefined;
  /** Taken back for everyone (XEP-0424): body and attachments are gone. */
  readonly deleted: boolean;
  readonly forwarded: boolean;
  /** One entry a person, in the order of their first reaction. */
  readonly reactions: readonly Reaction[];
  /** Of own messages, as far as recipients have told. */
  readonly receipts: readonly Receipt[];
  /** Kept by a choice on this device. */
  readonly starred: boolean;
  /** Milliseconds since 1970 when it disappears (XEP-0466). */
  readonly expiresAt: number | undefined;
  /** In groups: the name that the sender has there. */
  readonly senderName: string | undefined;
  /** No message of a person but something that happened; `body` is empty then. */
  readonly notice: Notice | undefined;
}

/**
 * What happened in a conversation:
 * - `member`, `admin`, `owner`: `personId` is that now
 * - `none`, `outcast`: `personId` was removed, or has left when `actorId` is the same
 * - `subject`: `text` is the new one, by `actorId`
 * - `timer`: new messages disappear after `text` seconds, 0: they stay; by `actorId`
 */
export interface Notice {
  readonly kind: 'member' | 'admin' | 'owner' | 'none' | 'outcast' | 'subject' | 'timer';
  readonly actorId: string | undefined;
  readonly personId: string | undefined;
  readonly text: string;
}
