import type { ReactElement } from 'react';
import { Icon } from './Icon.tsx';
import { usePicture } from './pictures.ts';

/** How many colours `avatar.css` knows. */
const COLOURS = 8;

/** A number from 0 to 7 that stays the same for the same address (FNV-1a). */
export function colourOf(address: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < address.length; i++) hash = Math.imul(hash ^ address.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % COLOURS;
}

/** One or two letters that stand for a name: the first of the first and of the last word. Never splits a character. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = words[0];
  if (first === undefined) return '?';
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  const letter = (word: string): string => [...word].find((character) => /[\p{L}\p{N}]/u.test(character)) ?? '';
  return (letter(first) + (last === undefined ? '' : letter(last))).toLocaleUpperCase();
}

const GROUP_ICON = { s: 22, m: 27, l: 44, xl: 78 } as const;

/** A picture, or a coloured disc with initials. Decorative: the name is beside it. */
export function Avatar({
  address,
  name,
  size = 'm',
  group = false,
  server = false,
}: {
  readonly address: string;
  readonly name: string;
  readonly size?: 's' | 'm' | 'l' | 'xl';
  readonly group?: boolean;
  /** It stands for the own server. */
  readonly server?: boolean;
}): ReactElement {
  const picture = usePicture(address);
  return (
    <span className="avatar" data-size={size} data-colour={colourOf(address)} aria-hidden="true">
      {server ? (
        <Icon name="shield" size={GROUP_ICON[size]} />
      ) : picture !== undefined ? (
        <img src={picture} alt="" draggable={false} />
      ) : group ? (
        <Icon name="group" size={GROUP_ICON[size]} />
      ) : (
        initialsOf(name)
      )}
    </span>
  );
}
