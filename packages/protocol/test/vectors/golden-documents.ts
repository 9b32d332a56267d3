import { signEntry } from '../../src/entry.js'
import { makeEvidence } from '../../src/evidence.js'
import { announce, entryBody, headMessage, modelCid, run, signers } from '../support/documents.js'

/** One document of every kind, from fixed keys and fixed values. */
export function goldenDocuments(): Record<string, Uint8Array> {
  const [author] = signers
  const entry = signEntry(entryBody(0, run.id), author)
  return {
    manifest: run.bytes,
    announcement: announce(author, 0).bytes,
    head: headMessage(author, 0, { entry: entry.cid }).head.bytes,
    'headMessage/2': headMessage(author, 0, { entry: entry.cid }, [headMessage(signers[1], 0).head]).bytes,
    evidence: makeEvidence(announce(author, 0), announce(author, 0, { model: modelCid(99) })).bytes,
    entry: entry.bytes,
  }
}
