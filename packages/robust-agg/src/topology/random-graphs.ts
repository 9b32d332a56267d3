/**
 * Random graphs. The same seed gives the same graph on every machine; a try that fails (stuck, or not
 * connected) is followed by another one from a stream of its own.
 */

import { createRng, type Rng, type RngKey } from '../rng.js'
import { buildTopology, type Edge, type Topology, topologyError } from './graph.js'
import { completeEdges } from './regular-shapes.js'

/** Tries before giving up. */
export const MAX_TRIES = 1000

function firstConnected(
  name: string,
  n: number,
  seed: RngKey,
  draw: (rng: Rng) => Edge[] | null,
  mend: string,
): Topology {
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const edges = draw(createRng(seed, 'topology', name, n, attempt))
    if (edges === null) continue
    const topology = buildTopology(name, n, edges)
    if (topology.isConnected) return topology
  }
  throw topologyError(name, n, `none of ${MAX_TRIES} tries gave a connected graph. ${mend}`)
}

/**
 * Joins random pairs of open ends (k for each node) that make no loop and no double edge, until none are left
 * (Steger & Wormald 1999: asymptotically uniform). Null when the ends left over cannot be joined.
 */
function drawRegular(n: number, k: number, rng: Rng): Edge[] | null {
  const ends = Array.from({ length: n * k }, (_, e) => Math.floor(e / k))
  const joined = new Set<number>()
  const edges: Edge[] = []
  const canJoin = (a: number, b: number): boolean =>
    a !== b && !joined.has(Math.min(a, b) * n + Math.max(a, b))
  const somePairLeft = (): boolean => {
    const nodes = [...new Set(ends)]
    return nodes.some((a, i) => nodes.slice(i + 1).some((b) => canJoin(a, b)))
  }
  let refusals = 0
  while (ends.length > 0) {
    const p = rng.integer(ends.length)
    const q = rng.integer(ends.length)
    const a = ends[p]
    const b = ends[q]
    if (!canJoin(a, b)) {
      refusals++
      if (refusals % 64 === 0 && !somePairLeft()) return null
      continue
    }
    joined.add(Math.min(a, b) * n + Math.max(a, b))
    edges.push([a, b])
    for (const position of [Math.max(p, q), Math.min(p, q)]) {
      const last = ends.pop()
      if (last !== undefined && position < ends.length) ends[position] = last
    }
  }
  return edges
}

/** All pairs that are not in the list. */
function complement(n: number, edges: readonly Edge[]): Edge[] {
  const present = new Set(edges.map(([a, b]) => Math.min(a, b) * n + Math.max(a, b)))
  return completeEdges(n).filter(([a, b]) => !present.has(a * n + b))
}

/**
 * A random connected graph in which every node has k neighbours. Dense ones (k > (n−1)/2) are drawn as the
 * complement of a sparse one.
 *
 * @throws RobustAggError E_TOPOLOGY when k ≥ n, n·k is odd, or k is too small to connect n nodes
 */
export function randomRegular(n: number, k: number, seed: RngKey): Topology {
  const name = 'k-regular'
  if (k >= n) throw topologyError(name, n, `k is ${k}, but a node has only ${n - 1} others; lower k.`)
  if ((n * k) % 2 === 1) {
    throw topologyError(name, n, `n·k = ${n * k} is odd, and every edge has two ends; change n or k by one.`)
  }
  if (n > 2 && k < 2) throw topologyError(name, n, `k is ${k}, but connecting ${n} nodes takes k ≥ 2.`)
  const other = n - 1 - k
  const draw = (rng: Rng): Edge[] | null => {
    if (k <= other) return drawRegular(n, k, rng)
    const missing = drawRegular(n, other, rng)
    return missing === null ? null : complement(n, missing)
  }
  return firstConnected(name, n, seed, draw, 'Use a larger k.')
}

/**
 * A random connected graph in which each pair is joined with probability p; graphs that fall apart are drawn
 * again, so degrees are slightly higher than without that condition.
 *
 * @throws RobustAggError E_TOPOLOGY when no try is connected, as happens with p well below ln(n)/n
 */
export function erdosRenyi(n: number, p: number, seed: RngKey): Topology {
  const draw = (rng: Rng): Edge[] => completeEdges(n).filter(() => rng.uniform() < p)
  return firstConnected('erdos-renyi', n, seed, draw, `p is ${p}; use one well above ln(n)/n.`)
}

/**
 * A small world (Watts and Strogatz, Nature 1998): a ring lattice in which each node has its k/2 nearest on either
 * side, then the far end of each edge is moved to a random node with probability p, never to a loop or a double edge.
 *
 * @throws RobustAggError E_TOPOLOGY when k is odd or not below n
 */
export function smallWorld(n: number, k: number, p: number, seed: RngKey): Topology {
  const name = 'small-world'
  if (k % 2 === 1 || k >= n) throw topologyError(name, n, `k is ${k}, but must be even and below n.`)
  const draw = (rng: Rng): Edge[] => {
    const sets = Array.from({ length: n }, () => new Set<number>())
    const join = (a: number, b: number): void => {
      sets[a].add(b)
      sets[b].add(a)
    }
    for (let i = 0; i < n; i++) for (let step = 1; step <= k / 2; step++) join(i, (i + step) % n)
    for (let step = 1; step <= k / 2; step++) {
      for (let i = 0; i < n; i++) {
        const old = (i + step) % n
        if (rng.uniform() >= p || sets[i].size >= n - 1) continue
        let target = rng.integer(n)
        while (target === i || sets[i].has(target)) target = rng.integer(n)
        sets[i].delete(old)
        sets[old].delete(i)
        join(i, target)
      }
    }
    return sets.flatMap((set, a) => [...set].filter((b) => a < b).map((b): Edge => [a, b]))
  }
  return firstConnected(name, n, seed, draw, 'Use a larger k or a smaller p.')
}
