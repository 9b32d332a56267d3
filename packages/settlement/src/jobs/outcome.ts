/**
 * What came of a job, computed from the common chain and the members' ledgers alone: every member, and anybody who replays
 * the run, gets the same. So members need not talk about it before they sign.
 *
 * Block r carries the newest entries of the members' ledgers. Their entries of round r − 1 measure the model with which that
 * round began, the aggregate of block r − 2, each on its author's own test data. A final block r thus says what r − 1 rounds
 * of training gave.
 */

import type { Block } from '@tempered/chain'
import {
  contributionsOf,
  isFreeRider,
  type MemberContribution,
  type Run,
  type SignedEntry,
} from '@tempered/protocol'
import type { CID } from 'multiformats/cid'
import { MILLION, type Pay, type SealedJob } from './job-document.js'

export interface JobResult {
  /** The model of the job. */
  readonly model: CID
  /** The final block that proves it. */
  readonly block: CID
  /** Rounds of training that it took. */
  readonly rounds: number
  /** In millionths: of the members' measurements the middle one, of two the worse. */
  readonly metric: bigint
  /** One per member, in the order of the manifest. */
  readonly weights: readonly bigint[]
  /** Members whose entries are grounds for a verdict. */
  readonly freeRiders: readonly FreeRider[]
  readonly contributions: readonly MemberContribution[]
}

export interface FreeRider {
  readonly peerId: string
  readonly contribution: MemberContribution
}

export interface JudgedRound {
  readonly run: Run
  readonly job: SealedJob
  /** Final blocks from the first on, the judged one last. */
  readonly chain: readonly Block[]
  /** The ledger of a member up to the entry that the judged block names, oldest first. */
  readonly ledgers: ReadonlyMap<string, readonly SignedEntry[]>
}

/** Members whose ledgers a block is judged by: those whose models its author had, and whose entries it names. */
export function judgesOf(block: Block, run: Run): { readonly peerId: string; readonly entry: CID }[] {
  const present = new Set(block.body.candidates.map(({ member }) => member))
  return block.body.heads
    .filter(({ member }) => present.has(member))
    .map(({ member, entry }) => ({ peerId: run.manifest.members[member]!, entry }))
}

/**
 * The result that a final block shows: once the target is reached, or no more rounds are paid for. Undefined before, and
 * where fewer than two thirds of the members have measured the model.
 */
export function resultAt({ run, job, chain, ledgers }: JudgedRound): JobResult | undefined {
  const judged = chain.at(-1)!
  const rounds = judged.body.round - 1
  if (rounds < 1 || rounds > job.mostRounds) return undefined
  const model = chain.find(({ body }) => body.round === rounds - 1)?.body.aggregate
  if (model === undefined) return undefined
  const { better, value } = job.document.target
  const measured = measurements(ledgers, rounds, model)
  if (3 * measured.length < 2 * run.manifest.members.length) return undefined
  const metric = cautiousMedian(measured, better)
  const isReached = better === 'higher' ? metric >= value : metric <= value
  if (!isReached && rounds < job.mostRounds) return undefined
  const entries = [...ledgers.values()].flat().map(({ body }) => body)
  const contributions = contributionsOf(entries, run.manifest.members)
  return {
    model,
    block: judged.cid,
    rounds,
    metric: BigInt(Math.round(metric * MILLION)),
    weights: weightsOf(job.document.pay, { run, job, chain, ledgers }, contributions),
    freeRiders: contributions
      .filter(isFreeRider)
      .map((contribution) => ({ peerId: contribution.peer, contribution })),
    contributions,
  }
}

/** Weights are whole numbers: gains of loss in billionths. */
const GAIN_UNITS = 1e9

/** What the members measured of the model with which a round began. */
function measurements(
  ledgers: ReadonlyMap<string, readonly SignedEntry[]>,
  round: number,
  model: CID,
): number[] {
  return [...ledgers.values()].flatMap((entries) => {
    const { body } = entries.find((entry) => entry.body.round === round) ?? {}
    if (body === undefined || !body.start.equals(model)) return []
    const metric = body.contribution?.start.metric
    return typeof metric === 'number' ? [metric] : []
  })
}

/** The middle value; of two the one that is worse for those who are paid. */
function cautiousMedian(values: readonly number[], better: 'higher' | 'lower'): number {
  const worstFirst = [...values].sort((a, b) => (better === 'higher' ? a - b : b - a))
  return worstFirst[(values.length - 1) >> 1]!
}

/**
 * Shares of the pay. Free riders get none, and members that took no part. If that leaves nobody, all who took part get the
 * same.
 */
function weightsOf(
  pay: Pay,
  { run, chain, ledgers }: JudgedRound,
  contributions: readonly MemberContribution[],
): bigint[] {
  const taken = roundsWithModels(chain, run)
  const riders = new Set(contributions.filter(isFreeRider).map(({ peer }) => peer))
  const weights = run.manifest.members.map((peerId, member) => {
    if (riders.has(peerId) || !ledgers.has(peerId)) return 0n
    if (pay === 'equal') return BigInt(taken[member]!)
    if (pay === 'samples') return samplesOf(ledgers.get(peerId)!, run)
    return BigInt(Math.max(0, Math.round((contributions[member]!.gain ?? 0) * GAIN_UNITS)))
  })
  return weights.some((weight) => weight > 0n) ? weights : taken.map(BigInt)
}

/** In how many of the blocks each member's model was. */
function roundsWithModels(chain: readonly Block[], run: Run): number[] {
  const rounds = run.manifest.members.map(() => 0)
  for (const { body } of chain) for (const { member } of body.candidates) rounds[member]! += 1
  return rounds
}

/** Samples that a member has trained on, as its entries say. */
function samplesOf(entries: readonly SignedEntry[], { manifest }: Run): bigint {
  const steps = entries.reduce((sum, { body }) => sum + body.localSteps, 0)
  return BigInt(steps) * BigInt(manifest.training.batchSize)
}
