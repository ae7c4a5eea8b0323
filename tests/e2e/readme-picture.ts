// Draws the README's picture anew from the running program: `node tests/e2e/readme-picture.ts`. Ann sits at a desk, Bob holds a phone.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import sharp from 'sharp';
import { repository, startServer } from '../support/server.ts';
import { photograph } from './photo.ts';
import { launch, Person } from './support.ts';

const PASSWORD = 'correct horse battery';
const server = await startServer({ kind: 'parley' });
const browser = await launch();
const others: ChatClient[] = [];

async function someone(username: string, signIn = false): Promise<ChatClient> {
  const client = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store: memoryStore() });
  others.push(client);
  await (signIn ? client.signIn({ username, password: PASSWORD }) : client.register({ username, password: PASSWORD }));
  return client;
}

async function befriend(from: ChatClient, to: ChatClient, name: string, text: string): Promise<void> {
  const id = from.user.snapshot()?.username ?? '';
  const asked = new Promise<void>((resolve) => to.once('contact.request', () => resolve()));
  await from.contacts.add(to.user.snapshot()?.username ?? '');
  await asked;
  await to.contacts.accept(`${id}@${server.domain}`);
  await to.contacts.rename(`${id}@${server.domain}`, name);
  await (await from.conversation('ann').send(text)).sent;
}

try {
  const ann = await Person.arrive(browser, server.httpOrigin, 'ann', { viewport: { width: 1160, height: 780 }, deviceScaleFactor: 1.5 });
  await ann.signUp(PASSWORD);
  await ann.page.getByRole('button', { name: 'Not now' }).click();
  const device = await someone('ann', true);

  await befriend(await someone('grandma'), device, 'Grandma', 'The plums are ripe. Bring a basket, and yourselves.');
  const emil = await someone('emil');
  await befriend(emil, device, 'Emil Ås', 'Thanks for the tickets!');
  await (await device.conversation('emil').send('See you at the concert 🎻')).sent;
  const devika = await someone('devika');
  await befriend(devika, device, 'Devika Rao', 'The printer is on strike again.');
  await (await devika.conversation('ann').send('Could you bring paper on Monday?')).sent;
  const carla = await someone('carla');
  await befriend(carla, device, 'Carla Conti', 'Dinner at eight?');

  const bob = await Person.arrive(browser, server.httpOrigin, 'bob', {
    viewport: { width: 360, height: 730 },
    deviceScaleFactor: 1.5,
    colorScheme: 'dark',
  });
  await bob.signUp(PASSWORD);
  await bob.page.getByRole('button', { name: 'Not now' }).click();
  await bob.page.getByRole('link', { name: 'New chat' }).first().click();
  await bob.page.getByLabel('User name or address').fill('ann');
  await bob.page.getByRole('button', { name: 'Start chat' }).click();
  await bob.composer.waitFor();
  await ann.page.getByRole('button', { name: 'Accept' }).click();
  await device.contacts.rename(`bob@${server.domain}`, 'Bob Berger');
  await ann.composer.waitFor();

  const say = async (from: Person, to: Person, text: string): Promise<void> => {
    await from.write(text);
    await to.sees(text);
  };
  await say(bob, ann, 'Good morning! Are we still on for Saturday?');
  await say(ann, bob, 'Of course. I booked the boat for ten ⛵');
  await say(bob, ann, 'Perfect. Guess who is up early for once…');
  await bob.page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'harbour.jpg', mimeType: 'image/jpeg', buffer: await photograph() });
  await bob.page.getByRole('textbox', { name: 'Caption for harbour.jpg' }).fill('The harbour, ten minutes ago');
  await bob.page.keyboard.press('Enter');
  await ann.sees('The harbour, ten minutes ago');
  await say(ann, bob, 'Wow! 😍');
  await say(ann, bob, 'I bring coffee and the good bread. See you at the pier!');
  await ann.seesTick('See you at the pier', 'read');
  await bob.page.locator('.photo img:not([hidden])').last().waitFor();
  await ann.page.locator('.photo img:not([hidden])').last().waitFor();
  await bob.composer.pressSequentially('Can’t wait');
  await ann.page.mouse.move(800, 300);
  carla.conversation('ann').typing();
  await ann.page.locator('.conversation .state.typing').waitFor();
  await ann.page.locator('.row .typing').first().waitFor();
  await ann.page.waitForTimeout(700);

  const corners = (width: number, height: number, radius: number): Buffer =>
    Buffer.from(`<svg width="${width}" height="${height}"><rect width="${width}" height="${height}" rx="${radius}"/></svg>`);
  const framed = async (picture: Buffer, radius: number): Promise<{ data: Buffer; width: number; height: number }> => {
    const { width = 0, height = 0 } = await sharp(picture).metadata();
    const data = await sharp(picture)
      .composite([{ input: corners(width, height, radius), blend: 'dest-in' }])
      .png()
      .toBuffer();
    return { data, width, height };
  };
  const desk = await framed(await ann.page.screenshot({ animations: 'disabled' }), 18);
  const screen = await bob.page.screenshot({ animations: 'disabled' });
  const phone = await framed(screen, 40);
  const [width, height] = [70 + desk.width + phone.width + 25, desk.height + 170];
  const [px, py] = [width - phone.width - 50, height - phone.height - 60];
  const back = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#1fae83"/><stop offset="1" stop-color="#0a5c4a"/></linearGradient>
      <filter id="s" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation="26"/></filter>
    </defs>
    <rect width="100%" height="100%" fill="url(#g)"/>
    <rect x="70" y="90" width="${desk.width}" height="${desk.height}" rx="18" fill="#00201a" opacity=".45" filter="url(#s)"/>
  </svg>`;
  const case_ = `<svg xmlns="http://www.w3.org/2000/svg" width="${phone.width + 140}" height="${phone.height + 140}">
    <defs><filter id="s" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation="22"/></filter></defs>
    <rect x="56" y="66" width="${phone.width + 28}" height="${phone.height + 28}" rx="54" opacity=".55" filter="url(#s)"/>
    <rect x="56" y="56" width="${phone.width + 28}" height="${phone.height + 28}" rx="54" fill="#05090b" stroke="#39454b" stroke-width="2"/>
  </svg>`;
  const picture = await sharp(Buffer.from(back))
    .composite([
      { input: desk.data, left: 70, top: 70 },
      { input: Buffer.from(case_), left: px - 70, top: py - 70 },
      { input: phone.data, left: px, top: py },
    ])
    .png()
    .toBuffer();
  const folder = join(repository, 'docs/images');
  await mkdir(folder, { recursive: true });
  await sharp(picture).resize(1640).png({ palette: true, quality: 92, compressionLevel: 9, effort: 10 }).toFile(join(folder, 'chat.png'));
  await ann.leave();
  await bob.leave();
} finally {
  await Promise.all(others.map((client) => client.close()));
  await browser.close();
  await server.stop();
}
