import { type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { Icon, type IconName } from './Icon.tsx';

/** Where something hangs: a rectangle of the page, or a point with no size. */
export interface Anchor {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** An anchor for a click at a point. */
export const pointAnchor = (x: number, y: number): Anchor => ({ left: x, top: y, right: x, bottom: y });

const GAP = 6;
const EDGE = 8;

/** Properties of {@link Popover}. */
export interface PopoverProps {
  readonly anchor: Anchor;
  /** Which edge of the anchor it lines up with. */
  readonly align?: 'start' | 'end';
  /** Above the anchor if there is room; otherwise below it is tried first. */
  readonly above?: boolean;
  readonly className: string;
  readonly label: string;
  readonly role?: 'menu' | 'dialog';
  readonly close: () => void;
  readonly children: ReactNode;
  readonly onKeyDown?: (event: KeyboardEvent<HTMLElement>) => void;
}

/** A box over the page beside its anchor, wholly on the screen. A click elsewhere or Esc closes it; the focus goes back to where it was. */
export function Popover({
  anchor,
  align = 'start',
  above = false,
  className,
  label,
  role = 'dialog',
  close,
  children,
  onKeyDown,
}: PopoverProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ readonly left: number; readonly top: number }>();
  const opener = useRef(document.activeElement);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const set = (): void => {
      const { offsetWidth: width, offsetHeight: height } = element;
      const right = (getComputedStyle(element).direction === 'rtl') === (align === 'start');
      const left = right ? anchor.right - width : anchor.left;
      const fitsBelow = anchor.bottom + GAP + height <= innerHeight - EDGE;
      const fitsAbove = anchor.top - GAP - height >= EDGE;
      const below = above ? !fitsAbove : fitsBelow || !fitsAbove;
      const top = below ? anchor.bottom + GAP : anchor.top - GAP - height;
      setPlace({
        left: Math.max(EDGE, Math.min(left, innerWidth - width - EDGE)),
        top: Math.max(EDGE, Math.min(top, innerHeight - height - EDGE)),
      });
    };
    set();
    const watch = new ResizeObserver(set);
    watch.observe(element);
    return () => watch.disconnect();
  }, [anchor, align, above]);

  useEffect(() => {
    const before = opener.current;
    return () => {
      // Only when the focus was in here: a dialog that the menu opened keeps it.
      if (
        before instanceof HTMLElement &&
        before.isConnected &&
        (document.activeElement === document.body || document.activeElement === null)
      )
        before.focus({ preventScroll: true });
    };
  }, []);

  // The first thing to choose takes the focus once the box stands where it stays.
  const placed = place !== undefined;
  useEffect(() => {
    const first = box.current?.querySelector<HTMLElement>('[data-autofocus]') ?? box.current?.querySelector<HTMLElement>('button, input');
    if (placed) (first ?? box.current)?.focus({ preventScroll: true });
  }, [placed]);

  return createPortal(
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Esc does the same from the keyboard */}
      <div
        className="popover-scrim"
        onPointerDown={close}
        onContextMenu={(event) => {
          event.preventDefault();
          close();
        }}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it has a role, given as a property */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles have names */}
      <div
        ref={box}
        className={`popover ${className}`}
        role={role}
        aria-label={label}
        tabIndex={-1}
        style={place === undefined ? { visibility: 'hidden', insetBlockStart: 0, left: 0 } : { left: place.left, top: place.top }}
        onKeyDown={(event) => {
          onKeyDown?.(event);
          if (event.defaultPrevented) return;
          if (event.key === 'Escape' || (role === 'menu' && event.key === 'Tab')) {
            event.preventDefault();
            event.stopPropagation();
            close();
          }
        }}
      >
        {children}
      </div>
    </>,
    document.body,
  );
}

/** One line of a menu. */
export interface MenuItem {
  readonly label: string;
  readonly icon: IconName;
  readonly danger?: boolean;
  readonly run: () => void;
}

/** A menu: arrow keys move, Enter chooses, letters jump. `before` stands over the items (the bar of emoji, say). */
export function Menu({
  items,
  before,
  ...props
}: Omit<PopoverProps, 'className' | 'role' | 'children'> & {
  readonly items: readonly MenuItem[];
  readonly before?: ReactNode;
}): ReactElement {
  const move = (event: KeyboardEvent<HTMLElement>): void => {
    const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('[role="menuitem"]')];
    const here = stops.indexOf(document.activeElement as HTMLElement);
    const horizontal = document.activeElement?.closest('.quick-bar') !== null;
    let next: number | undefined;
    if (event.key === 'ArrowDown' || (horizontal && event.key === 'ArrowRight')) next = here + 1;
    else if (event.key === 'ArrowUp' || (horizontal && event.key === 'ArrowLeft')) next = here - 1;
    else if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = stops.length - 1;
    else if (event.key.length === 1 && /\p{L}/u.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const letter = event.key.toLocaleLowerCase();
      const found = [...stops.slice(here + 1), ...stops].find((stop) => stop.textContent?.trim().toLocaleLowerCase().startsWith(letter));
      next = found === undefined ? undefined : stops.indexOf(found);
    }
    if (next === undefined) return;
    event.preventDefault();
    stops.at(next % stops.length)?.focus();
  };
  return (
    <Popover {...props} className="menu" role="menu" onKeyDown={move}>
      {before}
      {items.map(({ label, icon, danger, run }, index) => (
        <button
          key={label}
          type="button"
          role="menuitem"
          className={danger === true ? 'menu-item danger' : 'menu-item'}
          tabIndex={-1}
          data-autofocus={index === 0 ? '' : undefined}
          onClick={() => {
            props.close();
            run();
          }}
        >
          <Icon name={icon} size={20} />
          {label}
        </button>
      ))}
    </Popover>
  );
}
