import { createRng } from '@tempered/robust-agg/rng'
import type { Metric } from '@tempered/train'
import type { CellReply } from '../matrix/cell-messages.js'
import { mean } from '../measures/statistics.js'
import type { ScenarioInput } from '../scenario/schema.js'
import {
  type Candidate,
  candidateText,
  type IsPossible,
  openingCandidates,
  vary,
  withCandidate,
} from './attack-candidates.js'
import { harmOf } from './harm.js'

/**
 * Search for the attack that does most harm to a rule in the running system. It tries every attack once with its
 * default parameters, then variations of the most harmful ones in ever smaller steps, then the most harmful few again
 * over all seeds. A run is one cell, as in a matrix. The result is a lower bound on the worst case.
 */
export interface AttackSearchInit {
  /** Scenario without adversaries; its rule is under attack. */
  readonly base: ScenarioInput
  /** By which harm is judged: the first metric of the scenario's task. */
  readonly metric: Metric
  /** Default: every attack. */
  readonly isPossible?: IsPossible
  /** Share of attacking nodes, in (0, 1). */
  readonly fraction: number
  /** Total number of runs, at least 1. */
  readonly budget: number
  /** The search uses the first seed; the final ranking uses all. */
  readonly seeds: readonly number[]
  readonly rounds: number
  /** Runs one cell; never rejects. */
  runCell(scenario: ScenarioInput): Promise<CellReply>
  /** Number of runs at the same time. */
  readonly parallel: number
  onTrial(tried: Trial, progress: { readonly runs: number; readonly budget: number }): void
}

/** The result of one run of a candidate. */
export interface Trial {
  readonly candidate: Candidate
  readonly text: string
  readonly seed: number
  /**
   * Harm to the worst honest node after the last round: its test error, or what `harmOf` says of another metric; null
   * when the run failed.
   */
  readonly harm: number | null
  readonly error?: string
}

export interface RankedAttack {
  readonly candidate: Candidate
  readonly text: string
  /** Mean over the seeds that were run. */
  readonly harm: number
  readonly seeds: number
}

/** Number of the most harmful candidates that are varied, and confirmed on all seeds. */
const BEAM = 4
/** Share of the budget that is kept for confirming. */
const CONFIRMING = 0.25
/** First step of the variations, as a factor. */
const REACH = 8

/**
 * Number of attacks that a budget can try once with default parameters. The rest of the budget is kept for confirming.
 */
export function openingRuns(budget: number, isPossible?: IsPossible): number {
  return Math.min(openingCandidates(isPossible).length, Math.max(1, budget - Math.ceil(CONFIRMING * budget)))
}

/** Most harmful first; candidates that ran on more seeds come before others. */
export async function searchWorstAttack(init: AttackSearchInit): Promise<readonly RankedAttack[]> {
  const { base, fraction, budget, seeds, rounds, parallel, metric, isPossible } = init
  const rng = createRng(seeds[0]!, 'attack-search')
  const tried = new Map<string, Trial[]>()
  let runs = 0

  const run = async (candidate: Candidate, seed: number): Promise<void> => {
    const text = candidateText(candidate)
    if (tried.get(text)?.some((one) => one.seed === seed) || runs >= budget) return
    runs += 1
    const reply = await init.runCell({ ...withCandidate(base, fraction, candidate), seed })
    const result: Trial =
      'error' in reply
        ? { candidate, text, seed, harm: null, error: `${reply.error.code}: ${reply.error.message}` }
        : { candidate, text, seed, harm: harmOf(metric, reply.measures) }
    tried.set(text, [...(tried.get(text) ?? []), result])
    init.onTrial(result, { runs, budget })
  }
  const runAll = async (jobs: readonly (readonly [Candidate, number])[]): Promise<void> => {
    const queue = [...jobs]
    const work = async (): Promise<void> => {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) await run(...job)
    }
    await Promise.all(Array.from({ length: parallel }, work))
  }

  const [first] = seeds as [number]
  const kept = Math.ceil(CONFIRMING * budget)
  const opening = openingCandidates(isPossible).slice(0, openingRuns(budget, isPossible))
  await runAll(opening.map((candidate) => [candidate, first] as const))
  let reach = REACH
  // A variation that was tried before costs nothing, so generations are bounded as well.
  for (let generation = 0; generation < budget && runs < budget - kept; generation++) {
    const parents = ranking(tried).slice(0, BEAM)
    if (parents.length === 0) break
    const room = Math.min(2 * BEAM, budget - kept - runs)
    const children = Array.from({ length: room }, (_, k) =>
      vary(parents[k % parents.length]!.candidate, rounds, reach, rng),
    )
    await runAll(children.map((candidate) => [candidate, first] as const))
    reach = Math.max(1.25, Math.sqrt(reach))
  }
  const worst = ranking(tried).slice(0, BEAM)
  await runAll(seeds.flatMap((seed) => worst.map(({ candidate }) => [candidate, seed] as const)))
  return ranking(tried)
}

function ranking(tried: ReadonlyMap<string, readonly Trial[]>): RankedAttack[] {
  const found = [...tried.values()].flatMap((all): RankedAttack[] => {
    const harms = all.flatMap(({ harm }) => harm ?? [])
    const harm = mean(harms)
    return harm === null
      ? []
      : [{ candidate: all[0]!.candidate, text: all[0]!.text, harm, seeds: harms.length }]
  })
  return found.sort((a, b) => b.seeds - a.seeds || b.harm - a.harm)
}
