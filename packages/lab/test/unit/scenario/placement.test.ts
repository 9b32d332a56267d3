import { createTopology } from '@tempered/robust-agg/topology'
import { describe, expect, it } from 'vitest'
import { betweenness } from '../../../src/scenario/betweenness.js'
import { type PlacementInput, placeAdversaries } from '../../../src/scenario/placement.js'

const place = (
  topology: { name: string; params?: Record<string, number> },
  nodes: number,
  adversaries: PlacementInput['adversaries'],
  seed = 1,
) => {
  const { entryOf, problems } = placeAdversaries({
    nodes,
    seed,
    adversaries,
    topology: createTopology(topology, nodes, seed),
  })
  return { attackers: [...entryOf.keys()].sort((a, b) => a - b), entryOf, problems }
}

describe('placeAdversaries', () => {
  it('draws from the seed', () => {
    const at = (seed: number) => place({ name: 'ring' }, 50, [{ fraction: 0.2 }], seed).attackers
    expect(at(1)).toHaveLength(10)
    expect(at(1)).toEqual(at(1))
    expect(at(1)).not.toEqual(at(2))
  })

  it('rounds a fraction, and takes at least one', () => {
    expect(place({ name: 'ring' }, 10, [{ fraction: 0.26 }]).attackers).toHaveLength(3)
    expect(place({ name: 'ring' }, 10, [{ fraction: 0.01 }]).attackers).toHaveLength(1)
  })

  it('gives named nodes first, whatever the order of the file', () => {
    const { attackers, entryOf } = place({ name: 'ring' }, 4, [{ count: 3 }, { nodes: [2] }])
    expect(attackers).toEqual([0, 1, 2, 3])
    expect(entryOf.get(2)).toBe(1)
  })

  it('one-per-neighbourhood leaves no honest node with two attackers where that is possible', () => {
    for (const seed of [1, 2, 3]) {
      const { attackers } = place(
        { name: 'ring' },
        30,
        [{ count: 7, placement: 'one-per-neighbourhood' }],
        seed,
      )
      const graph = createTopology({ name: 'ring' }, 30, seed)
      const crowds = Array.from({ length: 30 }, (_, node) => node)
        .filter((node) => !attackers.includes(node))
        .map((node) => graph.neighbours(node).filter((other) => attackers.includes(other)).length)
      expect(Math.max(...crowds)).toBe(1)
    }
  })

  it('worst-position takes the bridge of a dumbbell and the hub of a star', () => {
    expect(place({ name: 'dumbbell' }, 10, [{ count: 1, placement: 'worst-position' }]).attackers).toSatisfy(
      ([only]: number[]) => only === 4 || only === 5,
    )
    expect(place({ name: 'star' }, 7, [{ count: 1, placement: 'worst-position' }]).attackers).toEqual([0])
  })

  it('tells every contradiction, with its place', () => {
    const { problems } = place({ name: 'ring' }, 4, [{ nodes: [1, 9, 1] }, { nodes: [1] }, { count: 4 }])
    expect(problems.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
      'adversaries.0.nodes.1: node 9 is not among the 4 nodes (0 … 3)',
      'adversaries.0.nodes.2: node 1 is named twice',
      'adversaries.1.nodes.0: node 1 is given two attacks; adversaries.0 has it too',
      'adversaries.2.count: 4 attackers, but only 3 of 4 nodes are left',
    ])
  })
})

describe('betweenness', () => {
  it('counts shortest paths through a node, both ways', () => {
    const path = createTopology(
      {
        name: 'custom',
        edges: [
          [0, 1],
          [1, 2],
          [2, 3],
        ],
      },
      4,
      1,
    )
    expect([...betweenness(path, new Set([0, 1, 2, 3]))]).toEqual([0, 4, 4, 0])
    expect([...betweenness(path, new Set([0, 1, 2]))]).toEqual([0, 2, 0, 0])
    const square = createTopology({ name: 'ring' }, 4, 1)
    expect([...betweenness(square, new Set([0, 1, 2, 3]))]).toEqual([1, 1, 1, 1])
  })
})
