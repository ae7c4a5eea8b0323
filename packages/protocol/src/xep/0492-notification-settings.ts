/** XEP-0492: Chat notification settings. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export type NotifyLevel = 'always' | 'on-mention' | 'never';
export interface NotificationSetting {
  level: NotifyLevel;
  /** Of the application that it is for (XEP-0030 identity); absent for all others. */
  category?: string;
  type?: string;
  /** Not to be lost by those who do not understand it (§4). */
  advanced?: Element;
}
export const NOTIFY_LEVELS: readonly NotifyLevel[] = ['always', 'on-mention', 'never'];
const LEVELS: readonly string[] = NOTIFY_LEVELS;
const MANY = 64;

export function encodeNotificationSettings(settings: readonly NotificationSetting[]): Element {
  return el(
    'notify',
    { xmlns: NS.notificationSettings },
    ...settings.map(({ level, category, type, advanced }) => el(level, { 'identity-category': category, 'identity-type': type }, advanced)),
  );
}
/** Undefined for another element, a type without category, or more than 64 settings. */
export function decodeNotificationSettings(element: Element | undefined): NotificationSetting[] | undefined {
  if (!is(element, 'notify', NS.notificationSettings)) return undefined;
  const children = element.elements().filter((child) => child.ns === NS.notificationSettings && LEVELS.includes(child.name));
  if (children.length > MANY) return undefined;
  const settings = children.map(
    (child): NotificationSetting => ({
      level: child.name as NotifyLevel,
      category: child.attr('identity-category'),
      type: child.attr('identity-type'),
      advanced: child.child('advanced', NS.notificationSettings),
    }),
  );
  return settings.some(({ category, type }) => category === undefined && type !== undefined) ? undefined : settings;
}
/** The most specific setting for an application (§4); undefined when nothing is said of it. */
export function notifyLevel(
  settings: readonly NotificationSetting[],
  identity: { category?: string; type?: string } = {},
): NotifyLevel | undefined {
  const { category, type } = identity;
  const found =
    settings.find((one) => one.type !== undefined && one.category === category && one.type === type) ??
    settings.find((one) => one.type === undefined && one.category !== undefined && one.category === category) ??
    settings.find((one) => one.category === undefined);
  return found?.level;
}
