import { counted } from '@tempered/errors'
import { createRng } from '@tempered/robust-agg/rng'
import type { Topology } from '@tempered/robust-agg/topology'
import type { ScenarioAdversary } from '../adversary/adversary-schema.js'
import type { Problem } from '../documents/problem.js'
import { betweenness } from './betweenness.js'

export interface PlacementInput {
  readonly nodes: number
  readonly seed: number
  readonly adversaries: readonly Pick<ScenarioAdversary, 'nodes' | 'fraction' | 'count' | 'placement'>[]
  readonly topology: Topology
}

export interface Placed {
  /** By index of a node: the index of its entry in `adversaries`. */
  readonly entryOf: ReadonlyMap<number, number>
  readonly problems: readonly Problem[]
}

/**
 * Chooses the attackers. Entries that name their nodes come first, then the others in the order of the file, each among
 * the nodes that are left; draws depend on the seed and on the entry's place alone. Impossible entries become problems,
 * not errors, so that all can be reported at once.
 */
export function placeAdversaries({ nodes, seed, adversaries, topology }: PlacementInput): Placed {
  const entryOf = new Map<number, number>()
  const problems: Problem[] = []
  adversaries.forEach((entry, k) => {
    entry.nodes?.forEach((index, at) => {
      const path = ['adversaries', k, 'nodes', at]
      const taken = entryOf.get(index)
      if (index >= nodes) {
        problems.push({
          path,
          message: `node ${index} is not among the ${counted(nodes, 'node')} (0 … ${nodes - 1})`,
        })
      } else if (taken === k) {
        problems.push({ path, message: `node ${index} is named twice` })
      } else if (taken !== undefined) {
        problems.push({
          path,
          message: `node ${index} is given two attacks; adversaries.${taken} has it too`,
        })
      } else entryOf.set(index, k)
    })
  })
  adversaries.forEach((entry, k) => {
    const wanted = attackerCount(entry, nodes)
    if (wanted === undefined) return
    const free = Array.from({ length: nodes }, (_, index) => index).filter((index) => !entryOf.has(index))
    if (wanted > free.length) {
      const path = ['adversaries', k, entry.count === undefined ? 'fraction' : 'count']
      problems.push({
        path,
        message: `${counted(wanted, 'attacker')}, but only ${free.length} of ${counted(nodes, 'node')} are left`,
      })
      return
    }
    const drawn = createRng(seed, 'placement', k).shuffle(free)
    const place = PLACES[entry.placement ?? 'random']
    for (let left = wanted; left > 0; left--) {
      const candidates = drawn.filter((index) => !entryOf.has(index))
      entryOf.set(place(topology, candidates, new Set(entryOf.keys())), k)
    }
  })
  return { entryOf, problems }
}

/** The number of nodes that an entry asks for; undefined when it lists them. */
function attackerCount(entry: PlacementInput['adversaries'][number], nodes: number): number | undefined {
  if (entry.count !== undefined) return entry.count
  return entry.fraction === undefined ? undefined : Math.max(1, Math.round(entry.fraction * nodes))
}

/** Picks the next attacker from `candidates`, which are in random order; the first of equal ones. */
type Place = (topology: Topology, candidates: readonly number[], taken: ReadonlySet<number>) => number

const PLACES: Readonly<Record<NonNullable<ScenarioAdversary['placement']>, Place>> = {
  random: (_topology, candidates) => candidates[0]!,
  'one-per-neighbourhood': (topology, candidates, taken) => {
    const byzantineNeighbours = Array.from(
      { length: topology.n },
      (_, node) => topology.neighbours(node).filter((other) => taken.has(other)).length,
    )
    // The number of attacking neighbours beyond the first, summed over the honest nodes, that each candidate would add.
    return best(candidates, (index) => {
      const honest = topology.neighbours(index).filter((other) => !taken.has(other))
      const crowded = honest.filter((other) => byzantineNeighbours[other]! > 0).length
      return [Math.max(0, byzantineNeighbours[index]! - 1) - crowded]
    })
  },
  'worst-position': (topology, candidates, taken) => {
    const honest = new Set(Array.from({ length: topology.n }, (_, index) => index))
    for (const index of taken) honest.delete(index)
    const between = betweenness(topology, honest)
    return best(candidates, (index) => [
      // Rounded, so that symmetric nodes get equal scores despite floating-point errors.
      Math.round(between[index]! * 1e6),
      topology.neighbours(index).filter((other) => honest.has(other)).length,
    ])
  },
}

/** The first item whose scores, compared one after the other, are largest. */
function best(items: readonly number[], scoresOf: (item: number) => readonly number[]): number {
  let chosen = items[0]!
  let top = scoresOf(chosen)
  for (const item of items.slice(1)) {
    const scores = scoresOf(item)
    const at = scores.findIndex((score, k) => score !== top[k])
    if (at >= 0 && scores[at]! > top[at]!) {
      chosen = item
      top = scores
    }
  }
  return chosen
}
