import type { Attachment } from '@parley/sdk';
import { useConnection } from '@parley/sdk-react';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { formatBytes } from '../../shared/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { drawThumbhash } from './thumbhash.ts';

/** Of a bubble around a photo, on both sides together, in CSS pixels (`.bubble.has-photo`). */
export const PHOTO_MARGIN = 8;

/** The largest a photo is drawn in the timeline, in CSS pixels. */
const MOST = { width: 330, height: 400 };
const LEAST = 130;

/** The room a photo takes, known before a byte of it is loaded. */
export function roomFor(file: Pick<Attachment, 'width' | 'height'>): { readonly width: number; readonly height: number } {
  const width = Math.max(1, file.width ?? 4);
  const height = Math.max(1, file.height ?? 3);
  // Without known size the box is 4:3; a sliver of a picture is cropped instead of being drawn as a line.
  const ratio = Math.min(3, Math.max(0.4, width / height));
  const w = Math.max(LEAST, Math.min(MOST.width, MOST.height * ratio, file.width === undefined ? MOST.width : Math.max(width, 220)));
  return { width: Math.round(w), height: Math.round(Math.max(w / ratio, LEAST / 2)) };
}

/** The blurred placeholder, painted from its 25 or so bytes. */
function Placeholder({ hash }: { readonly hash: string }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current !== null) drawThumbhash(canvas.current, hash);
  }, [hash]);
  return <canvas ref={canvas} width="32" height="32" />;
}

/** A picture that only shows once it is there, so that the placeholder is never replaced by a half-drawn one. */
function Picture({ src, onFail }: { readonly src: string; readonly onFail: () => void }): ReactElement | null {
  const [ready, setReady] = useState(false);
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    if (image.current?.complete === true && image.current.naturalWidth > 0) setReady(true);
  }, []);
  return (
    <img ref={image} src={src} alt="" draggable={false} decoding="async" hidden={!ready} onLoad={() => setReady(true)} onError={onFail} />
  );
}

/** Properties of {@link Photo}. */
export interface PhotoProps {
  readonly file: Attachment;
  /** What this device has of its own photo before (and while) it is uploaded. */
  readonly localUrl: string | undefined;
  /** The full picture was fetched already (by choice or automatically). */
  readonly loaded: boolean;
  /** Opens the viewer, which fetches the full picture. */
  readonly open: () => void;
  /** The accessible name, with sender and time. */
  readonly label: string;
}

/** A photo in the timeline: reserved room, blurred placeholder, thumbnail; the full picture only on a click. */
export function Photo({ file, localUrl, loaded, open, label }: PhotoProps): ReactElement {
  const [failed, setFailed] = useState<readonly string[]>([]);
  const { state } = useConnection();
  const { width, height } = roomFor(file);
  // What could not be had without a network is tried again with one.
  useEffect(() => {
    if (state === 'online') setFailed([]);
  }, [state]);
  const sources = [localUrl, loaded && file.url !== '' ? file.url : undefined, file.thumbnail?.url];
  const shown = sources.find((source) => source !== undefined && !failed.includes(source));
  return (
    <button type="button" className="photo" style={{ aspectRatio: `${width} / ${height}` }} aria-label={label} onClick={open}>
      {file.thumbhash !== undefined && <Placeholder hash={file.thumbhash} />}
      {shown !== undefined && <Picture key={shown} src={shown} onFail={() => setFailed([...failed, shown])} />}
      {shown === undefined && failed.length > 0 && (
        <span className="fetch" aria-hidden="true">
          <Icon name="alert" size={20} />
          Cannot be shown
        </span>
      )}
      {(shown !== undefined || failed.length === 0) && localUrl === undefined && !loaded && (
        <span className="fetch" aria-hidden="true">
          <Icon name="download" size={20} />
          {file.sizeBytes === undefined ? 'Photo' : formatBytes(file.sizeBytes)}
        </span>
      )}
    </button>
  );
}
