import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical } from './codec.js'
import { privacyRecordSchema } from './differential-privacy.js'
import { ProtocolError } from './errors.js'
import {
  bytesField,
  counter,
  digestField,
  documentLink,
  modelLink,
  parseFields,
  peerIdField,
  ruleField,
  signatureField,
} from './fields.js'
import { documentCid } from './hashing.js'
import type { Signer } from './identity.js'
import { LIMITS } from './limits.js'
import { type SignedMessage, signBody, verifySigned } from './signing.js'

/**
 * Version of the entries that this package writes. A later version gets its own schema beside the older ones in
 * `ENTRY_SCHEMAS`, so that a ledger stays readable forever and may contain entries of several versions.
 */
export const ENTRY_VERSION = 2

/** What a node did with one neighbour in one round. */
const neighbourRecordSchema = z.strictObject({
  peer: peerIdField,
  /**
   * The neighbour's signed announcement, as received; it contains the CID of the model. Null when none came in time.
   */
  announcement: bytesField.nullable(),
  accepted: z.boolean(),
  /** Coefficient of this model in the aggregate. */
  weight: z.number(),
  /** What the rule measured, e.g. an L2 distance; null where nothing was measured. */
  score: z.number().nullable(),
  /** What the score was compared with. */
  threshold: z.number().nullable(),
  /** Reason code: the rule's, or why there was no model (`down`, `deadline`, `quarantined`, an `E_…` code). */
  reason: z.string().min(1).max(64),
  /** Order of arrival among the round's models, from 0; null when none arrived. */
  arrival: counter.nullable(),
  /**
   * Milliseconds from the author's own announcement until this model arrived, 0 if it arrived before; null when none
   * arrived.
   */
  latenessMs: counter.nullable(),
})
export type NeighbourRecord = z.infer<typeof neighbourRecordSchema>

/**
 * Why a model looks like that of a free rider; docs/contribution.md has the tests and what each of them proves.
 *
 * | reason | meaning |
 * |---|---|
 * | `unchanged` | the model with which the round began |
 * | `resent` | a model of the round before, or nearly another member's |
 * | `copy` | the scorer's own model of this round, or nearly |
 * | `combined` | a linear combination of models of the round before |
 * | `noise` | its update has nothing in common with any other, as random numbers have |
 * | `later-copy` | nearly the model of another neighbour that arrived earlier: a hint, not a proof |
 */
export const FREE_RIDE_REASONS = ['unchanged', 'resent', 'copy', 'combined', 'noise', 'later-copy'] as const
export type FreeRideReason = (typeof FREE_RIDE_REASONS)[number]

/** One model of a round compared with the others; anyone who has the models can compute it again. */
const comparisonFields = {
  /** L2 length of its update, relative to the median over all models of the round; null when that is 0. */
  distance: z.number().nullable(),
  /** Cosine between its update and the clipped mean of the other updates, in [−1, 1]. */
  cosine: z.number(),
  /**
   * L2 length of what its update adds to the models of the round before, relative to the median; null where these are
   * not known.
   */
  novelty: z.number().nullable(),
  /**
   * How much of what it adds is in common with what the others add, a cosine in [0, 1]; null with fewer than three
   * others.
   */
  overlap: z.number().nullable(),
  /**
   * Position in the manifest of a member whose model of this round or of the last one it nearly equals. Says nothing
   * about who copied.
   */
  copyOf: counter.nullable(),
  freeRide: z.enum(FREE_RIDE_REASONS).nullable(),
}

/** The author's own model; what it says here follows from the models, so that a lie is a wrong entry. */
const ownContributionSchema = z.strictObject(comparisonFields)
export type OwnContribution = z.infer<typeof ownContributionSchema>

const neighbourContributionSchema = z.strictObject({
  /**
   * Mean loss on the author's own samples of the aggregate without this model, minus that of the aggregate: positive
   * where it helped. A claim, as nobody else has the data; null when it is not finite.
   */
  leaveOneOut: z.number().nullable(),
  ...comparisonFields,
})
export type NeighbourContribution = z.infer<typeof neighbourContributionSchema>

const contributionSchema = z.strictObject({
  /** Measurements on the author's test data of the model with which the round began; null where there are none. */
  start: z.strictObject({ loss: z.number().nullable(), metric: z.number().nullable() }),
  /** Null in rounds in which nothing is scored. */
  own: ownContributionSchema.nullable(),
  /**
   * One per neighbour, in the order of `neighbours`; null for one whose model did not arrive. The whole list is null in
   * rounds in which nothing is scored.
   */
  neighbours: z.array(neighbourContributionSchema.nullable()).max(LIMITS.maxNeighbours).nullable(),
})
export type Contribution = z.infer<typeof contributionSchema>

const entrySchema = z.strictObject({
  version: z.literal(ENTRY_VERSION),
  run: documentLink,
  /** Epoch of the run in which the round was closed. Absent before the first change. */
  epoch: documentLink.optional(),
  author: peerIdField,
  /** 0 for the first entry, then one higher each time. */
  height: counter,
  /** CID of the previous entry, or the run id for the first. */
  parent: documentLink,
  /** 0-based; increases from entry to entry, with gaps where a late node caught up. */
  round: counter,
  /**
   * The model with which this round's training began: the parent's aggregate, the run's initial model, or, only after
   * a gap, the model that a late node took over from its neighbours.
   */
  start: modelLink,
  /** The author's own announcement of its trained model. */
  announcement: bytesField,
  /** Every neighbour of the author in the topology, in member order. */
  neighbours: z.array(neighbourRecordSchema).max(LIMITS.maxNeighbours),
  rule: ruleField,
  /** Coefficient of the author's own model in the aggregate. */
  ownWeight: z.number(),
  /**
   * The losses on the author's own samples that the rule asked for, in that order; null for one that was not finite.
   * Nobody else has the data, so these are claims; everything that follows from them can be replayed.
   */
  losses: z.array(z.number().nullable()).max(4 * LIMITS.maxNeighbours),
  /** The model with which the next round begins. */
  aggregate: modelLink,
  /** The rule's memory for the next round; null for rules without memory. */
  memory: modelLink.nullable(),
  /** SHA-256 over a secret salt and the description of the author's data; null when the author commits to nothing. */
  dataCommitment: digestField.nullable(),
  /** Minibatch steps trained this round. */
  localSteps: counter,
  /** Own measurements on the test data; null where nothing was measured. */
  metrics: z.strictObject({
    trainingLoss: z.number().nullable(),
    testLoss: z.number().nullable(),
    testMetric: z.number().nullable(),
  }),
  /** Of runs whose manifest has `contribution`, and absent from the entries of all others. */
  contribution: contributionSchema.optional(),
  /** Of private runs, and absent from the entries of all others. */
  privacy: z
    .strictObject({
      /** What the members of the author's group said, with what follows from it (`@tempered/secagg`, transcript). */
      transcript: modelLink,
      /** The opened sum as field elements; null when none was opened. Then the announced model is that of `start`. */
      sum: modelLink.nullable(),
    })
    .optional(),
  /** Of runs whose manifest has `differentialPrivacy`, and absent from the entries of all others. */
  differentialPrivacy: privacyRecordSchema.optional(),
  /** When the entry was written, by the author's clocks. A claim, not a proof. */
  clock: z.strictObject({
    /** Milliseconds since 1970. */
    wallMs: counter,
    /** Milliseconds since the author's process began; resets to 0 only on a restart. */
    monotonicMs: counter,
  }),
})
export type Entry = z.infer<typeof entrySchema>

/** A ledger entry with its bytes and its address. */
export interface SignedEntry extends SignedMessage<Entry> {
  readonly cid: CID
}

const ENTRY_SCHEMAS = new Map([
  [ENTRY_VERSION, z.strictObject({ body: entrySchema, signature: signatureField })],
])

export function signEntry(body: Omit<Entry, 'version' | 'author'>, signer: Signer): SignedEntry {
  const signed = signBody(
    'entry',
    { version: ENTRY_VERSION, author: signer.peerId, ...body } as Entry,
    signer,
  )
  return { ...signed, cid: documentCid(signed.bytes) }
}

/**
 * Checks size, encoding and fields, but not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL, and
 * E_UNSUPPORTED_VERSION for an entry of a version that this package does not know.
 */
export function decodeEntry(bytes: Uint8Array): SignedEntry {
  const value = decodeCanonical(bytes, LIMITS.maxEntryBytes, 'ledger entry')
  const version = versionOf(value)
  const schema = ENTRY_SCHEMAS.get(version ?? ENTRY_VERSION)
  if (schema === undefined) {
    throw new ProtocolError(
      'E_UNSUPPORTED_VERSION',
      `ledger entry: version ${version}, but this software reads only ${[...ENTRY_SCHEMAS.keys()].join(', ')}; ` +
        `use ${(version ?? 0) > ENTRY_VERSION ? 'a newer release' : 'the release that wrote it'}`,
      { version },
    )
  }
  return { ...parseFields(schema, value, 'ledger entry'), bytes, cid: documentCid(bytes) }
}

function versionOf(value: unknown): number | undefined {
  const version = (value as { body?: { version?: unknown } } | null)?.body?.version
  return Number.isInteger(version) ? (version as number) : undefined
}

/** Throws E_SIGNATURE. */
export function verifyEntry(entry: SignedEntry): void {
  verifySigned('entry', entry)
}
