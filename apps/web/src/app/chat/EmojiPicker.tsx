import { type KeyboardEvent, type ReactElement, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { type Anchor, Popover } from '../../ui/Menu.tsx';
import { type EmojiGroup, loadEmoji, recentEmoji, rememberEmoji, savedTone, saveTone, TONES, withTone } from './emoji.ts';

const COLUMNS = 8;
/** One sign for each group, in their order. */
const SIGNS = ['😀', '👋', '🐻', '🍔', '🚗', '⚽', '💡', '🔣', '🏁'];

/** Properties of {@link EmojiPicker}. */
export interface EmojiPickerProps {
  readonly anchor: Anchor;
  readonly align?: 'start' | 'end';
  readonly choose: (emoji: string) => void;
  readonly close: () => void;
}

/** All emoji, by group or by a word; arrow keys walk the grid. The list is loaded when it is opened the first time. */
export function EmojiPicker({ anchor, align, choose, close }: EmojiPickerProps): ReactElement {
  const [groups, setGroups] = useState<readonly EmojiGroup[]>();
  const [typed, setTyped] = useState('');
  const [tone, setTone] = useState(savedTone);
  const [failed, setFailed] = useState(false);
  const query = useDeferredValue(typed.trim().toLocaleLowerCase());
  const grid = useRef<HTMLDivElement>(null);
  const [recent] = useState(recentEmoji);

  useEffect(() => {
    let wanted = true;
    loadEmoji()
      .then((loaded) => wanted && setGroups(loaded))
      .catch(() => wanted && setFailed(true));
    return () => {
      wanted = false;
    };
  }, []);

  const shown = useMemo(() => {
    if (groups === undefined) return [];
    if (query === '') return groups;
    const words = query.split(/\s+/);
    const found = groups.flatMap(({ emoji }) => emoji.filter(({ words: known }) => words.every((word) => known.includes(` ${word}`))));
    // Whose name begins with it comes first.
    found.sort((a, b) => Number(b.name.startsWith(query)) - Number(a.name.startsWith(query)));
    return [{ name: 'Found', emoji: found.slice(0, 200) }];
  }, [groups, query]);

  const pick = (emoji: string): void => {
    rememberEmoji(emoji);
    choose(emoji);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const stops = [...(grid.current?.querySelectorAll<HTMLElement>('[data-emoji]') ?? [])];
    const here = stops.indexOf(document.activeElement as HTMLElement);
    const rtl = getComputedStyle(event.currentTarget).direction === 'rtl';
    const step = { ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
    if (here < 0) {
      if (event.key !== 'ArrowDown' || stops[0] === undefined) return;
      event.preventDefault();
      stops[0].focus();
      return;
    }
    if (step === undefined) return;
    event.preventDefault();
    // Groups begin on a new line, so a step up or down goes by place and not by number.
    const target = Math.abs(step) === 1 ? stops[here + step] : nearest(stops, stops[here]!, step > 0);
    if (target === undefined && step < 0) grid.current?.closest('.emoji-picker')?.querySelector<HTMLElement>('input')?.focus();
    target?.focus();
  };

  const toGroup = (index: number): void => {
    setTyped('');
    requestAnimationFrame(() => grid.current?.querySelector(`[data-group="${index}"]`)?.scrollIntoView({ block: 'start' }));
  };

  const cell = (emoji: string, name: string, key: string): ReactElement => (
    <button key={key} type="button" data-emoji="" tabIndex={-1} title={name} aria-label={name} onClick={() => pick(emoji)}>
      {emoji}
    </button>
  );

  return (
    <Popover anchor={anchor} align={align ?? 'start'} className="emoji-picker" label="Emoji" close={close} onKeyDown={onKeyDown}>
      <nav className="emoji-groups" aria-label="Groups">
        {groups?.map(({ name }, index) => (
          <button key={name} type="button" title={name} aria-label={name} onClick={() => toGroup(index)}>
            {SIGNS[index]}
          </button>
        ))}
      </nav>
      <div className="emoji-search">
        <Icon name="search" size={18} />
        <input
          type="search"
          data-autofocus=""
          value={typed}
          placeholder="Search emoji"
          aria-label="Search emoji"
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            const first = shown[0]?.emoji[0];
            if (event.key !== 'Enter' || event.nativeEvent.isComposing || query === '' || first === undefined) return;
            event.preventDefault();
            pick(withTone(first, tone));
          }}
        />
        <button
          type="button"
          className="tone"
          title="Skin tone"
          aria-label={`Skin tone: ${TONES[tone]?.name}. Change`}
          onClick={() => {
            const next = (tone + 1) % TONES.length;
            setTone(next);
            saveTone(next);
          }}
        >
          {`👋${TONES[tone]?.modifier}`}
        </button>
      </div>
      <div className="emoji-grid" ref={grid}>
        {groups === undefined && (
          <div className="blank">
            {failed ? (
              <p>The emoji could not be loaded. Please try again.</p>
            ) : (
              <span className="spinner" role="status" aria-label="Loading" />
            )}
          </div>
        )}
        {query === '' && groups !== undefined && recent.length > 0 && (
          <section aria-label="Recent">
            <h3>Recent</h3>
            <div>{recent.map((emoji) => cell(emoji, emoji, emoji))}</div>
          </section>
        )}
        {shown.map(({ name, emoji }, index) => (
          <section key={name} aria-label={name} data-group={index}>
            <h3>{name}</h3>
            <div>
              {emoji.map((entry) => {
                const toned = withTone(entry, tone);
                return cell(toned, entry.name, entry.emoji);
              })}
            </div>
          </section>
        ))}
        {query !== '' && groups !== undefined && shown[0]?.emoji.length === 0 && (
          <p className="explain" role="status">
            No emoji by “{typed.trim()}”.
          </p>
        )}
      </div>
    </Popover>
  );
}

/** The cell in the next line up or down that stands closest. */
function nearest(stops: readonly HTMLElement[], from: HTMLElement, down: boolean): HTMLElement | undefined {
  const { offsetTop, offsetLeft } = from;
  const others = stops.filter((stop) => (down ? stop.offsetTop > offsetTop : stop.offsetTop < offsetTop));
  const line = down ? others[0]?.offsetTop : others.at(-1)?.offsetTop;
  return others
    .filter((stop) => stop.offsetTop === line)
    .sort((a, b) => Math.abs(a.offsetLeft - offsetLeft) - Math.abs(b.offsetLeft - offsetLeft))[0];
}
