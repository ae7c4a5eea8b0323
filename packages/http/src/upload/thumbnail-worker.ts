/** Runs in a worker thread: bytes of a picture in, a thumbnail out. */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import type { ThumbnailReply } from './thumbnailer.ts';

/** A photo of a current phone has 50 million pixels; a bomb has more. */
const PIXELS = 100_000_000;
const SIDE = 320;
const SECONDS = 8;

// Only decoders that are needed: none that can fetch, run or nest anything (SVG, PDF, ImageMagick).
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadNsgifBuffer',
    'VipsForeignLoadHeifBuffer',
  ],
});
sharp.cache(false);
sharp.concurrency(1);

async function make(bytes: Uint8Array): Promise<ThumbnailReply> {
  const input = { limitInputPixels: PIXELS, failOn: 'error', pages: 1 } as const;
  const picture = sharp(bytes, input).timeout({ seconds: SECONDS }).autoOrient();
  const meta = await sharp(bytes, input).metadata();
  const turned = (meta.orientation ?? 1) >= 5;
  const small = await picture
    .clone()
    .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 72 })
    .toBuffer({ resolveWithObject: true });
  const tiny = await picture
    .clone()
    .resize(100, 100, { fit: 'inside', withoutEnlargement: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    ok: true,
    thumbnail: {
      webp: small.data,
      width: small.info.width,
      height: small.info.height,
      originalWidth: turned ? meta.height : meta.width,
      originalHeight: turned ? meta.width : meta.height,
      thumbhash: rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data),
    },
  };
}

parentPort?.on('message', (bytes: Uint8Array) => {
  make(bytes).then(
    (reply) => parentPort?.postMessage(reply),
    () => parentPort?.postMessage({ ok: false, reason: 'This file is not a picture that can be shown.' } satisfies ThumbnailReply),
  );
});
