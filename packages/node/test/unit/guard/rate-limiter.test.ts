import { describe, expect, it } from 'vitest'
import { createRateLimiter } from '../../../src/guard/rate-limiter.js'

/** A limiter of 3 at once and 2 per second, with a clock that the test moves. */
function setup() {
  const clock = { now: 0, monotonicMs: () => clock.now }
  return { clock, limiter: createRateLimiter(clock, { burst: 3, perSecond: 2 }) }
}

describe('a rate limiter', () => {
  it('lets as many through at once as its burst, and then as many as its rate', () => {
    const { clock, limiter } = setup()
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([true, true, true, false])
    clock.now = 499
    expect(limiter.take('a')).toBe(false)
    clock.now = 500
    expect([limiter.take('a'), limiter.take('a')]).toEqual([true, false])
  })

  it('saves up no more than its burst', () => {
    const { clock, limiter } = setup()
    limiter.take('a')
    clock.now = 1e9
    expect([1, 2, 3, 4].map(() => limiter.take('a'))).toEqual([true, true, true, false])
  })

  it('counts each key by itself', () => {
    const { limiter } = setup()
    for (let k = 0; k < 3; k++) limiter.take('a')
    expect([limiter.take('a'), limiter.take('b')]).toEqual([false, true])
  })

  it('lends what is not there, and says how long that takes to pay back', () => {
    const { clock, limiter } = setup()
    expect([limiter.borrow('a', 3), limiter.borrow('a'), limiter.borrow('a', 3)]).toEqual([0, 500, 2000])
    clock.now = 2000
    expect(limiter.borrow('a')).toBe(500)
  })

  it('forgets keys that have nothing to pay back when many come', () => {
    const { clock, limiter } = setup()
    for (let k = 0; k < 3; k++) limiter.take('spent')
    for (let k = 0; k < 10_000; k++) {
      limiter.take(`key ${k}`)
      clock.now += 0.1
    }
    // 1 s has passed: two of three are back.
    expect([1, 2, 3].map(() => limiter.take('spent'))).toEqual([true, true, false])
  })
})
