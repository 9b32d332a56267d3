import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createTimerHeap, type VirtualTimer } from '../../../src/simulation/timer-heap.js'

it('gives timers in order of time, owner and creation, without the cancelled ones', () => {
  const timers = fc.array(fc.record({ dueMs: fc.nat(5), owner: fc.nat(3), cancelled: fc.boolean() }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(timers, (drawn) => {
      const heap = createTimerHeap()
      const all: VirtualTimer[] = drawn.map(({ dueMs, owner }, sequence) => ({
        dueMs,
        owner,
        sequence,
        callback: () => undefined,
      }))
      for (const timer of all) heap.push(timer)
      drawn.forEach(({ cancelled }, k) => {
        if (cancelled) all[k].callback = undefined
      })
      const popped: VirtualTimer[] = []
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) popped.push(next)
      const expected = all
        .filter(({ callback }) => callback !== undefined)
        .sort((a, b) => a.dueMs - b.dueMs || a.owner - b.owner || a.sequence - b.sequence)
      expect(popped).toEqual(expected)
    }),
  )
})
