/** The suites that prove an engine: one for storage, one for blobs. */
export { type BlobContractTarget, registerBlobContract } from './blobs.ts';
export { registerSearchContract } from './search.ts';
export { smallDisk } from './small-disk.ts';
export { registerStorageContract, type StorageContractTarget } from './storage.ts';
