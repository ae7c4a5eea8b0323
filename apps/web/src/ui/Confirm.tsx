import { type ReactElement, type ReactNode, useEffect, useId, useRef } from 'react';

/** Properties of {@link Confirm}. */
export interface ConfirmProps {
  readonly title: string;
  readonly children: ReactNode;
  /** What the button that does it says. */
  readonly action: string;
  readonly danger?: boolean;
  readonly confirm: () => void;
  readonly cancel: () => void;
}

/** A question before something that cannot be undone. Esc is no. */
export function Confirm({ title, children, action, danger = false, confirm, cancel }: ConfirmProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} className="sheet" aria-labelledby={id} onCancel={cancel}>
      <h2 id={id}>{title}</h2>
      <p>{children}</p>
      <div className="buttons">
        <button type="button" className="button plain" onClick={cancel}>
          Cancel
        </button>
        <button type="button" className={danger ? 'button danger' : 'button primary'} onClick={confirm}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
