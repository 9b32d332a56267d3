import { availableParallelism } from 'node:os'
import { cacheFolder } from '@tempered/train'
import { createCellPool } from '../matrix/cell-pool.js'
import { possibleAttacks, withCandidate } from '../red-team/attack-candidates.js'
import { type RankedAttack, searchWorstAttack, type Trial } from '../red-team/attack-search.js'
import { loadScenarioSource, scenarioTask } from '../scenario/scenario-task.js'
import { type ScenarioInput, scenarioSchema } from '../scenario/schema.js'
import { readScenario } from './read-input.js'

export interface SearchAttackOptions {
  /** Share of attacking nodes, in (0, 1). Default 0.2. */
  readonly fraction?: number
  /** Total number of simulated runs, at least 1. Default 60. */
  readonly budget?: number
  /** The search uses the first seed; the final ranking uses all. Default [1]. */
  readonly seeds?: readonly number[]
  /** Number of runs at the same time. Default: one per core. */
  readonly parallel?: number
  /** Stops the search; the result is what it has found so far. */
  readonly signal?: AbortSignal
  onTrial?(trial: Trial, progress: { readonly runs: number; readonly budget: number }): void
}

export interface AttackSearchResult {
  /** Most harmful first. A lower bound on what an attacker can do. */
  readonly attacks: readonly RankedAttack[]
  /** The scenario with the most harmful attack; undefined when no run finished. */
  readonly worstCase: ScenarioInput | undefined
}

/**
 * Searches for the attack that harms the rule of a scenario most, as `tempered lab attack` does. The scenario's own
 * adversaries, assertions and controls are left out.
 *
 * @param scenario path of a scenario file, or its content as an object
 * @throws LabError E_CONFIG, E_FILE or E_MODULE
 * @example
 * const { attacks } = await searchAttack({ nodes: 10, model: 'softmax', rule: 'median' }, { budget: 20 })
 * console.log(attacks[0].text, attacks[0].harm)
 */
export async function searchAttack(
  scenario: string | ScenarioInput,
  options: SearchAttackOptions = {},
): Promise<AttackSearchResult> {
  const { rules: _, seeds: ownSeeds, ...given } = await readScenario(scenario)
  const source = await loadScenarioSource({ ...given, seeds: ownSeeds }, cacheFolder())
  const { fraction = 0.2, budget = 60, seeds = [1], parallel = availableParallelism() } = options
  const { rounds } = given.training
  const base: ScenarioInput = {
    ...given,
    adversaries: [],
    assertions: [],
    controls: { honest: false, undefended: false, baseline: false },
    // Only the last round counts.
    evaluation: { every: rounds, samples: given.evaluation.samples },
  }
  scenarioSchema.parse(base)
  const pool = createCellPool(parallel)
  const stop = (): void => pool.stop()
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    const attacks = await searchWorstAttack({
      base,
      metric: scenarioTask(given, source).primary,
      isPossible: possibleAttacks(given, source.train),
      fraction,
      budget,
      seeds,
      rounds,
      parallel,
      runCell: (one) => pool.run({ id: '', scenario: one }),
      onTrial: (trial, progress) => options.onTrial?.(trial, progress),
    })
    const [worst] = attacks
    return {
      attacks,
      worstCase: worst === undefined ? undefined : withCandidate(base, fraction, worst.candidate),
    }
  } finally {
    options.signal?.removeEventListener('abort', stop)
    pool.stop()
  }
}
