/** The HTTP side of the server: web client, media, registration, health, metrics; and the operator's socket. */
export { connectAdmin } from './admin-api/client.ts';
export {
  type AdminActions,
  AdminError,
  type AdminExport,
  type AdminImport,
  type AdminKey,
  type AdminLimit,
  type AdminLimits,
  type AdminNewKey,
  type AdminNotice,
  type AdminQueue,
  type AdminReport,
  type AdminRequest,
  type AdminSession,
  type AdminUser,
  listenAdmin,
  perform,
} from './admin-api/server.ts';
export { appTokens } from './app-keys/tokens.ts';
export { HttpError } from './errors.ts';
export { createHttpServer, type HttpOptions, type HttpServer } from './listener/server.ts';
export type { HttpSite } from './listener/sites.ts';
export { codeMail } from './mail/code-mail.ts';
export { type Mailer, type MailOptions, mailServer, openMailer } from './mail/mailer.ts';
export type { Metric } from './metrics/metrics.ts';
export { passkeyVerifier } from './passkeys/verifier.ts';
export { openWebPush, type PushAnswer, type PushMessage, type WebPush, type WebPushOptions } from './push/web-push.ts';
export * from './sms/index.ts';
export { openProviders } from './social/providers.ts';
export { type Provider, readProviders } from './social/settings.ts';
export { Media, type MediaGrants, type MediaOptions } from './upload/media.ts';
export { createUploadSlots, SlotError, type SlotRequest, type UploadSlot, type UploadSlots } from './upload/slots.ts';
