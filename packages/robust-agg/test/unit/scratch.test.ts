/** Vectors that live for one call. */

import { describe, expect, test } from 'vitest'
import { createRule } from '../../src/index.js'
import { withScratch } from '../../src/scratch.js'
import { cloud } from '../support.js'

describe('scratch vectors', () => {
  test('of one call are different, and the next call gets the same', () => {
    const first = withScratch(40, ({ vector }) => [vector(), vector()])
    expect(first.map(({ length }) => length)).toEqual([40, 40])
    expect(first[0]).not.toBe(first[1])
    const second = withScratch(40, ({ vector }) => [vector(), vector()])
    expect(new Set(second)).toEqual(new Set(first))
  })

  test('of nested calls are different from those outside', () => {
    withScratch(40, ({ vector }) => {
      const outer = vector().fill(7)
      withScratch(40, (inner) => inner.vector().fill(1))
      expect(outer.every((value) => value === 7)).toBe(true)
    })
  })

  test('are given back when a call throws', () => {
    let lost: Float32Array | undefined
    expect(() =>
      withScratch(41, ({ vector }) => {
        lost = vector()
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(withScratch(41, ({ vector }) => vector())).toBe(lost)
  })

  test('take no more than 64 MB between calls', () => {
    const length = 1 << 22
    const many = withScratch(length, ({ vector }) => Array.from({ length: 6 }, () => vector()))
    const kept = withScratch(length, ({ vector }) => Array.from({ length: 6 }, () => vector()))
    expect(kept.filter((vector) => many.includes(vector)).length).toBeLessThanOrEqual(4)
  })

  test('do not show in results: rounds of different nodes, in turn, are as each alone', () => {
    const pre = [
      { name: 'mad-clipping' },
      { name: 'arc', params: { f: 2 } },
      { name: 'nnm', params: { f: 2 } },
    ]
    const round = (node: number) => ({
      own: cloud(`own ${node}`, 300),
      neighbours: Array.from({ length: 6 }, (_, j) => cloud(`neighbour ${node} ${j}`, 300)),
      previous: cloud('start', 300),
      round: 0,
      rounds: 3,
    })
    const alone = [0, 1].map((node) => createRule('geometric-median', {}, { pre }).aggregate(round(node)))
    const rule = createRule('geometric-median', {}, { pre })
    const inTurn = [0, 1].map((node) => rule.aggregate(round(node)))
    expect(inTurn).toEqual(alone)
  })
})
