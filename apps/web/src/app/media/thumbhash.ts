/** Paints thumbhash placeholders (https://evanw.github.io/thumbhash/) without a data: URL, which a strict content policy need not allow. */
import { thumbHashToRGBA } from 'thumbhash';

/** Draws the blurred picture from its base64; anything that is no thumbhash leaves the canvas empty. */
export function drawThumbhash(canvas: HTMLCanvasElement, base64: string): void {
  if (base64.length > 96) return;
  try {
    const hash = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    if (hash.length < 5) return;
    const { w, h, rgba } = thumbHashToRGBA(hash);
    canvas.width = w;
    canvas.height = h;
    canvas.getContext('2d')?.putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0);
  } catch {
    // A broken placeholder is a grey box, not an error for a person.
  }
}
