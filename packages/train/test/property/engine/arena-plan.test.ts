import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ArenaPlan, createBuffer } from '../../../src/engine/wasm/arena-plan.js'
import { ALIGNMENT, align } from '../../../src/engine/wasm/engine-memory.js'

const uses = fc.record({
  floats: fc.integer({ min: 1, max: 5000 }),
  times: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 4 }),
})

it('buffers that are used at the same time have their own memory, and the plan is not larger than all together', () => {
  fc.assert(
    fc.property(fc.array(uses, { minLength: 1, maxLength: 40 }), (wanted) => {
      const plan = new ArenaPlan()
      const buffers = wanted.map(({ floats, times }) => {
        const buffer = createBuffer(floats)
        for (const time of times) plan.use(buffer, 'training', time)
        return buffer
      })
      const size = plan.place('training')
      const spans = buffers.map(({ floats, training }) => ({ ...training, bytes: align(4 * floats) }))
      expect(size).toBeLessThanOrEqual(spans.reduce((sum, { bytes }) => sum + bytes, 0))
      spans.forEach((a, k) => {
        expect(a.place % ALIGNMENT).toBe(0)
        expect(a.place + a.bytes).toBeLessThanOrEqual(size)
        for (const b of spans.slice(k + 1)) {
          const apart = a.place + a.bytes <= b.place || b.place + b.bytes <= a.place
          expect(apart || a.last < b.first || b.last < a.first).toBe(true)
        }
      })
      expect(plan.place('evaluation')).toBe(0)
    }),
  )
})
