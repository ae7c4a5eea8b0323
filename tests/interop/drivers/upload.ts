// The HTTP half of XEP-0363 for libraries that leave it to the application.
export interface Slot {
  readonly put: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly get: string;
}

/** PUTs the content to the slot; returns the address to download from. */
export async function putInto(slot: Slot, content: Uint8Array, mediaType: string): Promise<string> {
  const response = await fetch(slot.put, {
    method: 'PUT',
    body: Buffer.from(content),
    headers: { ...slot.headers, 'content-type': mediaType },
  });
  const body = await response.text();
  if (response.status !== 201 && response.status !== 200) throw new Error(`the upload was answered with ${response.status}: ${body}`);
  return slot.get;
}
