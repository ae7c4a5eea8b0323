/** Draws the PNG icons of the manifest from the SVG (`node apps/web/tools/icons.ts`); their output is committed. */
import { readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';

const folder = new URL('../public/icons/', import.meta.url);
const svg = await readFile(new URL('icon.svg', folder));

for (const size of [180, 192, 512]) {
  const png = await sharp(svg, { density: 300 }).resize(size, size).png({ compressionLevel: 9, palette: true }).toBuffer();
  await writeFile(new URL(`icon-${size}.png`, folder), png);
}

// A maskable icon may be cut to a circle: the drawing keeps to the inner 80 %, on a full square of the brand's colour.
const inner = await sharp(Buffer.from(svg.toString().replace(/<rect[^>]*\/>/, '')), { density: 300 })
  .resize(400, 400)
  .png()
  .toBuffer();
const maskable = await sharp({ create: { width: 512, height: 512, channels: 4, background: '#0e7a5f' } })
  .composite([{ input: inner, gravity: 'centre' }])
  .png({ compressionLevel: 9, palette: true })
  .toBuffer();
await writeFile(new URL('icon-maskable-512.png', folder), maskable);
