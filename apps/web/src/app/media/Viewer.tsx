import type { Attachment, Message } from '@parley/sdk';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { formatBytes, formatMoment } from '../../shared/format.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { useLocalFile } from '../sdk.ts';
import { noteFetched } from './auto-download.ts';

/** Properties of {@link Viewer}. */
export interface ViewerProps {
  readonly message: Message;
  readonly file: Attachment;
  /** Name and address of whoever sent it. */
  readonly senderName: string;
  readonly senderAddress: string;
  readonly close: () => void;
}

/** A photo in full: fetched here and not earlier. Esc or a click beside it closes, a click on it zooms. */
export function Viewer({ message, file, senderName, senderAddress, close }: ViewerProps): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<'loading' | 'ready' | 'failed'>('loading');
  const [zoomed, setZoomed] = useState(false);
  const localUrl = useLocalFile(message.id, file);

  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);

  const full = localUrl ?? (file.url === '' ? undefined : file.url);
  const low = state === 'ready' ? undefined : file.thumbnail?.url;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself
    <dialog
      ref={dialog}
      className="viewer"
      aria-label={`Photo from ${senderName}`}
      onClose={close}
      onClick={(event) => {
        if (event.target instanceof HTMLElement && event.target.classList.contains('canvas')) close();
      }}
    >
      <header>
        <Avatar address={senderAddress} name={senderName} size="s" />
        <div className="who">
          <h2 dir="auto">{senderName}</h2>
          <div className="when">{formatMoment(message.sentAt)}</div>
        </div>
        <button
          type="button"
          className="icon-button"
          aria-label={zoomed ? 'Fit to the window' : 'Zoom in'}
          title={zoomed ? 'Fit to the window' : 'Zoom in'}
          aria-pressed={zoomed}
          onClick={() => setZoomed(!zoomed)}
        >
          <Icon name={zoomed ? 'zoomOut' : 'zoomIn'} />
        </button>
        {full !== undefined && (
          <a className="icon-button" href={full} download={file.name} aria-label="Download" title="Download">
            <Icon name="download" />
          </a>
        )}
        <button type="button" className="icon-button" aria-label="Close" title="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className={zoomed ? 'canvas zoomed' : 'canvas'} tabIndex={zoomed ? 0 : undefined}>
        {low !== undefined && state === 'loading' && <img src={low} alt="" data-low="" width={file.width} height={file.height} />}
        {full !== undefined && state !== 'failed' && (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the Zoom button does the same from the keyboard
          <img
            src={full}
            hidden={state === 'loading'}
            alt={message.body === '' ? file.name : message.body}
            onClick={() => setZoomed(!zoomed)}
            onLoad={() => {
              setState('ready');
              noteFetched(file.url);
            }}
            onError={() => setState('failed')}
          />
        )}
        {state === 'loading' && (
          <div className="chip loading" role="status">
            {file.sizeBytes === undefined ? 'Loading…' : `Loading ${formatBytes(file.sizeBytes)}…`}
          </div>
        )}
        {(state === 'failed' || full === undefined) && (
          <div className="notice error" role="alert">
            <Icon name="alert" size={20} />
            The photo could not be loaded. It may have been deleted, or there is no network.
          </div>
        )}
      </div>
      {message.body !== '' && (
        <p className="caption" dir="auto">
          {message.body}
        </p>
      )}
    </dialog>
  );
}
