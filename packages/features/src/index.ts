/** What a server does by default. `apps/server` loads these; each can be switched off in the configuration. */
import type { Feature, Options } from '@parley/core';
import administration from './administration/index.ts';
import avatar from './avatar/index.ts';
import blocking from './blocking/index.ts';
import bookmarks from './bookmarks/index.ts';
import caps from './caps/index.ts';
import carbons from './carbons/index.ts';
import changes from './changes/index.ts';
import commands from './commands/index.ts';
import components from './components/index.ts';
import contactAddresses from './contact-addresses/index.ts';
import conversations from './conversations/index.ts';
import csi from './csi/index.ts';
import devices from './devices/index.ts';
import disco from './disco/index.ts';
import displayed from './displayed/index.ts';
import ephemeral from './ephemeral/index.ts';
import externalServices from './external-services/index.ts';
import fast from './fast/index.ts';
import lastActivity from './last-activity/index.ts';
import linking from './linking/index.ts';
import mam from './mam/index.ts';
import muc from './muc/index.ts';
import pep from './pep/index.ts';
import ping from './ping/index.ts';
import presence from './presence/index.ts';
import privateStorage from './private-storage/index.ts';
import push from './push/index.ts';
import pushServices from './push-services/index.ts';
import registration from './registration/index.ts';
import reports from './reports/index.ts';
import roster from './roster/index.ts';
import streamLimits from './stream-limits/index.ts';
import subscriptions from './subscriptions/index.ts';
import time from './time/index.ts';
import userSearch from './user-search/index.ts';
import vcard from './vcard/index.ts';
import vcard4 from './vcard4/index.ts';
import version from './version/index.ts';

export const standardFeatures: ReadonlyArray<Feature<Options>> = [
  roster,
  presence,
  blocking,
  subscriptions,
  carbons,
  mam,
  conversations,
  changes,
  ephemeral,
  userSearch,
  components,
  commands,
  administration,
  csi,
  fast,
  linking,
  devices,
  vcard,
  registration,
  muc,
  disco,
  caps,
  pep,
  displayed,
  privateStorage,
  bookmarks,
  avatar,
  vcard4,
  ping,
  time,
  version,
  lastActivity,
  contactAddresses,
  streamLimits,
  push,
  pushServices,
  externalServices,
  reports,
];

/** Needs what reads signed tokens, so `apps/server` makes it. */
export { appKeysFeature } from './app-keys/index.ts';
/** Needs what carries codes to people, so `apps/server` makes it. */
export { type CodeSender, identityFeature } from './identity/index.ts';
/** Needs what checks answers of authenticators, so `apps/server` makes it. */
export { passkeysFeature } from './passkeys/index.ts';
/** Needs who asks other providers, so `apps/server` makes it. */
export { type SocialProviders, socialFeature } from './social/index.ts';
/** Needs the media server, so `apps/server` makes it. */
export { type Files, type Slots, uploadFeature } from './upload/index.ts';
/** Needs an HTTP client, so `apps/server` makes it. */
export { type OpenWebPush, webPushFeature } from './web-push/index.ts';
