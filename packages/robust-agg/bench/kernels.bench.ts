/**
 * Times the kernels: WebAssembly with vectors in the arena, the same with vectors elsewhere, plain TypeScript, and NumPy
 * as peers write it where Python has it. Beside each figure the bytes of the input per second, as a share of the read
 * bandwidth measured in the same run.
 *
 *   npx tsx packages/robust-agg/bench/kernels.bench.ts [d …] [--n 8,16] [--only median]
 *
 * Least of several slices of process CPU time, one thread; every slice runs for at least 60 ms.
 */

import { createRule, filterIngress, selectKernels, vectorArena } from '../src/index.js'
import * as combine from '../src/kernels/combine.js'
import * as coordinate from '../src/kernels/coordinate.js'
import * as distance from '../src/kernels/distance.js'
import { plainFilterIngress } from '../src/kernels/ingress.js'
import { type SimdKernels, simdKernels } from '../src/kernels/simd.js'
import { type NumpyTimes, numpyTimes } from './numpy.js'

const SLICES = 5
const SLICE_MS = 60
const PLAIN_BUDGET = 4e8

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Milliseconds of CPU for one call, the least of the slices, after a warm-up. */
function time(body: () => void): number {
  const warm = performance.now()
  do body()
  while (performance.now() - warm < SLICE_MS)
  let best = Number.POSITIVE_INFINITY
  for (let slice = 0; slice < SLICES; slice++) {
    const [cpu, wall] = [cpuMs(), performance.now()]
    let calls = 0
    do {
      body()
      calls++
    } while (performance.now() - wall < SLICE_MS)
    best = Math.min(best, (cpuMs() - cpu) / calls)
  }
  return best
}

function fill(x: Float32Array, seed: number): Float32Array {
  let state = seed | 1
  for (let k = 0; k < x.length; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    x[k] = 1 + state / 2 ** 34
  }
  return x
}

function inArena(d: number): Float32Array {
  const x = vectorArena()?.allocate(d)
  if (x === null || x === undefined) throw new Error('the arena is full or missing')
  return x
}

interface Case {
  readonly name: string
  /** Bytes that must be read and written at the least. */
  bytes(n: number, d: number): number
  readonly simd: (k: SimdKernels, rows: Float32Array[], out: Float32Array) => void
  readonly plain: (rows: Float32Array[], out: Float32Array) => void
  readonly numpy?: keyof NumpyTimes
}

const squares = new Float64Array(4096)
const shares = (n: number): Float64Array => new Float64Array(n).fill(1 / n)
const balance = createRule('balance', { gamma: 10, kappa: 0 })
const gossip = createRule('clipped-gossip', { tau: 0.01 })

const cases: readonly Case[] = [
  {
    name: 'median',
    bytes: (n, d) => 4 * d * (n + 1),
    simd: (k, rows, out) => k.middleMean(rows, (rows.length - 1) >> 1, out),
    plain: (rows, out) => coordinate.middleMean(rows, (rows.length - 1) >> 1, out),
    numpy: 'median',
  },
  {
    name: 'trimmed-mean f=n/4',
    bytes: (n, d) => 4 * d * (n + 1),
    simd: (k, rows, out) => k.middleMean(rows, rows.length >> 2, out),
    plain: (rows, out) => coordinate.middleMean(rows, rows.length >> 2, out),
    numpy: 'sortTrim',
  },
  {
    name: 'meamed f=n/4',
    bytes: (n, d) => 4 * d * (n + 1),
    simd: (k, rows, out) => k.closestMean(rows, rows.length - (rows.length >> 2), out),
    plain: (rows, out) => coordinate.closestMean(rows, rows.length - (rows.length >> 2), out),
  },
  {
    name: 'distances one-to-n',
    bytes: (n, d) => 4 * d * n,
    simd: (k, rows) => k.squaredDistancesTo(rows[0], rows.slice(1), squares.subarray(0, rows.length - 1)),
    plain: (rows) =>
      distance.squaredDistancesTo(rows[0], rows.slice(1), squares.subarray(0, rows.length - 1)),
  },
  {
    name: 'distances pairwise',
    bytes: (n, d) => 4 * d * n,
    simd: (k, rows) => k.pairwiseSquaredDistances(rows),
    plain: (rows) => distance.pairwiseSquaredDistances(rows),
    numpy: 'krumDistances',
  },
  {
    name: 'combination',
    bytes: (n, d) => 4 * d * (n + 1),
    simd: (k, rows, out) => k.linearCombination(shares(rows.length), rows, out),
    plain: (rows, out) => combine.linearCombination(shares(rows.length), rows, out),
    numpy: 'mean',
  },
  {
    name: 'Weiszfeld step',
    bytes: (n, d) => 4 * d * n,
    simd: (k, rows) =>
      k.squaredDistancesToCombination(shares(rows.length), rows, squares.subarray(0, rows.length)),
    plain: (rows) =>
      distance.squaredDistancesToCombination(shares(rows.length), rows, squares.subarray(0, rows.length)),
  },
  {
    name: 'rule balance, all accepted',
    bytes: (n, d) => 4 * d * (2 * n + 2),
    simd: (_k, [own, ...neighbours], out) => {
      balance.aggregate({ own, neighbours, round: 0, rounds: 1 }, out)
    },
    plain: ([own, ...neighbours], out) => {
      selectKernels('plain')
      balance.aggregate({ own, neighbours, round: 0, rounds: 1 }, out)
      selectKernels('auto')
    },
  },
  {
    name: 'rule clipped-gossip',
    bytes: (n, d) => 4 * d * (2 * n + 2),
    simd: (_k, [own, ...neighbours], out) => {
      gossip.aggregate({ own, neighbours, round: 0, rounds: 1 }, out)
    },
    plain: ([own, ...neighbours], out) => {
      selectKernels('plain')
      gossip.aggregate({ own, neighbours, round: 0, rounds: 1 }, out)
      selectKernels('auto')
    },
  },
  {
    name: 'ingress filter, one model',
    bytes: (_n, d) => 8 * d,
    simd: (_k, rows) => {
      filterIngress(rows[0])
    },
    plain: (rows) => {
      plainFilterIngress(rows[0])
    },
  },
]

/** GB/s of reading 256 MB of the arena with the cheapest kernel there is: a maximum of the bits. */
function readBandwidth(k: SimdKernels): number {
  const x = inArena(64 * 2 ** 20)
  const ms = time(() => k.largestBits(x, false))
  vectorArena()?.release(x)
  return (4 * x.length) / ms / 1e6
}

const pad = (text: string, width: number): string => text.padStart(width)
const figure = (value: number | undefined): string =>
  value === undefined ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(1)

function argumentAfter(flag: string): string | undefined {
  const at = process.argv.indexOf(flag)
  return at < 0 ? undefined : process.argv[at + 1]
}

function main(): void {
  const k = simdKernels()
  if (k === null) {
    console.log('This machine has no WebAssembly SIMD: nothing to compare.')
    return
  }
  const skip = [argumentAfter('--n'), argumentAfter('--only')]
  const sizes = process.argv
    .slice(2)
    .filter((word) => /^\d+$/.test(word) && !skip.includes(word))
    .map(Number)
  const rowCounts = (argumentAfter('--n') ?? '8,16,32,64').split(',').map(Number)
  const only = argumentAfter('--only') ?? ''
  const limit = readBandwidth(k)
  console.log(`Node ${process.version}, read bandwidth of one thread ${limit.toFixed(1)} GB/s (256 MB)`)
  for (const d of sizes.length > 0 ? sizes : [100_000]) {
    for (const n of rowCounts) {
      const arena = Array.from({ length: n }, (_, j) => fill(inArena(d), j + 1))
      const heap = arena.map((x) => Float32Array.from(x))
      const [arenaOut, heapOut] = [inArena(d), new Float32Array(d)]
      const numpy = numpyTimes(n, d)
      console.log(`\nn = ${n}, d = ${d}${typeof numpy === 'string' ? `; NumPy: ${numpy}` : ''}`)
      console.log(
        `${'kernel (ms)'.padEnd(28)}${['arena', 'elsewhere', 'plain TS', 'NumPy', 'plain/arena', 'NumPy/arena', 'GB/s', '% of read'].map((head) => pad(head, 12)).join('')}`,
      )
      for (const test of cases) {
        if (!test.name.includes(only)) continue
        const fast = time(() => test.simd(k, arena, arenaOut))
        const copied = time(() => test.simd(k, heap, heapOut))
        const work = test.name.includes('pairwise')
          ? (n * n * d) / 2
          : n * d * (test.bytes === cases[0].bytes ? 4 : 1)
        const plain = work > PLAIN_BUDGET ? undefined : time(() => test.plain(heap, heapOut))
        const peer = typeof numpy === 'string' || test.numpy === undefined ? undefined : numpy[test.numpy]
        const rate = test.bytes(n, d) / fast / 1e6
        const cells = [
          figure(fast),
          figure(copied),
          figure(plain),
          figure(peer),
          figure(plain === undefined ? undefined : plain / fast),
          figure(peer === undefined ? undefined : peer / fast),
          rate.toFixed(1),
          `${((100 * rate) / limit).toFixed(0)} %`,
        ]
        console.log(`${test.name.padEnd(28)}${cells.map((cell) => pad(cell, 12)).join('')}`)
      }
      for (const x of [...arena, arenaOut]) vectorArena()?.release(x)
    }
  }
}

main()
