import { describe, expect, it } from 'vitest'
import { type LearningRateSchedule, learningRateAt } from '../../../src/trainer/schedule.js'

describe('learningRateAt', () => {
  it('constant, inverse-time and step', () => {
    expect(learningRateAt({ kind: 'constant', rate: 0.1 }, 1000)).toBe(0.1)
    expect(learningRateAt({ kind: 'inverse-time', rate: 0.1, decay: 0.5 }, 0)).toBe(0.1)
    expect(learningRateAt({ kind: 'inverse-time', rate: 0.1, decay: 0.5 }, 6)).toBe(0.1 / 4)
    const step = { kind: 'step', rate: 0.8, factor: 0.5, every: 10 } as const
    expect([0, 9, 10, 19, 20].map((round) => learningRateAt(step, round))).toEqual([0.8, 0.8, 0.4, 0.4, 0.2])
    expect(learningRateAt(step, 1e9)).toBe(0)
    expect(learningRateAt({ ...step, factor: 0.9 }, 1e15)).toBeLessThan(1e-300)
  })

  it('cosine agrees with Math.cos', () => {
    const schedule = { kind: 'cosine', rate: 0.3, rounds: 97, lowest: 0.01 } as const
    for (let round = 0; round <= 97; round++) {
      const expected = 0.01 + (0.29 * (1 + Math.cos((Math.PI * round) / 97))) / 2
      expect(Math.abs(learningRateAt(schedule, round) - expected)).toBeLessThan(1e-15)
    }
    expect(learningRateAt(schedule, 98)).toBe(0.01)
    expect(learningRateAt({ kind: 'cosine', rate: 0.3, rounds: 97 }, 0)).toBe(0.3)
  })

  it.each([
    { kind: 'constant', rate: 0 },
    { kind: 'constant', rate: Number.NaN },
    { kind: 'inverse-time', rate: 0.1, decay: -1 },
    { kind: 'step', rate: 0.1, factor: 1.5, every: 1 },
    { kind: 'step', rate: 0.1, factor: 0.5, every: 0 },
    { kind: 'cosine', rate: 0.1, rounds: 0 },
    { kind: 'cosine', rate: 0.1, rounds: 5, lowest: 0.2 },
  ] as LearningRateSchedule[])('refuses %j', (schedule) => {
    expect(() => learningRateAt(schedule, 0)).toThrow(expect.objectContaining({ code: 'E_SCHEDULE' }))
  })

  it('refuses a round below 0', () => {
    expect(() => learningRateAt({ kind: 'constant', rate: 1 }, -1)).toThrow(
      expect.objectContaining({ code: 'E_SCHEDULE' }),
    )
  })
})
