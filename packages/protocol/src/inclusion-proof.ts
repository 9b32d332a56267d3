import { z } from 'zod'
import { createChainVerifier } from './chain.js'
import { decodeCanonical, encodeCanonical, equalBytes } from './codec.js'
import { decodeEntry, type SignedEntry, verifyEntry } from './entry.js'
import type { ProblemOf } from './epochs/amend.js'
import { ProtocolError } from './errors.js'
import { bytesField, counter, hashPath, parseFields } from './fields.js'
import type { FinalHead } from './finality.js'
import {
  type Cosignature,
  decodeHead,
  entryLeaf,
  type Head,
  type SignedHead,
  verifyCosignature,
  verifyHead,
  viewOfHead,
} from './head.js'
import { LIMITS } from './limits.js'
import { isSameEpoch, openManifest, PROTOCOL_VERSION, type Run } from './manifest.js'
import { inclusionPath, rootFromInclusion } from './merkle.js'
import { finalityQuorum } from './quorum.js'

/** Co-signatures as they appear in proofs. */
export const cosignatureFields = z
  .array(z.strictObject({ head: bytesField, index: counter, path: hashPath }))
  .max(LIMITS.maxMembers)

/** Changes as they appear in proofs. */
export const changesField = z.array(bytesField).min(1).max(LIMITS.maxChanges)

/** What a proof carries of the epoch that a head is of. Throws E_EPOCH. */
export function packEpoch(head: Head, run: Run): { readonly changes?: readonly Uint8Array[] } {
  const changes = viewOfHead(head, run).changes
  return changes.length === 0 ? {} : { changes: changes.map(({ bytes }) => bytes) }
}

/** The run after the changes that a proof carries, which are checked. Throws what `ChainVerifier.acceptChange` throws. */
export function openEpoch(
  manifest: Uint8Array,
  changes: readonly Uint8Array[] | undefined,
  problemOf: ProblemOf | undefined,
): Run {
  const chain = createChainVerifier(openManifest(manifest), undefined, { problemOf })
  for (const bytes of changes ?? []) chain.acceptChange(bytes)
  return chain.run
}

/** Proves that an entry is in its author's ledger, as far as its witnesses signed for it. Self-contained. */
const proofSchema = z.strictObject({
  kind: z.literal('tempered/inclusion-proof'),
  version: z.literal(PROTOCOL_VERSION),
  /** Canonical bytes of the manifest: its hash is the run id, its members are the public keys. */
  manifest: bytesField,
  /** Decided changes that lead to the epoch of the head, in order of effect; absent before the first change. */
  changes: changesField.optional(),
  entry: bytesField,
  /** From the entry's leaf to the root in `head`. */
  path: hashPath,
  /** The author's signed head that the witnesses co-signed. */
  head: bytesField,
  cosignatures: cosignatureFields,
})

export interface CheckedInclusion {
  readonly run: Run
  readonly entry: SignedEntry
  readonly head: SignedHead
  /** Peer ids of the members that signed for the head, the author first, then in the order of the proof. */
  readonly signers: readonly string[]
  /** Signatures that make a head final in this run. */
  readonly quorum: number
  readonly final: boolean
}

/**
 * The proof that entry `height` is in the ledger of a final head.
 * @param entries the author's entries from 0 up to at least the head's height
 */
export function proveInclusion(
  run: Run,
  entries: readonly SignedEntry[],
  height: number,
  { head, cosignatures }: FinalHead,
): Uint8Array {
  const leaves = entries.slice(0, head.body.height + 1).map((entry) => entryLeaf(entry.cid))
  const entry = entries[height]
  if (entry === undefined || height >= leaves.length) {
    throw new ProtocolError(
      'E_PROOF',
      `no entry ${height + 1} in the witnessed ledger, which ends with entry ${head.body.height + 1}`,
    )
  }
  return encodeCanonical({
    kind: 'tempered/inclusion-proof',
    version: PROTOCOL_VERSION,
    manifest: run.bytes,
    ...packEpoch(head.body, run),
    entry: entry.bytes,
    path: inclusionPath(leaves, height),
    head: head.bytes,
    cosignatures: cosignatures.map(({ head, index, path }) => ({ head, index, path: [...path] })),
  })
}

/**
 * Checks a proof from its bytes alone: the manifest, the entry and its author's signature, its path to the signed
 * root, and each co-signature. Throws E_PROOF, E_SIGNATURE, E_MANIFEST and what decoding throws. `final` in the
 * result says whether there are enough witnesses. The caller must compare the run with the expected one.
 */
export function checkInclusion(bytes: Uint8Array, problemOf?: ProblemOf): CheckedInclusion {
  const value = decodeCanonical(bytes, LIMITS.maxProofBytes, 'inclusion proof')
  const fields = parseFields(proofSchema, value, 'inclusion proof')
  const run = openEpoch(fields.manifest, fields.changes, problemOf)
  const entry = decodeEntry(fields.entry)
  const head = decodeHead(fields.head)
  if (!entry.body.run.equals(run.id) || !head.body.run.equals(run.id)) {
    throw new ProtocolError('E_WRONG_RUN', `inclusion proof: the entry or the head is not of run ${run.id}`)
  }
  const { author, height } = entry.body
  if (head.body.author !== author) {
    throw new ProtocolError('E_PROOF', 'inclusion proof: the head and the entry are of different authors')
  }
  if (!run.memberIndex.has(author)) {
    throw new ProtocolError('E_NOT_A_MEMBER', `inclusion proof: ${author} is not a member of run ${run.id}`)
  }
  checkEpochOf(head.body, run)
  verifyEntry(entry)
  verifyHead(head)
  const root = rootFromInclusion(entryLeaf(entry.cid), height, head.body.height + 1, fields.path)
  if (!equalBytes(root, head.body.root)) {
    throw new ProtocolError(
      'E_PROOF',
      `inclusion proof: entry ${height + 1} does not lead to the signed root`,
    )
  }
  const signers = verifyCosigners(head, fields.cosignatures, run)
  const quorum = finalityQuorum(run.manifest.members.length)
  return { run, entry, head, signers, quorum, final: signers.length >= quorum }
}

/** Throws E_EPOCH unless a head is of the epoch that the changes of its proof lead to. */
export function checkEpochOf({ epoch }: Head, run: Run): void {
  if (!isSameEpoch(epoch, run.epoch))
    throw new ProtocolError(
      'E_EPOCH',
      `proof: its head is of epoch ${epoch ?? 'none'}, its changes lead to ${run.epoch ?? 'none'}`,
    )
}

/**
 * Peer ids of everyone who signed for a head, its author first. Throws E_PROOF for a co-signature that does not
 * count, E_SIGNATURE.
 */
export function verifyCosigners(
  head: SignedHead,
  cosignatures: readonly Cosignature[],
  run: Run,
): readonly string[] {
  const signers = [head.body.author]
  for (const cosignature of cosignatures) {
    const witness = verifyCosignature(cosignature, head.body, run)
    if (signers.includes(witness)) throw new ProtocolError('E_PROOF', `proof: ${witness} is counted twice`)
    signers.push(witness)
  }
  return signers
}
