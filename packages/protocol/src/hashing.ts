import { createHash, hash as hashOnce } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** Multicodec numbers of the content we address: ledger documents are DAG-CBOR, models are raw bytes. */
export const DAG_CBOR = 0x71
export const RAW = 0x55
export const SHA2_256 = 0x12

/** SHA-256 of the chunks in order; 32 bytes. */
export function sha256(...chunks: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return plainBytes(hash.digest())
}

/** SHA-256 of one chunk: about twice as fast as `sha256` for a few dozen bytes. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return plainBytes(hashOnce('sha256', bytes, 'buffer'))
}

/** The same bytes as a plain array: slice() of a Buffer shares memory, slice() of a Uint8Array copies. */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

/** CIDv1 from a SHA-256 digest (32 bytes) that was computed elsewhere, e.g. while streaming. */
export function cidFromDigest(codec: number, digest: Uint8Array): CID {
  return CID.createV1(codec, createDigest(SHA2_256, digest))
}

/** CIDv1 of canonical DAG-CBOR bytes. */
export function documentCid(bytes: Uint8Array): CID {
  return cidFromDigest(DAG_CBOR, sha256(bytes))
}

/** CIDv1 of a model blob. */
export function blobCid(bytes: Uint8Array): CID {
  return cidFromDigest(RAW, sha256(bytes))
}
