import { type Estimate, estimate } from '../measures/bootstrap.js'
import type { Inversion, Recovery, View } from './inversion.js'

/** What was recovered from one view of one kind of round, over its seeds. */
export interface InversionSummary extends Pick<Inversion, 'model' | 'steps' | 'batchSize' | 'warmUp'> {
  readonly view: View | 'distances'
  /**
   * Whose labels and images are meant: the victim's, those of anybody but the members that work together, or those that the nearest
   * pair have in common.
   */
  readonly of: 'victim' | 'group' | 'pair'
  readonly labels: Estimate | null
  readonly labelChance: Estimate | null
  readonly matched: Estimate | null
  readonly chance: Estimate | null
  readonly recovered: Estimate | null
  readonly decoysRecovered: Estimate | null
}

/** One entry per kind of round, in the order of the results, and view. */
export function summariseInversions(results: readonly Inversion[]): InversionSummary[] {
  const kinds = new Map<string, Inversion[]>()
  for (const result of results) {
    const { model, steps, batchSize, warmUp } = result
    const key = JSON.stringify([model, steps, batchSize, warmUp])
    kinds.set(key, [...(kinds.get(key) ?? []), result])
  }
  return [...kinds.values()].flatMap((seeds) => [
    summary(seeds, 'update', 'victim'),
    summary(seeds, 'shares', 'victim'),
    ofPairs(seeds),
    summary(seeds, 'sum', 'victim'),
    summary(seeds, 'sum', 'group'),
  ])
}

/** Distances show no images. */
function ofPairs(seeds: readonly Inversion[]): InversionSummary {
  const { model, steps, batchSize, warmUp } = seeds[0] as Inversion
  return {
    ...{ model, steps, batchSize, warmUp, view: 'distances', of: 'pair' },
    labels: estimate(seeds.map(({ nearestPair }) => nearestPair.labels)),
    labelChance: estimate(seeds.map(({ nearestPair }) => nearestPair.labelChance)),
    ...{ matched: null, chance: null, recovered: null, decoysRecovered: null },
  }
}

function summary(seeds: readonly Inversion[], view: View, of: 'victim' | 'group'): InversionSummary {
  const { model, steps, batchSize, warmUp } = seeds[0] as Inversion
  const over = (name: Exclude<keyof Recovery, 'reconstructions'>): Estimate | null =>
    estimate(seeds.map(({ victim, group }) => (of === 'group' ? group : victim[view])[name]))
  return {
    ...{ model, steps, batchSize, warmUp, view, of },
    labels: over('labels'),
    labelChance: over('labelChance'),
    matched: over('matched'),
    chance: over('chance'),
    recovered: over('recovered'),
    decoysRecovered: over('decoysRecovered'),
  }
}
