import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './codec.js'
import type { SignedEntry } from './entry.js'
import type { ProblemOf } from './epochs/amend.js'
import { ProtocolError } from './errors.js'
import { bytesField, hashPath, parseFields } from './fields.js'
import type { FinalHead } from './finality.js'
import { decodeHead, entryLeaf, type SignedHead, verifyHead } from './head.js'
import {
  changesField,
  checkEpochOf,
  cosignatureFields,
  openEpoch,
  packEpoch,
  verifyCosigners,
} from './inclusion-proof.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION, type Run } from './manifest.js'
import { consistencyPath, isConsistent } from './merkle.js'
import { finalityQuorum } from './quorum.js'

/**
 * Proves that a ledger, as its witnesses signed it, begins with the ledger that an older head of its author committed
 * to.
 */
const proofSchema = z.strictObject({
  kind: z.literal('tempered/consistency-proof'),
  version: z.literal(PROTOCOL_VERSION),
  /** Canonical bytes of the manifest: its hash is the run id, its members are the public keys. */
  manifest: bytesField,
  /** Decided changes that lead to the epoch of the newer head, in order of effect; absent before the first change. */
  changes: changesField.optional(),
  /** The author's two signed heads; the witnesses co-signed the newer one. */
  older: bytesField,
  newer: bytesField,
  /** RFC 9162, section 2.1.4. */
  path: hashPath,
  cosignatures: cosignatureFields,
})

export interface CheckedConsistency {
  readonly run: Run
  readonly older: SignedHead
  readonly newer: SignedHead
  /** Peer ids of the members that signed for the newer head, the author first. */
  readonly signers: readonly string[]
  /** Signatures that make a head final in this run. */
  readonly quorum: number
  readonly final: boolean
}

/**
 * The proof that a final head continues an older head of the same author.
 * @param entries the author's entries from 0 up to at least the newer head's height
 */
export function proveConsistency(
  run: Run,
  entries: readonly SignedEntry[],
  older: SignedHead,
  { head, cosignatures }: FinalHead,
): Uint8Array {
  if (older.body.height > head.body.height) {
    throw new ProtocolError(
      'E_PROOF',
      `the head at height ${head.body.height} is older than the one at ${older.body.height}`,
    )
  }
  const leaves = entries.slice(0, head.body.height + 1).map((entry) => entryLeaf(entry.cid))
  return encodeCanonical({
    kind: 'tempered/consistency-proof',
    version: PROTOCOL_VERSION,
    manifest: run.bytes,
    ...packEpoch(head.body, run),
    older: older.bytes,
    newer: head.bytes,
    path: consistencyPath(leaves, older.body.height + 1),
    cosignatures: cosignatures.map(({ head, index, path }) => ({ head, index, path: [...path] })),
  })
}

/**
 * Checks a proof from its bytes alone: both signatures of the author, that the newer tree begins with the older one,
 * and each co-signature. Throws E_PROOF, E_SIGNATURE, E_MANIFEST and what decoding throws. If the newer head does not
 * continue the older one, the two heads together show that the author rewrote its ledger.
 */
export function checkConsistency(bytes: Uint8Array, problemOf?: ProblemOf): CheckedConsistency {
  const value = decodeCanonical(bytes, LIMITS.maxProofBytes, 'consistency proof')
  const fields = parseFields(proofSchema, value, 'consistency proof')
  const run = openEpoch(fields.manifest, fields.changes, problemOf)
  const [older, newer] = [decodeHead(fields.older), decodeHead(fields.newer)]
  for (const { body } of [older, newer]) {
    if (!body.run.equals(run.id))
      throw new ProtocolError('E_WRONG_RUN', `consistency proof: a head is not of run ${run.id}`)
  }
  const { author } = newer.body
  if (older.body.author !== author)
    throw new ProtocolError('E_PROOF', 'consistency proof: the heads are of different authors')
  if (!run.memberIndex.has(author))
    throw new ProtocolError('E_NOT_A_MEMBER', `consistency proof: ${author} is not a member of run ${run.id}`)
  checkEpochOf(newer.body, run)
  verifyHead(older)
  verifyHead(newer)
  const [oldSize, newSize] = [older.body.height + 1, newer.body.height + 1]
  if (!isConsistent(oldSize, newSize, older.body.root, newer.body.root, fields.path)) {
    throw new ProtocolError(
      'E_PROOF',
      `consistency proof: the ledger of ${newSize} entries is not shown to begin with the one of ${oldSize}`,
    )
  }
  const signers = verifyCosigners(newer, fields.cosignatures, run)
  const quorum = finalityQuorum(run.manifest.members.length)
  return { run, older, newer, signers, quorum, final: signers.length >= quorum }
}
