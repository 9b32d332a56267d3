import * as dagJson from '@ipld/dag-json'
import { decodeAnnouncement, decodeCanonical, LIMITS, type Run, type SignedEntry } from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import type { BlobLookup } from './blob-folders.js'
import { encodeCarHeader, encodeCarSection } from './car.js'
import { MAX_LEDGER_BLOCK_BYTES } from './ledger.js'
import { ledgerBlocks } from './read-entries.js'

/**
 * A ledger as NDJSON, one block per line in DAG-JSON (https://ipld.io/specs/codecs/dag-json/spec/): `{cid, block}`,
 * the manifest first, changes of the run where they stand. Lossless: a line's block encoded as DAG-CBOR has the line's CID.
 */
export async function* exportNdjson(run: Run, path: string): AsyncGenerator<Uint8Array> {
  yield line(run.id, run.bytes, LIMITS.maxManifestBytes)
  for await (const { cid, bytes } of ledgerBlocks(path)) yield line(cid, bytes, MAX_LEDGER_BLOCK_BYTES)
}

function line(cid: CID, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const json = dagJson.encode({ cid, block: decodeCanonical(bytes, maxBytes, 'ledger block') })
  const withEnd = new Uint8Array(json.byteLength + 1)
  withEnd.set(json)
  withEnd[json.byteLength] = 0x0a
  return withEnd
}

export interface ExportedBlobs {
  readonly lookup: BlobLookup
  /** Blobs that entries name: how many were available and how many were not, after all parts have been consumed. */
  readonly count: { found: number; missing: number }
}

/**
 * A ledger as CARv1: root run id, manifest, entries and changes of the run; with `blobs` then every available blob that they name, each
 * once. Without blobs these are the bytes of the ledger file.
 */
export async function* exportCar(run: Run, path: string, blobs?: ExportedBlobs): AsyncGenerator<Uint8Array> {
  yield encodeCarHeader(run.id)
  yield encodeCarSection(run.id, run.bytes)
  const named = new Set<string>()
  for await (const { cid, bytes, entry } of ledgerBlocks(path)) {
    yield encodeCarSection(cid, bytes)
    if (blobs !== undefined && entry !== undefined) for (const cid of blobsNamed(entry)) named.add(cid)
  }
  for (const cid of named) {
    const bytes = await blobs!.lookup(cid)
    blobs!.count[bytes === undefined ? 'missing' : 'found'] += 1
    if (bytes !== undefined) yield encodeCarSection(CID.parse(cid), bytes)
  }
}

function blobsNamed({ body }: SignedEntry): string[] {
  const announced = [body.announcement, ...body.neighbours.map(({ announcement }) => announcement)]
  const models = announced.flatMap((bytes) => (bytes === null ? [] : [decodeAnnouncement(bytes).body.model]))
  return [body.start, ...models, body.aggregate, ...(body.memory === null ? [] : [body.memory])].map(String)
}
