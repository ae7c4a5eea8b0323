/** XEP-0092: Software Version. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export interface SoftwareVersion {
  name: string;
  version: string;
  os?: string;
}
export function versionQuery(): Element {
  return el('query', { xmlns: NS.version });
}
export function encodeVersion(value: SoftwareVersion): Element {
  return el(
    'query',
    { xmlns: NS.version },
    el('name', null, value.name),
    el('version', null, value.version),
    value.os === undefined ? undefined : el('os', null, value.os),
  );
}
export function decodeVersion(element: Element | undefined): SoftwareVersion | undefined {
  if (!is(element, 'query', NS.version)) return undefined;
  const [name, version] = [element.childText('name'), element.childText('version')];
  return name === undefined || version === undefined ? undefined : { name, version, os: element.childText('os') };
}
