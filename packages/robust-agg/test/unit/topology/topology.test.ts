import { describe, expect, test } from 'vitest'
import { isRobustAggError } from '../../../src/index.js'
import {
  connectedParts,
  createTopology,
  fiedlerVector,
  listTopologies,
  MAX_NODES,
  metropolisWeights,
  spectralGap,
  type TopologySpec,
} from '../../../src/topology/index.js'

function errorOf(spec: TopologySpec, n: number): unknown {
  try {
    createTopology(spec, n, 1)
  } catch (error) {
    return error
  }
  return undefined
}

const degrees = (spec: TopologySpec, n: number, seed = 1) => {
  const topology = createTopology(spec, n, seed)
  return Array.from({ length: n }, (_, i) => topology.neighbours(i).length)
}

describe('connectedParts', () => {
  test('lists the parts by their first nodes', () => {
    const edges: [number, number][] = [
      [3, 1],
      [0, 4],
    ]
    const graph = createTopology({ name: 'custom', edges }, 6, 1)
    expect(connectedParts(graph)).toEqual([[0, 4], [1, 3], [2], [5]])
    expect(connectedParts(createTopology({ name: 'ring' }, 5, 1))).toEqual([[0, 1, 2, 3, 4]])
  })
})

describe('shapes', () => {
  test('ring', () => {
    const ring = createTopology({ name: 'ring' }, 5, 1)
    expect(ring.edges).toEqual([
      [0, 1],
      [0, 4],
      [1, 2],
      [2, 3],
      [3, 4],
    ])
    expect(ring.neighbours(0)).toEqual([1, 4])
    expect(createTopology({ name: 'ring' }, 2, 1).edges).toEqual([[0, 1]])
    expect(createTopology({ name: 'ring' }, 1, 1)).toMatchObject({ edges: [], isConnected: true })
  })

  test('complete and star', () => {
    expect(createTopology({ name: 'complete' }, 6, 1).edges.length).toBe(15)
    expect(degrees({ name: 'star' }, 5)).toEqual([4, 1, 1, 1, 1])
  })

  test('torus: four neighbours each', () => {
    expect(new Set(degrees({ name: 'torus' }, 12))).toEqual(new Set([4]))
    expect(new Set(degrees({ name: 'torus', params: { rows: 3 } }, 15))).toEqual(new Set([4]))
    expect(isRobustAggError(errorOf({ name: 'torus' }, 7), 'E_TOPOLOGY')).toBe(true)
    expect(isRobustAggError(errorOf({ name: 'torus', params: { rows: 4 } }, 18), 'E_TOPOLOGY')).toBe(true)
  })

  test('dumbbell: two cliques and one bridge', () => {
    const dumbbell = createTopology({ name: 'dumbbell' }, 7, 1)
    expect(dumbbell.edges.length).toBe(6 + 3 + 1)
    expect(dumbbell.edges.filter(([a, b]) => a < 4 && b >= 4)).toEqual([[3, 4]])
    expect(isRobustAggError(errorOf({ name: 'dumbbell', params: { left: 7 } }, 7), 'E_TOPOLOGY')).toBe(true)
  })

  test('custom: sorted, deduplicated, may fall apart', () => {
    const custom = createTopology(
      {
        name: 'custom',
        edges: [
          [3, 2],
          [1, 0],
          [0, 1],
        ],
      },
      4,
      1,
    )
    expect(custom.edges).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(custom.isConnected).toBe(false)
    for (const edge of [[0, 4] as const, [-1, 0] as const, [0.5, 1] as const, [1, 1] as const]) {
      expect(isRobustAggError(errorOf({ name: 'custom', edges: [edge] }, 4), 'E_TOPOLOGY')).toBe(true)
    }
    expect(isRobustAggError(errorOf({ name: 'custom' }, 4), 'E_TOPOLOGY')).toBe(true)
    expect(isRobustAggError(errorOf({ name: 'ring', edges: [[0, 1]] }, 4), 'E_TOPOLOGY')).toBe(true)
  })

  test('neighbours(i) refuses a node that does not exist', () => {
    expect(() => createTopology({ name: 'ring' }, 3, 1).neighbours(3)).toThrow(/no node 3/)
  })
})

describe('random graphs', () => {
  test.each([
    [2, 1],
    [6, 3],
    [10, 2],
    [10, 4],
    [11, 8],
    [20, 19],
    [50, 6],
    [64, 40],
  ])('k-regular on %i nodes, k = %i: regular, connected, simple', (n, k) => {
    for (let seed = 0; seed < 5; seed++) {
      const topology = createTopology({ name: 'k-regular', params: { k } }, n, seed)
      expect(new Set(Array.from({ length: n }, (_, i) => topology.neighbours(i).length))).toEqual(
        new Set([k]),
      )
      expect(topology.isConnected).toBe(true)
      expect(topology.edges.length).toBe((n * k) / 2)
    }
  })

  test('the seed decides', () => {
    for (const spec of [
      { name: 'k-regular', params: { k: 4 } },
      { name: 'erdos-renyi', params: { p: 0.3 } },
    ]) {
      const edges = (seed: number | string) => JSON.stringify(createTopology(spec, 20, seed).edges)
      expect(edges(1)).toBe(edges(1))
      expect(edges(1)).not.toBe(edges(2))
      expect(edges('1')).not.toBe(edges(1))
    }
  })

  test('a fixed graph, the same on every machine', () => {
    const { edges } = createTopology({ name: 'k-regular', params: { k: 3 } }, 6, 42)
    expect(JSON.stringify(edges)).toBe('[[0,1],[0,2],[0,5],[1,4],[1,5],[2,3],[2,4],[3,4],[3,5]]')
  })

  test.each([
    ['k = n', { k: 5 }, 5],
    ['odd n·k', { k: 3 }, 5],
    ['k = 1 for more than two', { k: 1 }, 6],
    ['k = 0', { k: 0 }, 4],
  ])('k-regular: %s is impossible', (_name, params, n) => {
    expect(isRobustAggError(errorOf({ name: 'k-regular', params }, n), 'E_TOPOLOGY')).toBe(true)
  })

  test('erdos-renyi: about p·n(n−1)/2 edges, connected; too small a p is a typed error', () => {
    let edges = 0
    for (let seed = 0; seed < 40; seed++) {
      const topology = createTopology({ name: 'erdos-renyi', params: { p: 0.4 } }, 20, seed)
      expect(topology.isConnected).toBe(true)
      edges += topology.edges.length
    }
    expect(Math.abs(edges / 40 - 76)).toBeLessThan(5)
    expect(isRobustAggError(errorOf({ name: 'erdos-renyi', params: { p: 0 } }, 5), 'E_TOPOLOGY')).toBe(true)
    expect(createTopology({ name: 'erdos-renyi', params: { p: 1 } }, 5, 1).edges.length).toBe(10)
  })
})

describe('every topology', () => {
  const specs: TopologySpec[] = listTopologies().map(({ name }) => ({
    name,
    ...(name === 'k-regular' ? { params: { k: 4 } } : {}),
    ...(name === 'erdos-renyi' ? { params: { p: 0.5 } } : {}),
    ...(name === 'custom' ? { edges: [[0, 1] as const] } : {}),
  }))

  test.each(specs)(
    '$name: edges and neighbours agree and are sorted; Metropolis weights are doubly stochastic',
    (spec) => {
      const n = 12
      const topology = createTopology(spec, n, 3)
      const fromEdges = Array.from({ length: n }, () => [] as number[])
      let last = -1
      for (const [a, b] of topology.edges) {
        expect(a).toBeLessThan(b)
        expect(a * n + b).toBeGreaterThan(last)
        last = a * n + b
        fromEdges[a].push(b)
        fromEdges[b].push(a)
      }
      fromEdges.forEach((list, i) => {
        expect(topology.neighbours(i)).toEqual(list.sort((x, y) => x - y))
      })
      const weights = metropolisWeights(topology)
      const columns = new Array<number>(n).fill(0)
      weights.forEach(({ own, neighbours }, i) => {
        expect(own).toBeGreaterThan(0)
        expect(neighbours.reduce((sum, weight) => sum + weight, own)).toBeCloseTo(1, 12)
        columns[i] += own
        topology.neighbours(i).forEach((j, k) => {
          columns[j] += neighbours[k]
          expect(neighbours[k]).toBe(weights[j].neighbours[topology.neighbours(j).indexOf(i)])
        })
      })
      for (const sum of columns) expect(sum).toBeCloseTo(1, 12)
    },
  )

  test('errors are typed', () => {
    const unknown = errorOf({ name: 'rign' }, 4)
    expect(isRobustAggError(unknown, 'E_UNKNOWN_TOPOLOGY') && unknown.details.nearest).toBe('ring')
    expect(isRobustAggError(errorOf({ name: 'ring', params: { k: 2 } }, 4), 'E_UNKNOWN_PARAMETER')).toBe(true)
    expect(isRobustAggError(errorOf({ name: 'k-regular' }, 4), 'E_MISSING_PARAMETER')).toBe(true)
    for (const n of [0, 1.5, -1, MAX_NODES + 1, Number.NaN]) {
      expect(isRobustAggError(errorOf({ name: 'ring' }, n), 'E_TOPOLOGY')).toBe(true)
    }
    expect(createTopology({ name: 'ring' }, MAX_NODES, 1).n).toBe(MAX_NODES)
    expect(errorOf({ name: 'complete' }, 1100)).toMatchObject({
      code: 'E_TOPOLOGY',
      message: expect.stringContaining('more than 524288 edges'),
    })
  })
})

describe('fiedlerVector of more than 512 nodes', () => {
  const ringOf = (first: number, count: number) =>
    Array.from({ length: count }, (_, k): [number, number] => [first + k, first + ((k + 1) % count)])
  const halvesOf = (edges: [number, number][]): [Set<boolean>, Set<boolean>] => {
    const vector = fiedlerVector(createTopology({ name: 'custom', edges }, 600, 1))
    return [
      new Set([...vector.slice(0, 300)].map((x) => x > 0)),
      new Set([...vector.slice(300)].map((x) => x > 0)),
    ]
  }

  test('separates two rings, connected by one edge or none', () => {
    for (const joint of [[], [[17, 420] as [number, number]]]) {
      const [left, right] = halvesOf([...ringOf(0, 300), ...ringOf(300, 300), ...joint])
      expect([left.size, right.size]).toEqual([1, 1])
      expect([...left][0]).not.toBe([...right][0])
    }
  })

  test('is of length 1, centred, and cuts a ring in two places', () => {
    const vector = fiedlerVector(createTopology({ name: 'ring' }, 600, 1))
    const sum = (of: (x: number) => number): number => vector.reduce((total, x) => total + of(x), 0)
    expect(sum((x) => x)).toBeCloseTo(0, 10)
    expect(sum((x) => x * x)).toBeCloseTo(1, 10)
    expect([...vector].filter((x, k) => x > 0 !== vector[(k + 1) % 600] > 0)).toHaveLength(2)
  })
})

describe('spectralGap', () => {
  test('known values', () => {
    expect(spectralGap(createTopology({ name: 'complete' }, 8, 1))).toBeCloseTo(1, 10)
    // Ring: W = (1 + 2·cos)/3, so λ₂ = (1 + 2·cos(2π/n))/3.
    expect(spectralGap(createTopology({ name: 'ring' }, 10, 1))).toBeCloseTo(
      1 - (1 + 2 * Math.cos((2 * Math.PI) / 10)) / 3,
      10,
    )
    // Complete bipartite 3 + 3: W = (1 + adjacency)/4 has the eigenvalues 1, 1/4 and −1/2, the last one decides.
    const edges = [0, 1, 2].flatMap((a) => [3, 4, 5].map((b) => [a, b] as const))
    expect(spectralGap(createTopology({ name: 'custom', edges }, 6, 1))).toBeCloseTo(0.5, 10)
    const apart = createTopology({ name: 'custom', edges: [[0, 1]] }, 4, 1)
    expect(spectralGap(apart)).toBeCloseTo(0, 10)
    expect(spectralGap(createTopology({ name: 'ring' }, 1, 1))).toBe(1)
  })
})
