import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './codec.js'
import {
  bytesField,
  counter,
  documentLink,
  modelLink,
  numericParams,
  parseFields,
  peerIdField,
  signatureField,
} from './fields.js'
import { documentCid } from './hashing.js'
import type { Signer } from './identity.js'
import { LIMITS } from './limits.js'
import { PROTOCOL_VERSION } from './manifest.js'
import { type Signed, signBody, verifySigned } from './signing.js'

/** What a node did with one neighbour in one round. */
const neighbourRecordSchema = z.strictObject({
  peer: peerIdField,
  /** The neighbour's signed announcement, as it came; null when none came in time. */
  announcement: bytesField.nullable(),
  accepted: z.boolean(),
  /** Coefficient of this model in the aggregate. */
  weight: z.number(),
  /** What the rule measured, e.g. an L2 distance; null where nothing was measured. */
  score: z.number().nullable(),
  /** What the score was held against. */
  threshold: z.number().nullable(),
  /** Reason code: the rule's, or why no model was at hand (`down`, `deadline`, `quarantined`, an `E_…` code). */
  reason: z.string().min(1).max(64),
  /** Order of arrival among the round's models, from 0; null when none arrived. */
  arrival: counter.nullable(),
})
export type NeighbourRecord = z.infer<typeof neighbourRecordSchema>

const entrySchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  run: documentLink,
  author: peerIdField,
  /** 0 for the first entry; each next one is higher by 1. */
  height: counter,
  /** CID of the entry below, or the run id for the first. */
  parent: documentLink,
  /** 0-based; grows from entry to entry, with gaps where a late node caught up. */
  round: counter,
  /** The author's own announcement of its trained model. */
  announcement: bytesField,
  /** Every neighbour of the author in the topology, in member order. */
  neighbours: z.array(neighbourRecordSchema).max(LIMITS.maxNeighbours),
  rule: z.strictObject({ name: z.string().min(1).max(64), params: numericParams }),
  /** Coefficient of the author's own model in the aggregate. */
  ownWeight: z.number(),
  /** The model with which the next round begins. */
  aggregate: modelLink,
  /** Minibatch steps trained this round. */
  localSteps: counter,
  /** Own measurements on the test data; null where nothing was measured. */
  metrics: z.strictObject({
    trainingLoss: z.number().nullable(),
    testLoss: z.number().nullable(),
    testAccuracy: z.number().min(0).max(1).nullable(),
  }),
  /** When the entry was written: milliseconds since 1970 by the author's clock. A claim, not a proof. */
  wallClockMs: counter,
})
export type Entry = z.infer<typeof entrySchema>

/** A ledger entry with its bytes and its address. */
export interface SignedEntry extends Signed<Entry> {
  readonly bytes: Uint8Array
  readonly cid: CID
}

const signedEntrySchema = z.strictObject({ body: entrySchema, signature: signatureField })

export function signEntry(body: Omit<Entry, 'version' | 'author'>, signer: Signer): SignedEntry {
  const signed = signBody(
    'entry',
    { version: PROTOCOL_VERSION, author: signer.peerId, ...body } as Entry,
    signer,
  )
  const bytes = encodeCanonical({ body: signed.body, signature: signed.signature })
  return { ...signed, bytes, cid: documentCid(bytes) }
}

/** Size, encoding and fields; not the signature. Throws E_TOO_LARGE, E_MALFORMED, E_NOT_CANONICAL. */
export function decodeEntry(bytes: Uint8Array): SignedEntry {
  const value = decodeCanonical(bytes, LIMITS.maxEntryBytes, 'ledger entry')
  return { ...parseFields(signedEntrySchema, value, 'ledger entry'), bytes, cid: documentCid(bytes) }
}

/** Throws E_SIGNATURE. */
export function verifyEntry(entry: SignedEntry): void {
  verifySigned('entry', entry)
}
