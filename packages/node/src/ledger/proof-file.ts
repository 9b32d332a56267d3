import { open } from 'node:fs/promises'
import { counted, errorMessage } from '@tempered/errors'
import {
  accuseEntry,
  type CheckedConsistency,
  type CheckedInclusion,
  checkConsistency,
  checkInclusion,
  createChainVerifier,
  DAG_CBOR,
  decodeCanonical,
  decodeEntry,
  documentCid,
  type Evidence,
  encodeCanonical,
  equalBytes,
  LIMITS,
  openEvidence,
  openManifest,
  ProtocolError,
  RAW,
  type Run,
  type SignedEntry,
  sha256,
  verifyEntry,
} from '@tempered/protocol'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { problemOf } from '../epochs/run-rules.js'
import { type Judgement, judgeEvidence } from '../evidence/judge.js'
import type { BlobLookup } from './blob-folders.js'
import {
  CarError,
  type CarSection,
  encodeCarHeader,
  encodeCarSection,
  readCarHeader,
  readCarSection,
} from './car.js'
import { windowedReader } from './car-log.js'
import { createReplay } from './replay.js'

/**
 * Proof files: they convince anyone who has only the file and the run's members, whose public keys are in the
 * manifest inside the file. CARv1, so that stock IPFS tools can read them; the root is the proof document.
 *
 * | proof document (`kind`) | further blocks, in this order |
 * |---|---|
 * | `tempered/inclusion-proof` (see protocol/inclusion-proof.ts) | none: it contains everything it needs |
 * | `tempered/consistency-proof` (see protocol/consistency-proof.ts) | none |
 * | `tempered/misdeed-proof` | manifest, changes of the run, evidence, then for a wrong aggregate the previous entry, then blobs |
 *
 * Every block is named by the document, appears once, in the order in which it is named, and matches its hash;
 * nothing follows. So a check covers every byte of a file.
 */

/** Bounds of a proof file in addition to those of `LIMITS`. */
export const PROOF_LIMITS = {
  /** One block: the largest length in our CAR framing. A model of 64 Mi parameters fits. */
  maxBlockBytes: 2 ** 28 - 64,
  /** All blocks of a file together. They are kept in memory while they are checked. */
  maxFileBytes: 2 ** 31,
  /**
   * A round's own model, start, memory and aggregate, the run's initial model, and a model of every neighbour; where
   * contributions are scored also the start and all models of the round before.
   */
  maxBlobs: 2 * LIMITS.maxNeighbours + 7,
} as const

const link = (codec: number) =>
  z.custom<CID>(
    (value) => {
      const cid = CID.asCID(value)
      return cid !== null && cid.version === 1 && cid.code === codec && cid.multihash.size === 32
    },
    { error: 'must be a CIDv1 with SHA-256' },
  )

const misbehaviourSchema = z.strictObject({
  kind: z.literal('tempered/misdeed-proof'),
  version: z.literal(1),
  misdeed: z.enum([
    'announcement-equivocation',
    'forked-ledger',
    'entry-equivocation',
    'group-word-equivocation',
    'invalid-model',
    'wrong-aggregate',
  ]),
  manifest: link(DAG_CBOR),
  /** Decided changes of the run, with the signatures under them, in order of effect; absent before the first. */
  changes: z.array(link(DAG_CBOR)).min(1).max(LIMITS.maxChanges).optional(),
  /**
   * The evidence as nodes gossip it; for a wrong aggregate the accused entry itself, which may be longer than
   * gossiped evidence.
   */
  evidence: link(DAG_CBOR),
  /** The entry before an accused entry, unless that is the first. */
  parent: link(DAG_CBOR).nullable(),
  /** The blobs that the judgement reads: models and rule memory. */
  blobs: z.array(link(RAW)).max(PROOF_LIMITS.maxBlobs),
})
type MisbehaviourDocument = z.infer<typeof misbehaviourSchema>

export type CheckedProof =
  | { readonly kind: 'inclusion'; readonly run: Run; readonly inclusion: CheckedInclusion }
  | { readonly kind: 'consistency'; readonly run: Run; readonly consistency: CheckedConsistency }
  | {
      readonly kind: 'misbehaviour'
      readonly run: Run
      readonly evidence: Evidence
      readonly judgement: Extract<Judgement, { status: 'proven' }>
      /** The blobs in the file. */
      readonly blobs: BlobLookup
    }

/** The bytes of an inclusion or consistency proof (`proveInclusion`, `proveConsistency`) as a proof file. */
export function packWholeProof(proof: Uint8Array): Uint8Array[] {
  const root = documentCid(proof)
  return [encodeCarHeader(root), encodeCarSection(root, proof)]
}

/**
 * A proof file of misbehaviour, in parts to be concatenated. Throws E_PROOF unless the evidence convicts with these
 * blobs, and when a blob is larger than a proof may hold.
 *
 * @param parent for a wrong aggregate of any but the first entry: the previous entry
 */
export async function packMisbehaviourProof(
  run: Run,
  evidence: Evidence,
  parent: SignedEntry | undefined,
  blobs: BlobLookup,
): Promise<Uint8Array[]> {
  const below = evidence.kind === 'wrong-aggregate' ? parent : undefined
  checkParentGiven(evidence, below)
  const judgement = await judgeEvidence(run, evidence, below, blobs)
  if (judgement.status !== 'proven') throw new ProtocolError('E_PROOF', acquittal(judgement))
  const carried: { cid: CID; bytes: Uint8Array }[] = []
  const { needed, welcome } = blobsOf(run, evidence, below)
  for (const cid of [...needed, ...welcome]) {
    const bytes = await blobs(cid)
    if (bytes === undefined && welcome.includes(cid)) continue
    if (bytes === undefined) throw new ProtocolError('E_PROOF', `proof: blob ${cid} is not available`)
    if (bytes.byteLength > PROOF_LIMITS.maxBlockBytes)
      throw tooLarge(bytes.byteLength, PROOF_LIMITS.maxBlockBytes)
    carried.push({ cid: CID.parse(cid), bytes })
  }
  const statement = statementOf(evidence)
  const document: MisbehaviourDocument = {
    kind: 'tempered/misdeed-proof',
    version: 1,
    misdeed: evidence.kind,
    manifest: run.id,
    ...(run.changes.length === 0 ? {} : { changes: run.changes.map(({ bytes }) => documentCid(bytes)) }),
    evidence: documentCid(statement),
    parent: below?.cid ?? null,
    blobs: carried.map(({ cid }) => cid),
  }
  const root = encodeCanonical(document)
  const parts = [
    encodeCarHeader(documentCid(root)),
    encodeCarSection(documentCid(root), root),
    encodeCarSection(run.id, run.bytes),
    ...run.changes.map(({ bytes }) => encodeCarSection(documentCid(bytes), bytes)),
    encodeCarSection(document.evidence, statement),
    ...(below === undefined ? [] : [encodeCarSection(below.cid, below.bytes)]),
    ...carried.map(({ cid, bytes }) => encodeCarSection(cid, bytes)),
  ]
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0)
  if (size > PROOF_LIMITS.maxFileBytes) throw tooLarge(size, PROOF_LIMITS.maxFileBytes)
  return parts
}

/**
 * Checks a proof file from its bytes alone and returns what it proves. Which run it is about, the caller must compare
 * with what it expects: anyone can found a run and prove things about it. Throws CarError for a damaged file;
 * ProtocolError E_PROOF for one that does not convince, and the codes of what it carries (E_SIGNATURE, E_MANIFEST,
 * E_NOT_A_MEMBER, E_WRONG_RUN, E_TOO_LARGE, …); RobustAggError for a manifest with an unknown rule or topology.
 */
export async function checkProofFile(path: string): Promise<CheckedProof> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > PROOF_LIMITS.maxFileBytes) throw tooLarge(size, PROOF_LIMITS.maxFileBytes)
    const readAt = windowedReader(file)
    const { root, end } = await readCarHeader(readAt)
    let offset = end
    const next: NextBlock = async (due, maxBytes) => {
      const section = await readCarSection(readAt, offset, maxBytes)
      checkBlock(section, due)
      offset = section.end
      // A copy: the reader's window moves on to the next block.
      return section.bytes.slice()
    }
    const checked = await checkBlocks(root, next)
    if (offset !== size) throw new CarError('the file has blocks that the proof does not name', offset, false)
    return checked
  } finally {
    await file.close()
  }
}

type NextBlock = (due: CID, maxBytes: number) => Promise<Uint8Array>

async function checkBlocks(root: CID, next: NextBlock): Promise<CheckedProof> {
  const bytes = await next(root, LIMITS.maxProofBytes)
  const value = decodeCanonical(bytes, LIMITS.maxProofBytes, 'proof document')
  const kind = (value as { kind?: unknown } | null)?.kind
  if (kind === 'tempered/inclusion-proof') {
    const inclusion = checkInclusion(bytes, problemOf)
    checkFinal(inclusion)
    return { kind: 'inclusion', run: inclusion.run, inclusion }
  }
  if (kind === 'tempered/consistency-proof') {
    const consistency = checkConsistency(bytes, problemOf)
    checkFinal(consistency)
    return { kind: 'consistency', run: consistency.run, consistency }
  }
  const document = misbehaviourSchema.safeParse(value)
  if (!document.success) throw new ProtocolError('E_PROOF', `proof document: ${errorMessage(document.error)}`)
  return checkMisbehaviour(document.data, next)
}

function checkFinal({ final, signers, quorum }: CheckedInclusion | CheckedConsistency): void {
  if (final) return
  throw new ProtocolError(
    'E_PROOF',
    `proof: the head is signed by ${counted(signers.length, 'member')}, but ${counted(quorum, 'is', 'are')} needed to make it final`,
  )
}

async function checkMisbehaviour(document: MisbehaviourDocument, next: NextBlock): Promise<CheckedProof> {
  const chain = createChainVerifier(
    openManifest(await next(document.manifest, LIMITS.maxManifestBytes)),
    undefined,
    { problemOf },
  )
  for (const change of document.changes ?? []) chain.acceptChange(await next(change, LIMITS.maxChangeBytes))
  const { run } = chain
  const evidence = openStatement(document, await next(document.evidence, LIMITS.maxEntryBytes), run)
  const parent =
    document.parent === null ? undefined : decodeEntry(await next(document.parent, LIMITS.maxEntryBytes))
  const carried = document.blobs.map(String)
  const { needed, welcome } = blobsOf(run, evidence, parent)
  const missing = needed.filter((cid) => !carried.includes(cid))
  if (missing.length > 0)
    throw new ProtocolError(
      'E_PROOF',
      `proof: blobs that its judgement needs are missing: ${missing.join(', ')}`,
    )
  const due = [...needed, ...welcome.filter((cid) => carried.includes(cid))]
  if (due.length !== carried.length || due.some((cid, k) => carried[k] !== cid))
    throw new ProtocolError('E_PROOF', 'proof: names blobs that its judgement does not need')
  const blobs = new Map<string, Uint8Array>()
  for (const cid of document.blobs) blobs.set(cid.toString(), await next(cid, PROOF_LIMITS.maxBlockBytes))
  const lookup: BlobLookup = async (cid) => blobs.get(cid)
  checkParentGiven(evidence, parent)
  const judgement = await judgeEvidence(run, evidence, parent, lookup)
  if (judgement.status !== 'proven') throw new ProtocolError('E_PROOF', acquittal(judgement))
  return { kind: 'misbehaviour', run, evidence, judgement, blobs: lookup }
}

/** A proof says what lies below the accused entry, whether or not the rule looks there. */
function checkParentGiven(evidence: Evidence, parent: SignedEntry | undefined): void {
  if (evidence.kind !== 'wrong-aggregate') return
  const { height } = evidence.entry.body
  if ((height === 0) === (parent === undefined)) return
  throw new ProtocolError(
    'E_PROOF',
    height === 0
      ? 'the first entry has no previous entry'
      : `the entry before entry ${height + 1} is missing`,
  )
}

/** What the document's `evidence` links to. */
function statementOf(evidence: Evidence): Uint8Array {
  return evidence.kind === 'wrong-aggregate' ? evidence.entry.bytes : evidence.bytes
}

function openStatement(
  { misdeed: kind, parent }: MisbehaviourDocument,
  bytes: Uint8Array,
  run: Run,
): Evidence {
  const evidence = kind === 'wrong-aggregate' ? openEntry(bytes, run) : openEvidence(bytes, run)
  if (evidence.kind !== kind)
    throw new ProtocolError('E_PROOF', `proof: says ${kind}, its evidence says ${evidence.kind}`)
  if (kind !== 'wrong-aggregate' && parent !== null)
    throw new ProtocolError('E_PROOF', 'proof: names an entry that its judgement does not need')
  return evidence
}

function openEntry(bytes: Uint8Array, run: Run): Evidence {
  const entry = decodeEntry(bytes)
  if (!entry.body.run.equals(run.id)) throw new ProtocolError('E_WRONG_RUN', 'proof: it is about another run')
  if (!run.rosterIndex.has(entry.body.author))
    throw new ProtocolError('E_NOT_A_MEMBER', `proof: ${entry.body.author} is not a member of the run`)
  verifyEntry(entry)
  return accuseEntry(entry)
}

/** CIDs of the blobs that a judgement must have, and of those that make what it says more exact; each once. */
function blobsOf(run: Run, evidence: Evidence, parent: SignedEntry | undefined) {
  if (evidence.kind === 'invalid-model')
    return { needed: [evidence.announcement.body.model.toString()], welcome: [] }
  if (evidence.kind !== 'wrong-aggregate') return { needed: [], welcome: [] }
  const noBlobs = async (): Promise<undefined> => undefined
  const needed = [...new Set(createReplay(run, noBlobs).needs(evidence.entry, parent))]
  const aggregate = evidence.entry.body.aggregate.toString()
  return { needed, welcome: needed.includes(aggregate) ? [] : [aggregate] }
}

function checkBlock({ cid, bytes, start }: CarSection, due: CID): void {
  if (!cid.equals(due)) throw new CarError(`block ${cid}, expected ${due}`, start, false)
  if (!equalBytes(sha256(bytes), cid.multihash.digest))
    throw new CarError('block does not match its CID', start, false)
}

function acquittal(judgement: Exclude<Judgement, { status: 'proven' }>): string {
  return judgement.status === 'refuted'
    ? `proof: it does not convict: ${judgement.what}`
    : `proof: blobs that its judgement needs are missing: ${judgement.missing.join(', ')}`
}

function tooLarge(byteLength: number, maxBytes: number): ProtocolError {
  return new ProtocolError(
    'E_TOO_LARGE',
    `proof: ${byteLength} bytes, but at most ${maxBytes} are allowed; use ledger replay on the state folders instead`,
    { byteLength, maxBytes },
  )
}
