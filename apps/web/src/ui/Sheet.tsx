import { type ReactElement, type ReactNode, useEffect, useId, useRef } from 'react';
import { Icon } from './Icon.tsx';

/** A dialog over the page with a title. Esc, the ✕ (if `closable`) or a click beside it closes. */
export function Sheet({
  title,
  close,
  children,
  className = '',
  closable = false,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly children: ReactNode;
  readonly className?: string;
  readonly closable?: boolean;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      className={`sheet ${className}`}
      aria-labelledby={id}
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      <div className="sheet-body">
        {closable ? (
          <header>
            <button type="button" className="icon-button" aria-label="Close" title="Close" onClick={close}>
              <Icon name="close" />
            </button>
            <h2 id={id}>{title}</h2>
          </header>
        ) : (
          <h2 id={id}>{title}</h2>
        )}
        {children}
      </div>
    </dialog>
  );
}
