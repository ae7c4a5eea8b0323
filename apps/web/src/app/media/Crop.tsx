import { type KeyboardEvent, type PointerEvent, type ReactElement, useEffect, useRef, useState } from 'react';
import { Sheet } from '../../ui/Sheet.tsx';
import { toast } from '../toasts.tsx';

/** Side of the box on the screen, in CSS pixels. */
const BOX = 300;
/** Side of the picture that is made, in pixels. */
const SIDE = 320;
const STEP = 12;

interface Place {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** Chooses a square of a picture: drag or arrow keys move it, the slider zooms. What comes out is drawn anew, so no place or camera goes along. */
export function Crop({
  file,
  done,
  close,
}: {
  readonly file: File;
  readonly done: (picture: File) => void;
  readonly close: () => void;
}): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [picture, setPicture] = useState<ImageBitmap>();
  const [place, setPlace] = useState<Place>({ x: 0, y: 0, zoom: 1 });
  const grip = useRef<{ readonly x: number; readonly y: number } | undefined>(undefined);

  useEffect(() => {
    let made: ImageBitmap | undefined;
    let wanted = true;
    createImageBitmap(file)
      .then((bitmap) => {
        made = bitmap;
        if (wanted) setPicture(bitmap);
        else bitmap.close();
      })
      .catch(() => {
        toast('This picture cannot be opened.');
        close();
      });
    return () => {
      wanted = false;
      made?.close();
    };
  }, [file, close]);

  useEffect(() => {
    if (picture !== undefined && canvas.current !== null) draw(canvas.current, picture, place);
  }, [picture, place]);

  /** Moves or zooms, and never shows an edge. */
  const move = (change: Partial<Place>): void => {
    if (picture === undefined) return;
    const next = { ...place, ...change };
    const scale = (Math.max(1, next.zoom) * BOX) / Math.min(picture.width, picture.height);
    const most = { x: (picture.width * scale - BOX) / 2, y: (picture.height * scale - BOX) / 2 };
    setPlace({ zoom: next.zoom, x: clamp(next.x, most.x), y: clamp(next.y, most.y) });
  };

  const onPointerMove = (event: PointerEvent<HTMLElement>): void => {
    if (grip.current === undefined) return;
    move({ x: place.x + event.clientX - grip.current.x, y: place.y + event.clientY - grip.current.y });
    grip.current = { x: event.clientX, y: event.clientY };
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const step = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    move({ x: place.x + (step[0] ?? 0), y: place.y + (step[1] ?? 0) });
  };

  const finish = (): void => {
    if (picture === undefined) return;
    const out = document.createElement('canvas');
    out.width = SIDE;
    out.height = SIDE;
    draw(out, picture, place);
    out.toBlob(
      (blob) => {
        if (blob === null) return toast('The picture could not be made.');
        done(new File([blob], 'picture.jpg', { type: 'image/jpeg' }));
        close();
      },
      'image/jpeg',
      0.88,
    );
  };

  return (
    <Sheet title="Move and zoom" close={close} className="crop" closable>
      <div
        className="crop-box"
        role="application"
        aria-label="Picture: arrow keys move it"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys need the focus
        tabIndex={0}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          grip.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerMove={onPointerMove}
        onPointerUp={() => {
          grip.current = undefined;
        }}
      >
        <canvas ref={canvas} width={BOX * 2} height={BOX * 2} />
      </div>
      <label className="zoom">
        Zoom
        <input
          type="range"
          min="1"
          max="4"
          step="0.01"
          value={place.zoom}
          onChange={(event) => move({ zoom: Number(event.target.value) })}
        />
      </label>
      <div className="buttons">
        <button type="button" className="button plain" onClick={close}>
          Cancel
        </button>
        <button type="button" className="button primary" disabled={picture === undefined} onClick={finish}>
          Use this
        </button>
      </div>
    </Sheet>
  );
}

const clamp = (value: number, most: number): number => Math.max(-Math.max(0, most), Math.min(Math.max(0, most), value));

function draw(canvas: HTMLCanvasElement, picture: ImageBitmap, { x, y, zoom }: Place): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const unit = canvas.width / BOX;
  const scale = (zoom * canvas.width) / Math.min(picture.width, picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, (canvas.width - width) / 2 + x * unit, (canvas.height - height) / 2 + y * unit, width, height);
}
