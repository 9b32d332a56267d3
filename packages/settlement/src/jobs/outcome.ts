/**
 * The result of a job, computed only from the common chain and the members' ledgers: every member, and anybody who replays
 * the run, gets the same. So members sign it without negotiating.
 *
 * Block r carries the newest entries of the members' ledgers. Their entries of round r − 1 measure the model with which that
 * round began, the aggregate of block r − 2, each on its author's own test data. A final block r thus shows the
 * result of r − 1 rounds of training.
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
import { MILLION, type SealedJob } from './job-document.js'

export interface JobResult {
  /** The model of the job. */
  readonly model: CID
  /** The final block that proves it. */
  readonly block: CID
  /** Number of training rounds. */
  readonly rounds: number
  /** In millionths: the median of the members' measurements, the worse of two; within ±`MOST_METRIC`. */
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
  /** Ledgers of members up to the newest entry that `headsOf` names, oldest first; only those that could be fetched. */
  readonly ledgers: ReadonlyMap<string, readonly SignedEntry[]>
  /** Whether the deadline is near: then the completed rounds are the result. */
  readonly isDue?: boolean
}

/** Blocks whose heads count: the author of one block must not choose who is heard. */
const HEARD_BLOCKS = 3

/** Entries of each member that the newest blocks name, the newest block's first; each once. */
export function headsOf(chain: readonly Block[], run: Run): ReadonlyMap<string, readonly CID[]> {
  const named = new Map<string, CID[]>()
  for (const { body } of chain.slice(-HEARD_BLOCKS).reverse())
    for (const { member, entry } of body.heads) {
      const peerId = run.manifest.members[member]!
      const known = named.get(peerId) ?? []
      if (!known.some((other) => other.equals(entry))) named.set(peerId, [...known, entry])
    }
  return named
}

export function areTwoThirds(count: number, { manifest }: Run): boolean {
  return 3 * count >= 2 * manifest.members.length
}

/**
 * The result that a final block shows: once the target is reached, no more rounds are paid for, or time runs out. Undefined
 * before, and where fewer than two thirds of the members have measured the model.
 */
export function resultAt({ run, job, chain, ledgers, isDue = false }: JudgedRound): JobResult | undefined {
  const judged = chain.at(-1)!
  // A later block shows the last paid round too.
  const rounds = Math.min(judged.body.round - 1, job.mostRounds)
  if (rounds < 1) return undefined
  const model = chain.find(({ body }) => body.round === rounds - 1)?.body.aggregate
  if (model === undefined) return undefined
  const { better, value } = job.document.target
  const measured = measurements(ledgers, rounds, model, better)
  if (!areTwoThirds(measured.length, run)) return undefined
  const metric = cautiousMedian(measured, better)
  const isReached = better === 'higher' ? metric >= value : metric <= value
  if (!isReached && !isDue && rounds < job.mostRounds) return undefined
  const entries = [...ledgers.values()].flat().map(({ body }) => body)
  const contributions = contributionsOf(entries, run.manifest.members)
  const riders = ridersIn(contributions, rounds)
  return {
    model,
    block: judged.cid,
    rounds,
    metric: BigInt(Math.round(metric * MILLION)),
    weights: weightsOf({ run, job, chain, ledgers }, contributions, riders),
    freeRiders: riders.map((contribution) => ({ peerId: contribution.peer, contribution })),
    contributions,
  }
}

/** Weights are whole numbers: gains of loss in billionths. */
const GAIN_UNITS = 1e9
/** Larger than any real decrease of a loss: what is above is an error or a lie. */
const MOST_GAIN = 1_000

/** Minimum number of rounds for a verdict: with fewer, one opinion would be a majority. */
const LEAST_ROUNDS = 3

/**
 * Members that are free riders beyond doubt. More than half of *all* members must say so, not only of those who were heard; or
 * its own entries. And not more than a third of the members: what most of them show is the fault of the job, such as a
 * learning rate with which no model changes.
 */
function ridersIn(contributions: readonly MemberContribution[], rounds: number): MemberContribution[] {
  if (rounds < LEAST_ROUNDS) return []
  const members = contributions.length
  const riders = contributions.filter((one) => {
    const byOthers = 2 * one.flaggedBy > members
    const byItself = isFreeRider({ ...one, scorers: 0, flaggedBy: 0 }) && one.ownRounds >= LEAST_ROUNDS
    return byOthers || byItself
  })
  return 3 * riders.length <= members ? riders : []
}

/** The largest metric, of either sign, that a contract accepts: 64 bits of millionths. */
export const MOST_METRIC = 9e12

/** A metric in millionths, for people. `MOST_METRIC` stands for one that is not finite. */
export function metricText(millionths: bigint): string {
  const value = Number(millionths) / MILLION
  return Math.abs(value) < MOST_METRIC ? String(value) : 'not finite'
}

/** What the members measured for the model with which a round began; values that are not finite count as the worst. */
function measurements(
  ledgers: ReadonlyMap<string, readonly SignedEntry[]>,
  round: number,
  model: CID,
  better: 'higher' | 'lower',
): number[] {
  return [...ledgers.values()].flatMap((entries) => {
    const { body } = entries.find((entry) => entry.body.round === round) ?? {}
    if (body === undefined || !body.start.equals(model)) return []
    const metric = body.contribution?.start.metric
    if (metric === undefined) return []
    if (metric === null) return [better === 'higher' ? -MOST_METRIC : MOST_METRIC]
    return [Math.max(-MOST_METRIC, Math.min(metric, MOST_METRIC))]
  })
}

/** The median; of two middle values the one that is worse for those who are paid. */
function cautiousMedian(values: readonly number[], better: 'higher' | 'lower'): number {
  const worstFirst = [...values].sort((a, b) => (better === 'higher' ? a - b : b - a))
  return worstFirst[(values.length - 1) >> 1]!
}

/** What an entry says of a member whose signatures contradict each other, or that announced something that is no model. */
const QUARANTINED = 'quarantined'

/** Members that more than half of all members have quarantined by their newest entries. */
function outcastsOf(ledgers: JudgedRound['ledgers'], { manifest }: Run): ReadonlySet<string> {
  const votes = new Map<string, number>()
  for (const entries of ledgers.values())
    for (const { peer, reason } of entries.at(-1)?.body.neighbours ?? [])
      if (reason === QUARANTINED) votes.set(peer, (votes.get(peer) ?? 0) + 1)
  return new Set(manifest.members.filter((peer) => 2 * (votes.get(peer) ?? 0) > manifest.members.length))
}

/**
 * Shares of the pay. Free riders, quarantined members and those that took no part get none. If that leaves nobody, the
 * others are paid by the number of rounds in which their models arrived.
 */
function weightsOf(
  { run, job, chain, ledgers }: JudgedRound,
  contributions: readonly MemberContribution[],
  freeRiders: readonly MemberContribution[],
): bigint[] {
  const { pay } = job.document
  const taken = roundsWithModels(chain, run)
  const unpaid = new Set([...freeRiders.map(({ peer }) => peer), ...outcastsOf(ledgers, run)])
  const weights = run.manifest.members.map((peerId, member) => {
    if (unpaid.has(peerId)) return 0n
    if (pay === 'equal') return BigInt(taken[member]!)
    if (pay === 'samples') return samplesOf(ledgers.get(peerId) ?? [], run)
    const gain = Math.min(Math.max(0, contributions[member]!.gain ?? 0), MOST_GAIN)
    return BigInt(Math.round(gain * GAIN_UNITS))
  })
  if (weights.some((weight) => weight > 0n)) return weights
  return taken.map((rounds, member) => (unpaid.has(run.manifest.members[member]!) ? 0n : BigInt(rounds)))
}

/** In how many of the blocks each member's model was. */
function roundsWithModels(chain: readonly Block[], run: Run): number[] {
  const rounds = run.manifest.members.map(() => 0)
  for (const { body } of chain) for (const { member } of body.candidates) rounds[member]! += 1
  return rounds
}

/** Samples that a member has trained on, as its entries say. */
function samplesOf(entries: readonly SignedEntry[], { manifest }: Run): bigint {
  const { localSteps } = manifest.training
  // Steps beyond those of the run are not counted.
  const steps = entries.reduce((sum, { body }) => sum + Math.min(body.localSteps, localSteps), 0)
  return BigInt(steps) * BigInt(manifest.training.batchSize)
}
