import type { Feature, Options } from '@parley/core';
import {
  appKeysFeature,
  type CodeSender,
  identityFeature,
  type OpenWebPush,
  passkeysFeature,
  type SocialProviders,
  socialFeature,
  standardFeatures,
  webPushFeature,
} from '@parley/features';
import { type Files, type Slots, uploadFeature } from '@parley/features/upload';
import { appTokens, passkeyVerifier } from '@parley/http';

/** For checking a configuration without a media server. */
export const NO_SLOTS: Slots = {
  maxFileBytes: 0,
  slot() {
    throw new Error('there is no media server');
  },
};

const NO_FILES: Files = { ownerOf: () => Promise.resolve(undefined), remove: () => Promise.resolve(), onRemoved: () => () => {} };
/** The same without a way to push services. */
const NO_WEB_PUSH: OpenWebPush = () => {
  throw new Error('there is no way to push services');
};

/** The same without anybody who signs people in elsewhere. */
const NO_PROVIDERS: SocialProviders = {
  list: [],
  authorize: () => Promise.reject(new Error('there is no provider')),
  redeem: () => Promise.reject(new Error('there is no provider')),
};

/** Everything that this server can do; uploads only with a media server. */
export function serverFeatures(
  slots: Slots | undefined,
  files: Files = NO_FILES,
  openPush: OpenWebPush = NO_WEB_PUSH,
  senders: readonly CodeSender[] = [],
  providers: SocialProviders = NO_PROVIDERS,
  publicUrl: (domain: string) => string = (domain) => `https://${domain}`,
): ReadonlyArray<Feature<Options>> {
  const always = [
    ...standardFeatures,
    webPushFeature(openPush),
    identityFeature(senders),
    passkeysFeature(passkeyVerifier, publicUrl),
    socialFeature(providers),
    appKeysFeature(appTokens),
  ];
  return slots === undefined ? always : [...always, uploadFeature(slots, files)];
}
