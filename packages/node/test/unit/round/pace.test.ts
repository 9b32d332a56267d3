import { describe, expect, it } from 'vitest'
import { createPace } from '../../../src/round/pace.js'
import { createManualClock } from '../../support/manual-clock.js'

describe('pace', () => {
  const deadlines = { joinMs: 30_000, collectMs: 60_000 }

  it('knows nothing before the first rounds, so it waits for the deadline', () => {
    const pace = createPace(createManualClock(), deadlines)
    expect(
      ['join', 'collect', 'linger', 'patience', 'grace'].map((timer) => pace.delayMs(timer as 'join')),
    ).toEqual([30_000, 60_000, 60_000, 60_000, 0])
  })

  it('follows the longest own work and twice the latest model, and does not count what it waited', () => {
    const clock = createManualClock()
    const pace = createPace(clock, deadlines)
    for (const [workMs, latenessMs] of [
      [400, 100],
      [500, 200],
      [800, 300],
    ] as const) {
      pace.published()
      clock.advance(50_000)
      pace.closed([10, latenessMs])
      clock.advance(workMs)
    }
    pace.published()
    expect(pace.delayMs('patience')).toBe(800 + 2 * 300 + 1_000)
    expect(pace.delayMs('grace')).toBe((500 + 200) / 8)
  })

  it('never exceeds the deadline', () => {
    const clock = createManualClock()
    const pace = createPace(clock, { joinMs: 1, collectMs: 500 })
    pace.closed([100])
    clock.advance(5_000)
    pace.published()
    expect([pace.delayMs('patience'), pace.delayMs('grace')]).toEqual([500, 500])
  })

  it('forgets rounds that are long over', () => {
    const clock = createManualClock()
    const pace = createPace(clock, deadlines)
    const round = (workMs: number): void => {
      pace.closed([0])
      clock.advance(workMs)
      pace.published()
    }
    round(20_000)
    expect(pace.delayMs('patience')).toBe(21_000)
    for (let k = 0; k < 8; k++) round(100)
    expect(pace.delayMs('patience')).toBe(1_100)
  })
})
