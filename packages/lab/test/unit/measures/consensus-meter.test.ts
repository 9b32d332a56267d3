import { expect, it } from 'vitest'
import { createConsensusMeter } from '../../../src/run/consensus-meter.js'

it('is the mean squared distance to the mean', () => {
  const meter = createConsensusMeter(2)
  expect(meter.distance()).toBeNull()
  meter.add(Float32Array.of(1, 1))
  expect(meter.distance()).toBe(0)
  meter.add(Float32Array.of(3, 1))
  meter.add(Float32Array.of(2, 4))
  // Mean (2, 2): squared distances 2, 2, 4.
  expect(meter.distance()).toBeCloseTo(8 / 3, 12)
})

it('keeps its digits where large models are nearly equal', () => {
  const meter = createConsensusMeter(1)
  const step = 2 ** -10
  for (const k of [-1, 0, 1]) meter.add(Float32Array.of(8000 + k * step))
  expect(meter.distance()).toBeCloseTo((2 / 3) * step ** 2, 15)
})
