/**
 * Order statistics of n rows, four coordinates at a time: a sorting network for exactly n, pruned to what is asked for,
 * written out as WebAssembly. Comparators work on integer keys x ^ ((x >> 31) >>> 1), which sort like the floats, −0
 * before +0. Work goes strip by strip, segment by segment, with wires that do not fit into registers in a scratch memory that
 * stays in the first-level cache.
 *
 * Tried and left: comparing as floats (`f32x4.pmin`) saves the keys, but its latency of four cycles instead of one costs
 * as much again; two vectors side by side spill more than they overlap.
 */

import { FunctionCode, I32, simd, V128, wasm } from './code.js'
import { layout } from './runtime.js'
import { type Move, prunedNetwork, schedule } from './sorting-network.js'
import { SPAN_PARAMETERS, spanParameters } from './span-parameters.js'

/** Values of a strip, a multiple of 4. */
const STRIP = 64
/** Values at hand at a time: the sixteen vector registers of x86-64, less what a comparator and a sum need. */
const REGISTERS = 12
/** Comparators of a segment, about. */
const SEGMENT_LENGTH = 100

/** Key to float32 bits or back: x ^ ((x >> 31) >>> 1). `scratch` holds x meanwhile. */
function flipKey(code: FunctionCode, scratch: number): FunctionCode {
  return code.tee(scratch).get(scratch).i32(31).simd(simd.shrS).i32(1).simd(simd.shrU).simd(simd.xor)
}

const HIGH_TO_LOW = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]

interface Column {
  readonly code: FunctionCode
  /** Leaves the four float32 of a rank on the stack. */
  rank(rank: number): FunctionCode
}

/** Leaves the low or the high two float32 of a local as two float64. */
function half(code: FunctionCode, value: number, high: boolean): FunctionCode {
  code.get(value)
  if (high) code.get(value).shuffle(HIGH_TO_LOW)
  return code.simd(simd.promote)
}

interface Statistic {
  readonly rows: number
  /** The ranks that `finish` reads. */
  readonly from: number
  readonly to: number
  /** Leaves the four results on the stack. */
  finish(column: Column): void
}

interface StripLocals {
  /** Byte offsets into the rows where the strip begins and ends. */
  readonly shift: number
  readonly end: number
  /** Where results go; advanced. */
  readonly out: number
  /** Where wires are put away. */
  readonly scratch: number
}

/** One strip, segment after segment, four coordinates a turn. */
function strip(code: FunctionCode, statistic: Statistic, { shift, end, out, scratch }: StripLocals): void {
  const { rows, from, to } = statistic
  const network = prunedNetwork(rows, from, to)
  const { segments, atHand } = schedule(
    network,
    REGISTERS,
    SEGMENT_LENGTH,
    network.wireOf.slice(from, to + 1),
  )
  const wires = Array.from({ length: rows }, () => code.local(V128))
  const flipping = code.local(V128)
  const [at, away] = [code.local(I32), code.local(I32)]
  const stored = new Set<number>()
  const slot = (wire: number): number => 4 * STRIP * wire
  /** Leaves a wire's key on the stack, from the row or from where it was put away. */
  const bring = (wire: number): FunctionCode => {
    if (stored.has(wire)) return code.get(away).vector(simd.load, slot(wire))
    code
      .i32(0)
      .memory(wasm.i32Load, layout.table + 4 * wire)
      .get(at)
      .op(wasm.i32Add)
      .vector(simd.load, 0)
    return flipKey(code, flipping)
  }
  const run = (move: Move): void => {
    if (move.kind === 'load') bring(move.wire).set(wires[move.wire])
    else if (move.kind === 'store') {
      code.get(away).get(wires[move.wire]).vector(simd.store, slot(move.wire))
      stored.add(move.wire)
    } else {
      const { i, j, needsMin, needsMax } = move.comparator
      if (needsMin) code.get(wires[i]).get(wires[j]).simd(simd.minS)
      if (needsMax) code.get(wires[i]).get(wires[j]).simd(simd.maxS).set(wires[j])
      if (needsMin) code.set(wires[i])
    }
  }
  const rank = (position: number): FunctionCode => {
    const wire = network.wireOf[position]
    if (atHand.includes(wire)) code.get(wires[wire])
    else bring(wire)
    return flipKey(code, flipping)
  }
  segments.forEach((moves, segment) => {
    code.get(shift).set(at).get(scratch).set(away)
    code.loop(() => {
      for (const move of moves) run(move)
      if (segment === segments.length - 1) {
        code.get(out)
        statistic.finish({ code, rank })
        code.vector(simd.store, 0).advance(out, 16)
      }
      code.advance(at, 16).advance(away, 16)
      code.get(at).get(end).op(wasm.i32LtU)
    })
  })
}

/** A span kernel (see spans.ts). Row addresses come from the layout's table, shift is added to each. */
function kernel(statistic: Statistic): FunctionCode {
  const code = new FunctionCode(SPAN_PARAMETERS)
  const { shift, length, out, scratch } = spanParameters
  const [last, end] = [code.local(I32), code.local(I32)]
  code.get(length).i32(2).op(wasm.i32Shl).get(shift).op(wasm.i32Add).set(last)
  return code.loop(() => {
    code
      .get(shift)
      .i32(4 * STRIP)
      .op(wasm.i32Add)
      .tee(end)
    code.get(last).get(end).get(last).op(wasm.i32LtU).op(wasm.select).set(end)
    strip(code, statistic, { shift, end, out, scratch })
    code.get(end).tee(shift).get(last).op(wasm.i32LtU)
  })
}

/** Leaves four float32: the two float64 sums of either half, divided. */
function quotient(code: FunctionCode, low: number, high: number, divisor: number): void {
  for (const sum of [low, high]) {
    code.get(sum).f64(divisor).simd(simd.splatF64).simd(simd.divF64).simd(simd.demote)
  }
  code.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
}

/** `middleMean` of kernels/coordinate.ts for n rows. */
export function middleMeanCode(n: number, skip: number): FunctionCode {
  const last = n - skip - 1
  return kernel({
    rows: n,
    from: skip,
    to: last,
    finish: (column) => {
      const { code } = column
      if (last === skip) {
        column.rank(skip)
        return
      }
      const sums = [code.local(V128), code.local(V128)]
      const value = code.local(V128)
      for (let rank = skip; rank <= last; rank++) {
        column.rank(rank).set(value)
        sums.forEach((sum, high) => {
          half(code, value, high === 1)
          if (rank > skip) code.get(sum).simd(simd.addF64)
          code.set(sum)
        })
      }
      quotient(code, sums[0], sums[1], n - 2 * skip)
    },
  })
}

/**
 * `closestMean` of kernels/coordinate.ts for n rows. drop[a] tells that the window starts above rank a; it holds for
 * the ranks below the start and for no other, so rank i counts iff not drop[i] and (i < keep or drop[i − keep]).
 */
export function closestMeanCode(n: number, keep: number): FunctionCode {
  return kernel({
    rows: n,
    from: 0,
    to: n - 1,
    finish: (column) => {
      const { code } = column
      const middle = (n - 1) >> 1
      const median = code.local(V128)
      const sums = [code.local(V128), code.local(V128)]
      const drop = Array.from({ length: n - keep }, () => code.local(V128))
      const values = Array.from({ length: n }, () => code.local(V128))
      values.forEach((value, rank) => {
        column.rank(rank).set(value)
      })
      sums.forEach((sum, high) => {
        const at = (rank: number): FunctionCode => half(code, values[rank], high === 1)
        at(middle)
        if (n % 2 === 0) {
          at(middle + 1).simd(simd.addF64)
          code.f64(2).simd(simd.splatF64).simd(simd.divF64)
        }
        code.set(median)
        drop.forEach((mask, a) => {
          at(a + keep)
            .get(median)
            .simd(simd.subF64)
          code.get(median)
          at(a).simd(simd.subF64).simd(simd.ltF64).set(mask)
        })
        code.f64(0).simd(simd.splatF64).set(sum)
        for (let rank = 0; rank < n; rank++) {
          at(rank)
          if (rank < drop.length) code.get(drop[rank]).simd(simd.andNot)
          if (rank >= keep) code.get(drop[rank - keep]).simd(simd.and)
          code.get(sum).simd(simd.addF64).set(sum)
        }
      })
      quotient(code, sums[0], sums[1], keep)
    },
  })
}
