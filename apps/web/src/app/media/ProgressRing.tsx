import type { ReactElement } from 'react';
import { Icon } from '../../ui/Icon.tsx';

const RADIUS = 20;
const LENGTH = 2 * Math.PI * RADIUS;

/** A ring that fills, with a ✕ that cancels. `progress` from 0 to 1. */
export function ProgressRing({
  progress,
  label,
  cancel,
  small = false,
}: {
  readonly progress: number;
  readonly label: string;
  readonly cancel: () => void;
  readonly small?: boolean;
}): ReactElement {
  const done = Math.min(1, Math.max(0.03, progress));
  const percent = Math.round(Math.min(1, Math.max(0, progress)) * 100);
  return (
    <button
      type="button"
      className={small ? 'ring-button small' : 'ring-button'}
      aria-label={`${label}, ${percent} %. Cancel`}
      title="Cancel"
      onClick={cancel}
    >
      <svg className="ring" width={small ? 36 : 46} height={small ? 36 : 46} viewBox="0 0 46 46" aria-hidden="true">
        <circle className="track" cx="23" cy="23" r={RADIUS} />
        <circle className="done" cx="23" cy="23" r={RADIUS} strokeDasharray={LENGTH} strokeDashoffset={LENGTH * (1 - done)} />
      </svg>
      <Icon name="close" size={small ? 16 : 20} />
    </button>
  );
}
