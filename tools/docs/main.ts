/** `npm run docs`: writes docs/reference. */
import { mkdir, writeFile } from 'node:fs/promises';
import { pages } from './pages.ts';

const folder = new URL('../../docs/reference/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, text] of pages()) {
  await writeFile(new URL(name, folder), text);
  console.log(`docs/reference/${name}`);
}
