/** What is measured: the package's work on n models, the peers' cases for the same, and the targets set for it. */

import { createRule } from '../src/index.js'
import {
  closestMean,
  linearCombination,
  middleMean,
  pairwiseSquaredDistances,
  squaredDistancesTo,
} from '../src/kernels/dispatch.js'
import type { PreView } from '../src/pre/definition.js'
import { madClipping } from '../src/pre/mad-clipping.js'
import { nnm } from '../src/pre/nnm.js'
import { reputation } from '../src/pre/reputation.js'
import { type Scratch, withScratch } from '../src/scratch.js'
import type { RoundInput } from '../src/types.js'

/** A ratio that is to be reached against a peer's case, or a share of the read bandwidth. */
export interface Target {
  /** A case of peers.py, or `read`. */
  readonly against: string
  /** At least this many times as fast, or for `read` at least this share of the bandwidth. */
  atLeast(n: number): number | null
}

export interface KernelCase {
  readonly name: string
  /** Bytes that must be read and written at the least. */
  bytes(n: number, d: number): number
  run(rows: readonly Float32Array[], out: Float32Array): void
  /** The peers' cases for the same work, those of NumPy first. */
  readonly peers: readonly string[]
  readonly targets: readonly Target[]
}

const times = (against: string, atLeast: (n: number) => number | null): Target => ({ against, atLeast })
const always = (ratio: number) => (): number => ratio
const coordinatewise = (n: number, d: number): number => 4 * d * (n + 1)
const twice = (n: number, d: number): number => 4 * d * (2 * n + 2)
const squares = new Float64Array(4096)

/** Half of a typical distance between two of the models, as in peers.py. */
const radius = (d: number): number => 0.05 * Math.sqrt(d)
const roundOf = ([own, ...neighbours]: readonly Float32Array[]): RoundInput => ({
  own,
  neighbours,
  previous: own,
  round: 0,
  rounds: 1,
})
/** The same models as a pre-aggregator sees them, with the first neighbour's as where the training began. */
const viewOf = (models: readonly Float32Array[], scratch: Scratch): PreView => ({
  scratch,
  models,
  previous: models[1],
  round: 0,
  exposed: 0,
  refused: 0,
  opposed: false,
  initial: models[2],
  reputations: models.map(() => ({ earned: 0, possible: 0 })),
})
const balance = createRule('balance', { gamma: 10, kappa: 0 })
const geometricMedian = createRule('geometric-median', { steps: 8, nu: 0.1 })
const multiKrum = createRule('multi-krum')
const nna = createRule('nna')
/** The chain of docs/results.md, section 11, with f as its lab has it for eleven models. */
const recommended = createRule(
  'geometric-median',
  {},
  {
    pre: [
      { name: 'distinct' },
      // No model is left out here, whatever the random models.
      { name: 'reputation', params: { least: -1 } },
      { name: 'mad-clipping', params: { c: 10 } },
      { name: 'arc', params: { f: 3 } },
      { name: 'nnm', params: { f: 2 } },
    ],
  },
)

export const kernelCases: readonly KernelCase[] = [
  {
    name: 'median',
    bytes: coordinatewise,
    run: (rows, out) => middleMean(rows, (rows.length - 1) >> 1, out),
    peers: ['np median', 'torch median'],
    targets: [
      times('np median', always(40)),
      times('read', (n) => (n <= 16 ? 0.75 : n === 32 ? 0.35 : null)),
    ],
  },
  {
    name: 'trimmed mean, f = n/4',
    bytes: coordinatewise,
    run: (rows, out) => middleMean(rows, rows.length >> 2, out),
    peers: ['np sort_trim', 'np partition_trim', 'torch sort_trim'],
    targets: [
      times('np sort_trim', (n) => (n <= 16 ? 8 : n === 32 ? 4 : null)),
      times('np partition_trim', always(30)),
    ],
  },
  {
    name: 'MeaMed, f = n/4',
    bytes: coordinatewise,
    run: (rows, out) => closestMean(rows, rows.length - (rows.length >> 2), out),
    peers: [],
    targets: [],
  },
  {
    name: 'distances one-to-n',
    bytes: (n, d) => 4 * d * n,
    run: (rows) => {
      squaredDistancesTo(rows[0], rows.slice(1), squares.subarray(0, rows.length - 1))
    },
    peers: ['np distances'],
    targets: [],
  },
  {
    name: 'Krum distances',
    bytes: (n, d) => 4 * d * n,
    run: (rows) => {
      pairwiseSquaredDistances(rows)
    },
    peers: ['np krum_distances', 'torch krum_distances', 'np gram'],
    targets: [times('np krum_distances', (n) => (n === 8 ? 4 : n === 16 ? 8 : null))],
  },
  {
    name: 'combination',
    bytes: coordinatewise,
    run: (rows, out) => linearCombination(new Float64Array(rows.length).fill(1 / rows.length), rows, out),
    peers: ['np mean', 'torch mean'],
    targets: [times('read', always(0.8))],
  },
  {
    name: 'geometric median, 8 steps',
    bytes: (n, d) => 4 * d * (2 * n + 1),
    run: (rows, out) => {
      geometricMedian.aggregate(roundOf(rows), out)
    },
    peers: ['np geometric_median', 'torch geometric_median'],
    targets: [times('np geometric_median', always(8))],
  },
  {
    name: 'centred clipping, 3 steps',
    bytes: twice,
    run: (rows, out) => {
      const rule = createRule('centred-clipping', { tau: radius(out.length), steps: 3 })
      rule.aggregate(roundOf(rows), out)
    },
    peers: ['np centred_clipping', 'torch centred_clipping'],
    targets: [times('np centred_clipping', always(8))],
  },
  {
    name: 'NNM, f = n/4',
    bytes: (n, d) => 4 * d * 3 * n,
    run: (rows) => {
      withScratch(rows[0].length, (scratch) => nnm.build({ f: rows.length >> 2 }).mix(viewOf(rows, scratch)))
    },
    peers: ['np nnm', 'torch nnm'],
    targets: [times('np nnm', always(8))],
  },
  {
    name: 'MAD clipping, c = 10',
    bytes: (n, d) => 4 * d * 2 * n,
    run: (rows) => {
      withScratch(rows[0].length, (scratch) => madClipping.build({ c: 10 }).mix(viewOf(rows, scratch)))
    },
    peers: ['np mad_clipping', 'torch mad_clipping'],
    targets: [],
  },
  {
    name: 'reputation',
    bytes: (n, d) => 4 * d * (n + 2),
    run: (rows) => {
      withScratch(rows[0].length, (scratch) => reputation.build({ least: 0 }).mix(viewOf(rows, scratch)))
    },
    peers: ['np reputation'],
    targets: [],
  },
  {
    name: 'recommended chain',
    bytes: coordinatewise,
    run: (rows, out) => {
      recommended.aggregate({ ...roundOf(rows), previous: rows[1] }, out)
    },
    peers: [],
    targets: [],
  },
  {
    name: 'BALANCE, all accepted',
    bytes: twice,
    run: (rows, out) => {
      balance.aggregate(roundOf(rows), out)
    },
    peers: ['np balance'],
    targets: [times('read', always(0.75))],
  },
  {
    name: 'ClippedGossip',
    bytes: twice,
    run: (rows, out) => {
      createRule('clipped-gossip', { tau: radius(out.length) }).aggregate(roundOf(rows), out)
    },
    peers: ['np clipped_gossip'],
    targets: [times('read', always(0.75))],
  },
]

/**
 * The sizes of ByzPy's published benchmark page, d = 65,536, with its figures in milliseconds for ByzFL and for ByzPy's
 * best setting with six processes, on its machine; null where the page has none.
 */
export const publishedSizes: readonly {
  readonly name: string
  readonly n: number
  readonly byzfl: number | null
  readonly byzpy: number | null
  run(rows: readonly Float32Array[], out: Float32Array): void
}[] = [
  { name: 'trimmed mean, f = 8', n: 64, byzfl: 68, byzpy: 15, run: (rows, out) => middleMean(rows, 8, out) },
  { name: 'median', n: 64, byzfl: null, byzpy: 37, run: kernelCases[0].run },
  {
    name: 'MoNNA (nearest-neighbour average)',
    n: 64,
    byzfl: 51,
    byzpy: 11,
    run: (rows, out) => void nna.aggregate(roundOf(rows), out),
  },
  {
    name: 'centred clipping, 10 steps',
    n: 64,
    byzfl: 146,
    byzpy: 50,
    run: (rows, out) => {
      const rule = createRule('centred-clipping', { tau: radius(out.length), steps: 10 })
      rule.aggregate(roundOf(rows), out)
    },
  },
  {
    name: 'Multi-Krum',
    n: 80,
    byzfl: 78,
    byzpy: 26,
    run: (rows, out) => void multiKrum.aggregate(roundOf(rows), out),
  },
]

export const PUBLISHED_D = 65_536
