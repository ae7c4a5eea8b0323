import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { certificateNames, loadCertificate, selfSignedCertificate } from './certificate.ts';
import { serverEndPoint } from './context.ts';

const DAY = 86_400_000;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-certificate-'));
});
after(() => rm(folder, { recursive: true }));

test('made once, kept, made anew before it expires or for another domain', async () => {
  const now = Date.now();
  const own = join(folder, 'tls');
  const first = await selfSignedCertificate(own, 'chat.example', now);
  for (const name of ['chat.example', 'localhost', '127.0.0.1', '::1']) assert.ok(certificateNames(first.certificate, name), name);
  assert.ok(!certificateNames(first.certificate, 'other.example'));
  assert.equal(first.certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal((await stat(join(own, 'selfsigned.key'))).mode & 0o777, 0o600);
  const serial = (pair: typeof first): string => pair.certificate.fingerprint256;
  assert.equal(serial(await selfSignedCertificate(own, 'chat.example', now + DAY)), serial(first));
  const renewed = await selfSignedCertificate(own, 'chat.example', now + 800 * DAY);
  assert.notEqual(serial(renewed), serial(first));
  assert.notEqual(serial(await selfSignedCertificate(own, 'new.example', now)), serial(renewed));
  assert.deepEqual(serverEndPoint(first.certificate), createHash('sha256').update(first.certificate.raw).digest());
});

test('what is wrong with tls.mode=files is said in one sentence', async () => {
  const now = Date.now();
  const pair = await selfSignedCertificate(join(folder, 'one'), 'localhost', now);
  await selfSignedCertificate(join(folder, 'two'), 'localhost', now);
  const [cert, key, otherKey, text] = [
    join(folder, 'one/selfsigned.crt'),
    join(folder, 'one/selfsigned.key'),
    join(folder, 'two/selfsigned.key'),
    join(folder, 'text'),
  ];
  await writeFile(text, 'hello');
  assert.equal((await loadCertificate(cert, key, now)).cert, pair.cert);
  await assert.rejects(loadCertificate(join(folder, 'none'), key, now), {
    message: `tls.cert: cannot read ${join(folder, 'none')}: there is no such file.`,
  });
  await assert.rejects(loadCertificate(text, key, now), /tls\.cert: .* holds no certificate in PEM form/);
  await assert.rejects(loadCertificate(cert, text, now), /tls\.key: .* holds no private key in PEM form/);
  await assert.rejects(loadCertificate(cert, otherKey, now), {
    message: `tls.key: the key in ${otherKey} does not belong to the certificate in ${cert}.`,
  });
  await assert.rejects(loadCertificate(cert, key, now + 900 * DAY), /expired on \d{4}-\d\d-\d\d; renew it\./);
  await assert.rejects(loadCertificate(cert, key, now - 30 * DAY), /is valid only from .*; is the clock right\?/);
});
