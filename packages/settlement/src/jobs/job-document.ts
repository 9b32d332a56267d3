/** What a user posts: everything that a run needs, except its members, who are those that accept. The contract has its hash. */

import {
  createAccountSigner,
  createSigner,
  decodeCanonical,
  encodeCanonical,
  LIMITS,
  parseFields,
  type Run,
  sealManifest,
  sha256,
} from '@tempered/protocol'
import { type Address, bytesToHex, type Hex, keccak256, stringToHex } from 'viem'
import { z } from 'zod'
import { SettlementError } from '../errors.js'

/** How the pay is divided among the members of a job. */
export const PAY = ['equal', 'samples', 'contribution'] as const
export type Pay = (typeof PAY)[number]

/**
 * Rounds of a run after the paid ones: in them the last models are measured, and nothing else counts. Two would do if every
 * block could be evaluated.
 */
export const MEASURING_ROUNDS = 4
export const MILLION = 1_000_000

const jobDocumentSchema = z.strictObject({
  kind: z.literal('tempered/job'),
  version: z.literal(1),
  /** A manifest without `members` and `settlement`; its rounds are `mostRounds` and MEASURING_ROUNDS. */
  manifest: z
    .record(z.string().min(1).max(64), z.unknown())
    .refine((value) => !('members' in value) && !('settlement' in value), {
      error: 'must not contain members or settlement: both follow from who accepts the job',
    }),
  target: z.strictObject({
    /** The first metric of the task. */
    metric: z.string().min(1).max(64),
    value: z.number().min(-1e12).max(1e12),
    better: z.enum(['higher', 'lower']),
  }),
  pay: z.enum(PAY),
  /** Licence of the model, for its token. */
  licence: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[\x20-\x7e]*$/, { error: 'must be printable ASCII, e.g. Apache-2.0' }),
})
export type JobDocument = z.infer<typeof jobDocumentSchema>

export interface SealedJob {
  readonly document: JobDocument
  /** Canonical bytes. */
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes: `task` in the terms. */
  readonly hash: Hex
  /** Maximum number of paid rounds. */
  readonly mostRounds: number
}

/** Checks and seals a document. Throws ProtocolError E_MALFORMED, E_TOO_LARGE; SettlementError E_JOB. */
export function sealJob(value: unknown): SealedJob {
  const document = parseFields(jobDocumentSchema, value, 'job')
  const bytes = encodeCanonical(document)
  if (bytes.byteLength > LIMITS.maxManifestBytes)
    throw new SettlementError(
      'E_JOB',
      `the job document has ${bytes.byteLength} bytes; the maximum is ${LIMITS.maxManifestBytes}`,
    )
  const rounds = (document.manifest as { training?: { rounds?: unknown } }).training?.rounds
  const mostRounds = Number(rounds) - MEASURING_ROUNDS
  if (!Number.isInteger(mostRounds) || mostRounds < 1)
    throw new SettlementError(
      'E_JOB',
      `job, field manifest.training.rounds: must be the paid rounds plus ${MEASURING_ROUNDS}, at least ${MEASURING_ROUNDS + 1}`,
    )
  for (const needed of ['chain', 'contribution'])
    if (document.manifest[needed] === undefined)
      throw new SettlementError(
        'E_JOB',
        `job, field manifest.${needed}: is required: members settle by what the common chain says`,
      )
  return { document, bytes, hash: bytesToHex(sha256(bytes)), mostRounds }
}

/** Opens a document that came from a user. `hash`: that in the contract. Throws as `sealJob`, and E_JOB for another hash. */
export function openJob(bytes: Uint8Array, hash: Hex): SealedJob {
  if (bytesToHex(sha256(bytes)) !== hash)
    throw new SettlementError('E_JOB', `the document does not match hash ${hash} of the job`)
  return sealJob(decodeCanonical(bytes, LIMITS.maxManifestBytes, 'job'))
}

export interface JobPlace {
  readonly chainId: number
  /** Of the SlashingManager. */
  readonly slashing: Address
  /** The job's id: without it two jobs with the same document and members would be one run. */
  readonly job: Hex
}

export interface RunMember {
  readonly peerId: string
  readonly account: Address
}

/**
 * The run of a job: the same manifest for everybody who knows who accepted, in the order of acceptance. Throws ProtocolError
 * E_MANIFEST.
 */
export function runOfJob(
  { document }: SealedJob,
  members: readonly RunMember[],
  { chainId, slashing, job }: JobPlace,
): Run {
  return sealManifest({
    ...document.manifest,
    members: members.map(({ peerId }) => peerId),
    settlement: { chainId, contract: slashing, job, accounts: members.map(({ account }) => account) },
  })
}

/** The run of a job with made-up members: to check it before anybody has accepted. */
export function sampleRunOf(job: SealedJob, members: number): Run {
  const place = { chainId: 1, slashing: `0x${'0'.repeat(40)}`, job: `0x${'0'.repeat(64)}` } as const
  const nobodies = Array.from({ length: members }, (_, k): RunMember => {
    const seed = sha256(new TextEncoder().encode(`nobody ${k}`))
    const account = createAccountSigner(seed, { chainId: place.chainId, contract: place.slashing })
    return { peerId: createSigner(seed).peerId, account: account.address as Address }
  })
  return runOfJob(job, nobodies, place)
}

/** A target as the contract stores it: the hash of the metric's name, and the value in millionths. */
export function targetTerms({ target: { metric, value, better } }: JobDocument) {
  return {
    metric: keccak256(stringToHex(metric)),
    target: BigInt(Math.round(value * MILLION)),
    lowerIsBetter: better === 'lower',
  } as const
}

/** Throws E_JOB unless the terms on the chain are those of the document. */
export function checkTerms(
  { document, mostRounds }: SealedJob,
  terms: { metric: Hex; target: bigint; lowerIsBetter: boolean; mostRounds: number },
): void {
  const wanted = { ...targetTerms(document), mostRounds }
  for (const [name, value] of Object.entries(wanted))
    if (terms[name as keyof typeof wanted] !== value)
      throw new SettlementError(
        'E_JOB',
        `${name} is ${terms[name as keyof typeof wanted]} on the chain, but ${value} in the document`,
      )
}
