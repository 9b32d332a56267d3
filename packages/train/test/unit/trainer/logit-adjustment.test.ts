import { describe, expect, it } from 'vitest'
import { logPriors } from '../../../src/trainer/logit-adjustment.js'

const labels = (counts: readonly number[]): number[] =>
  counts.flatMap((count, label) => new Array<number>(count).fill(label))
const priorsOf = (counts: readonly number[]): number[] => {
  const all = labels(counts)
  return [
    ...logPriors(
      all,
      Uint32Array.from(all, (_, k) => k),
      counts.length,
    ),
  ]
}

describe('logPriors', () => {
  it('are the logarithms of the shares, with one more sample of each class', () => {
    expect(priorsOf([5, 0, 2])).toEqual([Math.log(6 / 10), Math.log(1 / 10), Math.log(3 / 10)])
  })

  it('count the own samples only', () => {
    expect([...logPriors([0, 1, 1, 1], Uint32Array.of(0, 1), 2)]).toEqual([Math.log(0.5), Math.log(0.5)])
  })

  it('are zero for data of one class, up to one sample in a hundred of others, and for no data', () => {
    expect(priorsOf([0, 40, 0])).toEqual([0, 0, 0])
    expect(priorsOf([1, 199])).toEqual([0, 0])
    expect(priorsOf([1, 99])).toEqual([Math.log(2 / 102), Math.log(100 / 102)])
    expect(priorsOf([0, 0])).toEqual([Math.log(0.5), Math.log(0.5)])
  })
})
