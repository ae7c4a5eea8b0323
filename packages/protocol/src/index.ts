/** The language of XMPP, without state and without I/O. */
export { Jid, JidError, type JidPart } from './jid/jid.ts';
export { opaqueString, PrecisError, preparePassword, usernameCaseMapped } from './jid/precis.ts';
export { NS } from './ns.ts';
export { base64Decode, base64Encode, base64UrlDecode, base64UrlEncode } from './sasl/base64.ts';
export type { Awaitable, Crypto, HashName } from './sasl/crypto.ts';
export { downgradeText } from './sasl/downgrade.ts';
export { type SaslCondition, SaslError } from './sasl/error.ts';
export { type HashedToken, HtClient, type HtMechanism, HtServer, htMechanism, parseHashedToken } from './sasl/ht.ts';
export { buildPlain, type PlainMessage, parsePlain } from './sasl/plain.ts';
export { MAX_SCRAM_ITERATIONS, ScramClient, type ScramClientOptions, type ScramKeyCache } from './sasl/scram-client.ts';
export {
  deriveScramClientKeys,
  deriveScramKeys,
  fakeScramBytes,
  type ScramClientKeys,
  type ScramHash,
  type ScramKeys,
  saltedPassword,
  scramKeysOf,
} from './sasl/scram-keys.ts';
export { ScramServer, type ScramServerOptions, type ScramSuccess } from './sasl/scram-server.ts';
export {
  STANZA_ERROR_CONDITIONS,
  StanzaError,
  type StanzaErrorCondition,
  type StanzaErrorOptions,
  type StanzaErrorType,
} from './stanza/error.ts';
export { errorReply, iqResult, parseStreamError, type StreamErrorCondition, streamErrorElement } from './stanza/reply.ts';
export * from './stream/stream.ts';
export * from './xep/0004-data-forms.ts';
export * from './xep/0012-last-activity.ts';
export * from './xep/0030-disco.ts';
export * from './xep/0045-muc.ts';
export * from './xep/0050-commands.ts';
export * from './xep/0054-vcard.ts';
export * from './xep/0055-search.ts';
export * from './xep/0059-rsm.ts';
export * from './xep/0060-pubsub.ts';
export * from './xep/0066-oob.ts';
export * from './xep/0077-register.ts';
export * from './xep/0082-datetime.ts';
export * from './xep/0084-avatar.ts';
export * from './xep/0085-chat-states.ts';
export * from './xep/0092-version.ts';
export * from './xep/0115-caps.ts';
export * from './xep/0153-avatar.ts';
export * from './xep/0172-nick.ts';
export * from './xep/0184-receipts.ts';
export * from './xep/0191-blocking.ts';
export * from './xep/0198-stream-management.ts';
export * from './xep/0199-ping.ts';
export * from './xep/0202-time.ts';
export * from './xep/0203-delay.ts';
export * from './xep/0215-external-services.ts';
export * from './xep/0237-roster.ts';
export * from './xep/0249-invitation.ts';
export * from './xep/0264-thumbnail.ts';
export * from './xep/0280-carbons.ts';
export * from './xep/0297-forwarding.ts';
export * from './xep/0308-correction.ts';
export * from './xep/0313-mam.ts';
export * from './xep/0319-idle.ts';
export * from './xep/0333-markers.ts';
export * from './xep/0334-hints.ts';
export * from './xep/0352-csi.ts';
export * from './xep/0357-push.ts';
export * from './xep/0359-stanza-ids.ts';
export * from './xep/0363-upload.ts';
export * from './xep/0372-references.ts';
export * from './xep/0377-reporting.ts';
export * from './xep/0386-bind2.ts';
export * from './xep/0388-sasl2.ts';
export * from './xep/0402-bookmarks.ts';
export * from './xep/0424-retraction.ts';
export * from './xep/0425-moderation.ts';
export * from './xep/0428-fallback.ts';
export * from './xep/0430-inbox.ts';
export * from './xep/0444-reactions.ts';
export * from './xep/0446-file-metadata.ts';
export * from './xep/0447-file-sharing.ts';
export * from './xep/0461-reply.ts';
export * from './xep/0466-ephemeral.ts';
export * from './xep/0478-stream-limits.ts';
export * from './xep/0480-sasl-upgrade.ts';
export * from './xep/0484-fast.ts';
export * from './xep/0490-displayed.ts';
export * from './xep/0492-notification-settings.ts';
export * from './xep/0494-clients.ts';
export * from './xep/0509-pipelining.ts';
export * from './xep/parley-conversations.ts';
export * from './xep/parley-push.ts';
