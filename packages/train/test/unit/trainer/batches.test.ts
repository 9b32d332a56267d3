import { describe, expect, it } from 'vitest'
import { createBatchOrder } from '../../../src/trainer/batches.js'

const indices = Uint32Array.from({ length: 50 }, (_, k) => 1000 + k)
const names = { seed: 1, nodeId: 'a', round: 3 }

function draw(count: number, batchSize: number, labels = names): number[][] {
  const order = createBatchOrder(indices, batchSize, labels)
  return Array.from({ length: count }, () => {
    const out = new Uint32Array(order.size)
    order.next(out)
    return [...out]
  })
}

describe('createBatchOrder', () => {
  it('goes through all samples once before any comes again', () => {
    const pass = draw(10, 10)
    expect(pass.slice(0, 5).flat().sort()).toEqual([...indices])
    expect(pass.slice(5).flat().sort()).toEqual([...indices])
    expect(pass.slice(0, 5)).not.toEqual(pass.slice(5))
  })

  it('leaves out what does not fill a batch', () => {
    const pass = draw(4, 20)
    expect(new Set(pass.slice(0, 2).flat()).size).toBe(40)
    expect(new Set(pass.slice(2).flat()).size).toBe(40)
  })

  it('uses all samples in every batch when there are too few', () => {
    const [first, second] = draw(2, 64) as [number[], number[]]
    expect([...first].sort()).toEqual([...indices])
    expect([...second].sort()).toEqual([...indices])
  })

  it('depends on seed, node and round, and leaves the indices alone', () => {
    const before = indices.slice()
    const base = draw(3, 16)
    expect(draw(3, 16)).toEqual(base)
    expect(draw(3, 16, { ...names, seed: 2 })).not.toEqual(base)
    expect(draw(3, 16, { ...names, nodeId: 'b' })).not.toEqual(base)
    expect(draw(3, 16, { ...names, round: 4 })).not.toEqual(base)
    expect(indices).toEqual(before)
  })
})
