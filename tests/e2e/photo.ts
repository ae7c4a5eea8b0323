// A photograph made here: a sunrise with enough noise that its file is as big as a real one.
import sharp from 'sharp';

/** A JPEG of 1500×1000 pixels; another `seed` moves the sun. */
export async function photograph(seed = 1): Promise<Buffer> {
  const [width, height] = [1500, 1000];
  const sky = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
        <stop offset="0" stop-color="#24406b"/><stop offset=".35" stop-color="#8c6a93"/><stop offset=".5" stop-color="#ef9a63"/>
        <stop offset=".62" stop-color="#fbdc9e"/><stop offset=".625" stop-color="#5a7f95"/><stop offset="1" stop-color="#12303f"/>
      </linearGradient>
      <radialGradient id="glow"><stop offset="0" stop-color="#fff6d8"/><stop offset=".3" stop-color="#ffe3a1" stop-opacity=".8"/><stop offset="1" stop-color="#ffb066" stop-opacity="0"/></radialGradient>
    </defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="${500 + seed * 260}" cy="590" r="300" fill="url(#glow)"/>
    <circle cx="${500 + seed * 260}" cy="590" r="46" fill="#fff8e1"/>
    <path d="M0 625 l140 -60 90 28 130 -86 150 88 120 -22 60 52 z" fill="#22384a"/>
    <path d="M${500 + seed * 260} 640 l-34 340 h68 z" fill="#ffe9b8" opacity=".35"/>
    <path d="M300 800 h230 l-44 46 h-150 z M410 790 v-190 l96 160 z M396 790 v-150 l-72 124 z" fill="#0c1d27"/>
  </svg>`;
  const noise = await sharp({
    create: { width, height, channels: 3, background: '#808080', noise: { type: 'gaussian', mean: 128, sigma: 14 } },
  })
    .png({ compressionLevel: 1 })
    .toBuffer();
  return sharp(Buffer.from(sky))
    .composite([{ input: noise, blend: 'soft-light' }])
    .jpeg({ quality: 88 })
    .toBuffer();
}
