import { describe, expect, it } from 'vitest'
import { createPhaseTimer } from '../../../src/round/phase-timer.js'
import { createManualClock } from '../../support/manual-clock.js'

describe('the phase timer', () => {
  it('adds up each phase, one that comes twice too, and begins again at zero', () => {
    const clock = createManualClock(500)
    const timer = createPhaseTimer(clock)
    clock.advance(7)
    timer.begin('train')
    clock.advance(10)
    timer.begin('publish')
    clock.advance(5)
    timer.begin('train')
    clock.advance(3)
    expect(timer.end()).toEqual({ train: 13, publish: 5, collect: 0, aggregate: 0, evaluate: 0, ledger: 0 })
    clock.advance(100)
    timer.begin('ledger')
    clock.advance(1)
    expect(timer.end()).toEqual({ train: 0, publish: 0, collect: 0, aggregate: 0, evaluate: 0, ledger: 1 })
  })
})
