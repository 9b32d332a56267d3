/** Sorting networks, their pruning, and their schedules. */

import { describe, expect, test } from 'vitest'
import {
  type Comparator,
  prunedNetwork,
  type Schedule,
  schedule,
  sortingNetwork,
} from '../../../src/wasm/sorting-network.js'

function compare(values: number[], { i, j, needsMin, needsMax }: Comparator): void {
  const [low, high] = [Math.min(values[i], values[j]), Math.max(values[i], values[j])]
  values[i] = needsMin ? low : Number.NaN
  values[j] = needsMax ? high : Number.NaN
}

/** Runs a schedule on a machine that knows only what is at hand and what was put away. */
function runSchedule(
  { segments, atHand }: Schedule,
  input: readonly number[],
  registers: number,
): Map<number, number> {
  const memory = new Map(input.map((value, wire) => [wire, value]))
  let hand = new Map<number, number>()
  segments.forEach((moves) => {
    hand = new Map()
    for (const move of moves) {
      if (move.kind === 'load') hand.set(move.wire, memory.get(move.wire) as number)
      else if (move.kind === 'store') {
        memory.set(move.wire, hand.get(move.wire) as number)
        hand.delete(move.wire)
      } else {
        const { i, j } = move.comparator
        const pair = [hand.get(i), hand.get(j)] as [number, number]
        if (pair.some((value) => value === undefined)) expect.fail(`${i} or ${j} is not at hand`)
        const values: number[] = []
        values[i] = pair[0]
        values[j] = pair[1]
        compare(values, move.comparator)
        hand.set(i, values[i])
        hand.set(j, values[j])
      }
    }
  })
  for (const wire of atHand) memory.set(wire, hand.get(wire) as number)
  expect(registers).toBeGreaterThan(1)
  return memory
}

describe('sorting networks', () => {
  // Findings from the prototypes: 53 comparators for the median of 16, 445 for that of 64.
  test.each([
    [16, 53],
    [64, 445],
  ])('median of %i: %i comparators', (n, comparators) => {
    expect(prunedNetwork(n, (n - 1) >> 1, n >> 1).comparators.length).toBe(comparators)
  })

  test('every sequence of zeros and ones up to n = 12 gets sorted, so everything', () => {
    for (let n = 1; n <= 12; n++) {
      const { pairs, wireOf } = sortingNetwork(n)
      for (let bits = 0; bits < 2 ** n; bits++) {
        const values = Array.from({ length: n }, (_, k) => (bits >> k) & 1)
        for (const [i, j] of pairs) compare(values, { i, j, needsMin: true, needsMax: true })
        expect(wireOf.every((wire, k) => k === 0 || values[wireOf[k - 1]] <= values[wire])).toBe(true)
      }
    }
  })

  test.each([1, 2, 3, 5, 8, 13, 16, 24, 31, 64, 96])('n = %i: a schedule gives the ranks asked for', (n) => {
    for (const [from, to] of [
      [0, n - 1],
      [(n - 1) >> 1, n >> 1],
      [n >> 2, n - 1 - (n >> 2)],
    ]) {
      const network = prunedNetwork(n, from, to)
      const keep = network.wireOf.slice(from, to + 1)
      for (const [registers, segmentLength] of [
        [2, 1000],
        [5, 7],
        [12, 100],
      ]) {
        const plan = schedule(network, registers, segmentLength, keep)
        for (let trial = 0; trial < 5; trial++) {
          const input = Array.from({ length: n }, (_, k) => (k * (2 * trial + 3) * 7919) % (n + 3))
          const sorted = [...input].sort((a, b) => a - b)
          const result = runSchedule(plan, input, registers)
          expect(keep.map((wire) => result.get(wire))).toEqual(sorted.slice(from, to + 1))
        }
      }
    }
  })

  test('no more wires are at hand than there are registers', () => {
    const network = prunedNetwork(64, 31, 32)
    for (const registers of [2, 6, 12]) {
      const { segments } = schedule(network, registers, 100, network.wireOf.slice(31, 33))
      for (const moves of segments) {
        const loaded = new Set<number>()
        let most = 0
        for (const move of moves) {
          if (move.kind === 'load') loaded.add(move.wire)
          if (move.kind === 'store') loaded.delete(move.wire)
          if (move.kind === 'compare' && !move.comparator.needsMin) loaded.delete(move.comparator.i)
          if (move.kind === 'compare' && !move.comparator.needsMax) loaded.delete(move.comparator.j)
          most = Math.max(most, loaded.size)
        }
        expect(most).toBeLessThanOrEqual(registers + 2)
      }
    }
  })
})
