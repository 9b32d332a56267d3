/**
 * Adaptive search: given a rule and the honest models, the submission that harms one node most.
 *
 *   maximise ‖aggregate(own; honest neighbours, submission × attackers) − μ‖ over submission = base + s·u
 *
 * Symbols: μ the mean of own and the honest neighbours; bases: μ and own; directions u: against μ, along and against
 * own − μ, the deviation, its sign, each honest model's deviation from μ, and random ones; sizes s: a geometric grid
 * around the spread of the models. All directions are tried at every second size, the most harmful ones at all sizes,
 * then golden-section steps go around the best.
 * Cost: (13·directions + 12·finalists + refinements) runs of the rule.
 * Source: this project; in the spirit of the attacks adapted to a rule of Shejwalkar and Houmansadr, NDSS 2021.
 */

import { type Parameters, parameter } from '../parameters.js'
import { createRng } from '../rng.js'
import type { PreAggregatorSpec, RoundInput, Rule } from '../types.js'
import { unit } from './float64-vectors.js'
import { honestDeviation, honestMean } from './honest-moments.js'
import { createProbe } from './probe.js'
import type { ModelAttackDefinition } from './types.js'

export interface AdaptiveSearch {
  readonly rule: Rule
  /** The victim's model and those of its honest neighbours. */
  readonly own: Float32Array
  readonly honest: readonly Float32Array[]
  /** How many neighbours send the submission, at least 1. */
  readonly attackers: number
  readonly round: number
  readonly rounds: number
  /** What else the rule needs: previous, evaluator. */
  readonly context?: Pick<RoundInput, 'previous' | 'evaluator'> | undefined
  /** Random directions, and their seed. */
  readonly random?: number | undefined
  readonly seed?: number | undefined
}

/** The worst case as plain data, for JSON. */
export interface AdaptiveFixture {
  readonly rule: string
  readonly params: Parameters
  /** The pre-aggregators before the rule. */
  readonly pre: readonly PreAggregatorSpec[]
  readonly round: number
  readonly rounds: number
  readonly attackers: number
  readonly own: readonly number[]
  readonly honest: readonly (readonly number[])[]
  /** The start of the round's training, if the search had one. */
  readonly previous?: readonly number[]
  readonly submission: readonly number[]
  /** ‖aggregate − μ‖ with the submission, and without any attacker. */
  readonly harm: number
  readonly harmWithout: number
  readonly direction: string
  readonly size: number
}

const GRID = Array.from({ length: 25 }, (_, k) => 2 ** (k - 8))
const [COARSE, BETWEEN] = [GRID.filter((_, k) => k % 2 === 0), GRID.filter((_, k) => k % 2 !== 0)]
/** How many directions are tried at all sizes. */
const FINALISTS = 6
const REFINEMENTS = 24

type Direction = readonly [name: string, base: ArrayLike<number>, along: Float64Array]

function directionsOf(
  search: Pick<AdaptiveSearch, 'own' | 'honest' | 'random' | 'seed'>,
  mean: Float64Array,
  deviation: Float64Array,
): Direction[] {
  const { own, honest } = search
  const rng = createRng(search.seed ?? 0, 'adaptive')
  const named: [string, Float64Array][] = [
    ['against the mean', mean.map((value) => -value)],
    ['own − mean', mean.map((value, k) => own[k] - value)],
    ['mean − own', mean.map((value, k) => value - own[k])],
    ['−deviation', deviation.map((value) => -value)],
    ['−sign of the mean', mean.map((value) => -Math.sign(value))],
    ...honest.map((x, j): [string, Float64Array] => [
      `honest ${j} − mean`,
      mean.map((value, k) => x[k] - value),
    ]),
    ...Array.from({ length: search.random ?? 4 }, (_, j): [string, Float64Array] => [
      `random ${j}`,
      mean.map(() => rng.normal()),
    ]),
  ]
  return named.flatMap(([name, raw]) => {
    const along = unit(raw)
    if (along === null) return []
    return [[`from the mean, ${name}`, mean, along] as const, [`from own, ${name}`, own, along] as const]
  })
}

/** The round that a fixture describes, ready for `aggregate`. */
export function fixtureInput(fixture: AdaptiveFixture): RoundInput {
  const submission = Float32Array.from(fixture.submission)
  return {
    own: Float32Array.from(fixture.own),
    neighbours: [
      ...fixture.honest.map((row) => Float32Array.from(row)),
      ...Array.from({ length: fixture.attackers }, () => submission),
    ],
    ...(fixture.previous && { previous: Float32Array.from(fixture.previous) }),
    round: fixture.round,
    rounds: fixture.rounds,
  }
}

/** The worst submission and how it was found. */
interface Worst {
  readonly submission: Float32Array
  readonly harm: number
  readonly direction: string
  readonly size: number
}

interface SubmissionSearch {
  /** The victim's model and the honest models, of length d. */
  readonly own: Float32Array
  readonly honest: readonly Float32Array[]
  /** μ and σ of own and the honest models. */
  readonly mean: Float64Array
  readonly deviation: Float64Array
  readonly probe: (submission: Float32Array, out?: Float32Array) => Float32Array
  readonly random: number | undefined
  readonly seed: number | undefined
}

/**
 * Tries all directions and sizes, then refines the best; undefined when all models are equal, so that there is no
 * direction.
 */
function searchSubmission(search: SubmissionSearch): Worst | undefined {
  const { own, mean, deviation, probe } = search
  const spread = Math.sqrt(deviation.reduce((sum, value) => sum + value * value, 0)) || 1
  const out = new Float32Array(own.length)
  const crafted = new Float32Array(own.length)
  const craft = ([, base, along]: Direction, size: number): Float32Array => {
    for (let k = 0; k < crafted.length; k++) crafted[k] = base[k] + size * along[k]
    return crafted
  }
  let best: { direction: Direction; size: number; harm: number } | undefined
  const consider = (direction: Direction, size: number): number => {
    const harm = distanceTo(mean, probe(craft(direction, size), out))
    if (best === undefined || harm > best.harm) best = { direction, size, harm }
    return harm
  }
  const tried = directionsOf(search, mean, deviation).map((direction) => ({
    direction,
    harm: Math.max(...COARSE.map((factor) => consider(direction, factor * spread))),
  }))
  for (const { direction } of tried.toSorted((a, b) => b.harm - a.harm).slice(0, FINALISTS)) {
    for (const factor of BETWEEN) consider(direction, factor * spread)
  }
  if (best === undefined) return undefined
  const { direction } = best
  let [low, high] = [best.size / 2, best.size * 2]
  for (let k = 0; k < REFINEMENTS; k++) {
    const [a, b] = [low + 0.382 * (high - low), low + 0.618 * (high - low)]
    if (consider(direction, a) >= consider(direction, b)) high = b
    else low = a
  }
  const { size, harm } = best
  return { submission: craft(best.direction, size), harm, direction: best.direction[0], size }
}

function distanceTo(mean: Float64Array, x: Float32Array): number {
  let sum = 0
  for (let k = 0; k < mean.length; k++) {
    const difference = x[k] - mean[k]
    sum += difference * difference
  }
  return Math.sqrt(sum)
}

/** Runs the search. Deterministic. Not exhaustive, so its harm is a lower bound of the worst case. */
export function findWorstSubmission(search: AdaptiveSearch): AdaptiveFixture {
  const { rule, own, honest, attackers, round, rounds, context, random, seed } = search
  const mean = honestMean([own, ...honest], own)
  const deviation = honestDeviation([own, ...honest], mean)
  const input = { ...context, own, neighbours: honest, round, rounds }
  const probe = createProbe({ rule, round: input, attackers })
  const harmWithout = distanceTo(mean, rule.aggregate(input, new Float32Array(own.length)).vector)
  const best = searchSubmission({ own, honest, mean, deviation, probe, random, seed })
  const submission = best?.submission ?? own.slice()
  return {
    rule: rule.name,
    params: rule.params,
    pre: rule.pre,
    round,
    rounds,
    attackers,
    own: Array.from(own),
    honest: honest.map((x) => Array.from(x)),
    ...(context?.previous && { previous: Array.from(context.previous) }),
    submission: Array.from(submission),
    harm: best?.harm ?? distanceTo(mean, probe(submission)),
    harmWithout,
    direction: best?.direction ?? 'none',
    size: best?.size ?? 0,
  }
}

/** The search as an attack: repeated in every round, against the model and the rule of its victim. */
export const adaptive: ModelAttackDefinition = {
  info: {
    name: 'adaptive',
    kind: 'model',
    knowledge: 'all',
    formula:
      'argmax ‖aggregate − μ‖ over base + s·u, bases, directions u and sizes s as in `findWorstSubmission`',
    params: [
      parameter({
        name: 'random',
        default: 4,
        min: 0,
        max: 1000,
        integer: true,
        meaning: 'random directions that are tried in addition',
      }),
    ],
    needs: ['victim', 'probe'],
    uses: [],
    withoutHonest: 'own',
    source: 'this project; see Shejwalkar and Houmansadr, NDSS 2021, for attacks adapted to a rule',
  },
  build:
    ({ random }) =>
    ({ own, honest, victim, probe, rng }) => {
      if (probe === undefined) return own.slice()
      const target = victim?.model ?? honest[0] ?? own
      const others = honest.filter((x) => x !== target)
      const mean = honestMean([target, ...others], target)
      const deviation = honestDeviation([target, ...others], mean)
      const seed = rng.integer(2 ** 31)
      return (
        searchSubmission({ own: target, honest: others, mean, deviation, probe, random, seed })?.submission ??
        own.slice()
      )
    },
}
