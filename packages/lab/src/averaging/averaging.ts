import type { Rule } from '@tempered/robust-agg'
import { createSurroundings, type ModelAttack } from '@tempered/robust-agg/attacks'
import { createRng } from '@tempered/robust-agg/rng'
import type { MixingWeights, Topology } from '@tempered/robust-agg/topology'

/** What one attacker sends to one of its neighbours. */
export type Pull =
  | { readonly kind: 'none' }
  /** The same numbers in every round and coordinate, one for each attacker. */
  | { readonly kind: 'constant'; readonly values: readonly number[] }
  | { readonly kind: 'attack'; create(): ModelAttack }

export interface AveragingTask {
  readonly topology: Topology
  /** One entry per node. */
  readonly mixing: readonly MixingWeights[]
  /** Initial vectors of the honest nodes, which come first; all have length d. */
  readonly start: readonly Float32Array[]
  readonly rule: Rule
  readonly pull: Pull
  /** Whether the rule knows which nodes are honest. */
  readonly oracle: boolean
  readonly rounds: number
  readonly seed: number
}

export interface AveragingRound {
  /** Mean over honest nodes of ‖x_i − mean of their starts‖². */
  readonly error: number
  /** Mean over honest nodes of ‖x_i − their mean now‖². */
  readonly disagreement: number
}

/**
 * Runs an averaging task. Attackers see everything and craft a separate vector for each honest neighbour.
 *
 * @returns one entry for the start and one after each round
 */
export function runAveraging(task: AveragingTask): AveragingRound[] {
  const { topology, mixing, start, rule, pull, oracle, rounds, seed } = task
  const honest = start.length
  const byzantine = Array.from({ length: topology.n - honest }, (_, k) => honest + k)
  const surroundings = createSurroundings({ topology, byzantine, mixing })
  const attacks = new Map(pull.kind === 'attack' ? byzantine.map((node) => [node, pull.create()]) : [])
  const seen = Array.from({ length: honest }, (_, k) => k)
  const goal = meanOf(start)
  let held = start
  let last = start
  const measured = [measure(held, goal)]

  const received = (victim: number, from: number, round: number, own: Float32Array): Float32Array => {
    if (from < honest) return held[from]!
    if (pull.kind === 'constant')
      return new Float32Array(goal.length).fill(pull.values[from - honest] ?? Number.NaN)
    return attacks.get(from)!.craft({
      own,
      start: own,
      honest: held,
      round,
      rounds,
      rng: createRng(seed, 'attack', from, victim, round),
      ...surroundings.viewOf({
        attacker: from,
        victim,
        seen,
        model: held[victim]!,
        lastModel: last[victim]!,
      }),
    })
  }

  for (let round = 0; round < rounds; round++) {
    /** What an attacker that trained honestly would hold. */
    const middle = Float32Array.from(meanOf(held))
    const next = held.map((own, node) => {
      const all = topology.neighbours(node).map((from, k) => ({ from, weight: mixing[node]!.neighbours[k]! }))
      const around = pull.kind === 'none' ? all.filter(({ from }) => from < honest) : all
      return rule.aggregate({
        own,
        neighbours: around.map(({ from }) => received(node, from, round, middle)),
        weights: around.map(({ weight }) => weight),
        round,
        rounds,
        ...(oracle ? { honest: around.map(({ from }) => from < honest) } : {}),
      }).vector
    })
    last = held
    held = next
    measured.push(measure(held, goal))
  }
  return measured
}

function measure(held: readonly Float32Array[], goal: Float64Array): AveragingRound {
  return { error: meanSquare(held, goal), disagreement: meanSquare(held, meanOf(held)) }
}

function meanOf(vectors: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(vectors[0]!.length)
  for (const x of vectors) for (let k = 0; k < mean.length; k++) mean[k]! += x[k]! / vectors.length
  return mean
}

function meanSquare(vectors: readonly Float32Array[], centre: Float64Array): number {
  let sum = 0
  for (const x of vectors) for (let k = 0; k < centre.length; k++) sum += (x[k]! - centre[k]!) ** 2
  return sum / vectors.length
}
