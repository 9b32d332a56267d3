import { describe, expect, it } from 'vitest'
import { createPhaseTimer } from '../../../src/round/phase-timer.js'
import { createManualClock } from '../../support/manual-clock.js'

describe('the phase timer', () => {
  it('adds up each phase, one that comes twice too, and begins again at zero', () => {
    const clock = createManualClock(500)
    const told: [number, string | null][] = []
    const timer = createPhaseTimer(clock, (round, phase) => told.push([round, phase]))
    clock.advance(7)
    timer.begin('train', 0)
    clock.advance(10)
    timer.begin('publish', 0)
    clock.advance(5)
    timer.begin('train', 0)
    clock.advance(3)
    expect(timer.end()).toEqual({ train: 13, publish: 5, collect: 0, aggregate: 0, evaluate: 0, ledger: 0 })
    clock.advance(100)
    expect(timer.end()).toEqual({ train: 0, publish: 0, collect: 0, aggregate: 0, evaluate: 0, ledger: 0 })
    timer.begin('ledger', 1)
    clock.advance(1)
    expect(timer.end()).toEqual({ train: 0, publish: 0, collect: 0, aggregate: 0, evaluate: 0, ledger: 1 })
    expect(told).toEqual([
      [0, 'train'],
      [0, 'publish'],
      [0, 'train'],
      [0, null],
      [1, 'ledger'],
      [1, null],
    ])
  })
})
