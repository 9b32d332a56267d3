import { signEntry } from '../../src/entry.js'
import { makeEvidence } from '../../src/evidence.js'
import { signHead } from '../../src/messages.js'
import { announce, entryBody, modelCid, run, signers } from '../support/documents.js'

/** One document of every kind, from fixed keys and fixed values. */
export function goldenDocuments(): Record<string, Uint8Array> {
  const [author] = signers
  const entry = signEntry(entryBody(0, run.id), author)
  return {
    manifest: run.bytes,
    announcement: announce(author, 0).bytes,
    head: signHead({ run: run.id, height: 0, round: 0, entry: entry.cid }, author).bytes,
    evidence: makeEvidence(announce(author, 0), announce(author, 0, { model: modelCid(99) })).bytes,
    entry: entry.bytes,
  }
}
