import { describe, expect, test } from 'vitest'
import { createRule } from '../../../src/index.js'
import {
  bridges,
  createTopology,
  fiedlerVector,
  lazyWeights,
  metropolisWeights,
  preflight,
  uniformWeights,
} from '../../../src/topology/index.js'

describe('new shapes', () => {
  test('two-worlds: the published 26 nodes, 8 cross edges each', () => {
    const worlds = createTopology({ name: 'two-worlds' }, 26, 1)
    for (let i = 0; i < 26; i++) expect(worlds.neighbours(i).length).toBe(12 + 8)
    expect(worlds.edges.filter(([a, b]) => a < 13 && b >= 13).length).toBe(13 * 8)
    expect(() => createTopology({ name: 'two-worlds' }, 7, 1)).toThrow(/even/)
  })

  test('malicious-ring: five honest with two attackers each', () => {
    const ring = createTopology({ name: 'malicious-ring' }, 15, 1)
    for (let i = 0; i < 5; i++)
      expect(ring.neighbours(i).filter((j) => j >= 5)).toEqual([5 + 2 * i, 6 + 2 * i])
    for (let j = 5; j < 15; j++) expect(ring.neighbours(j).length).toBe(1)
    expect(() => createTopology({ name: 'malicious-ring' }, 16, 1)).toThrow(/malicious/)
  })

  test('small-world: n·k/2 edges, connected, the lattice for p = 0', () => {
    for (const p of [0, 0.3, 1]) {
      const world = createTopology({ name: 'small-world', params: { k: 4, p } }, 20, 7)
      expect(world.edges.length).toBe(40)
      expect(world.isConnected).toBe(true)
      if (p === 0) expect(world.neighbours(0)).toEqual([1, 2, 18, 19])
    }
    expect(() => createTopology({ name: 'small-world', params: { k: 3 } }, 20, 7)).toThrow(/even/)
  })
})

describe('mixing weights', () => {
  const star = createTopology({ name: 'star' }, 5, 1)
  test('lazy: half the Metropolis step; uniform: 1/(deg + 1); rows sum to 1', () => {
    for (const weights of [lazyWeights(star), uniformWeights(star)]) {
      for (const { own, neighbours } of weights) {
        expect(neighbours.reduce((sum, weight) => sum + weight, own)).toBeCloseTo(1, 12)
      }
    }
    expect(lazyWeights(star)[1].neighbours[0]).toBe(metropolisWeights(star)[1].neighbours[0] / 2)
    expect(uniformWeights(star)[0].own).toBe(1 / 5)
    expect(uniformWeights(star)[1].own).toBe(1 / 2)
  })
})

describe('structure', () => {
  test('the bridge of a dumbbell, all edges of a tree, none of a ring', () => {
    expect(bridges(createTopology({ name: 'dumbbell' }, 8, 1))).toEqual([[3, 4]])
    expect(bridges(createTopology({ name: 'star' }, 5, 1)).length).toBe(4)
    expect(bridges(createTopology({ name: 'ring' }, 5, 1))).toEqual([])
    // Without node 2 the ring 0–1–2–3–4 is a path.
    expect(bridges(createTopology({ name: 'ring' }, 5, 1), [0, 1, 3, 4])).toEqual([
      [0, 1],
      [0, 4],
      [3, 4],
    ])
  })

  test('the Fiedler vector of a path is a half cosine, and tells the halves of a dumbbell apart', () => {
    const n = 6
    const edges = Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const)
    const vector = fiedlerVector(createTopology({ name: 'custom', edges }, n, 1))
    const expected = Array.from({ length: n }, (_, i) => Math.cos((Math.PI * (i + 0.5)) / n))
    const length = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0))
    const sign = Math.sign(vector[0])
    vector.forEach((value, i) => {
      expect(sign * value).toBeCloseTo(expected[i] / length, 8)
    })
    const sides = Array.from(fiedlerVector(createTopology({ name: 'dumbbell' }, 8, 1)), Math.sign)
    expect(new Set(sides.slice(0, 4)).size).toBe(1)
    expect(sides[0]).toBe(-sides[7])
  })
})

describe('preflight', () => {
  test('counts per rule on a complete graph', () => {
    const complete = createTopology({ name: 'complete' }, 10, 1)
    const everywhere = (name: string, params = {}) =>
      preflight(complete, createRule(name, params)).toleratedEverywhere
    expect(everywhere('average')).toBe(0)
    expect(everywhere('krum')).toBe(3)
    expect(everywhere('median')).toBe(4)
    expect(everywhere('bulyan')).toBe(1)
    expect(everywhere('trimmed-mean', { f: 2 })).toBe(2)
    expect(everywhere('cs-plus', { b: 0.25 })).toBe(2)
    expect(everywhere('balance')).toBeNull()
  })

  test('a pre-aggregator bounds the count too', () => {
    const complete = createTopology({ name: 'complete' }, 10, 1)
    const rule = createRule('median', {}, { pre: [{ name: 'bucketing', params: { s: 2 } }] })
    expect(preflight(complete, rule).toleratedEverywhere).toBe(2)
    const mixed = createRule('krum', {}, { pre: [{ name: 'nnm', params: { f: 1 } }] })
    expect(preflight(complete, mixed).toleratedEverywhere).toBe(1)
  })

  test('a ring with one attacker: its neighbours are unsafe under krum, the honest path has bridges', () => {
    const ring = createTopology({ name: 'ring' }, 6, 1)
    const report = preflight(ring, createRule('krum', { f: 1 }), { byzantine: [2] })
    expect(report.nodes.map(({ node }) => node)).toEqual([0, 1, 3, 4, 5])
    expect(report.nodes.every(({ works }) => !works)).toBe(true)
    const median = preflight(ring, createRule('median'), { byzantine: [2, 3] })
    expect(median.nodes.map(({ safe }) => safe)).toEqual([true, true, true, true])
    expect(median.honestConnected).toBe(true)
    expect(preflight(ring, createRule('median'), { byzantine: [2, 4] }).honestConnected).toBe(false)
    expect(
      preflight(ring, createRule('median'), { byzantine: [1, 3] }).nodes.find(({ node }) => node === 2),
    ).toEqual({
      node: 2,
      neighbours: 2,
      byzantineNeighbours: 2,
      tolerated: 1,
      works: true,
      safe: false,
    })
  })

  test('a dumbbell: bridge, bottleneck, and an edge across', () => {
    const dumbbell = createTopology({ name: 'dumbbell' }, 8, 1)
    const report = preflight(dumbbell, createRule('balance'))
    expect(report.bridges).toEqual([[3, 4]])
    expect(report.bottleneck).toEqual([[3, 4]])
    const [a, b] = report.addEdge ?? [0, 0]
    expect([a < 4, b >= 4]).toEqual([true, true])
    expect(preflight(createTopology({ name: 'complete' }, 4, 1), createRule('balance')).addEdge).toBeNull()
  })
})
