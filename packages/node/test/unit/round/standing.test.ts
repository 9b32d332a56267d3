import { describe, expect, it } from 'vitest'
import {
  afterDelivery,
  afterFailure,
  GOOD_STANDING,
  isSuspect,
  isTrusted,
  type Standing,
} from '../../../src/round/standing.js'

const PATIENCE = 2
const fail = (standing: Standing): Standing => afterFailure(standing, PATIENCE)

/** Rounds of `rounds` in which a peer that serves only when it must is waited for in vain. */
function costlyRounds(rounds: number): number {
  let standing = GOOD_STANDING
  let costly = 0
  for (let round = 0; round < rounds; round++) {
    if (isTrusted(standing)) {
      costly += 1
      standing = fail(standing)
    } else {
      standing = afterDelivery(standing)
    }
  }
  return costly
}

describe('standing', () => {
  it('is lost after as many failures in a row as patience allows, and regained by serving', () => {
    const once = fail(GOOD_STANDING)
    expect([isTrusted(once), isSuspect(once)]).toEqual([true, true])
    expect(afterDelivery(once)).toEqual(GOOD_STANDING)
    const fallen = fail(once)
    expect([isTrusted(fallen), fallen.owed]).toEqual([false, 1])
    expect(isTrusted(afterDelivery(fallen))).toBe(true)
  })

  it('takes twice as many models to regain each time', () => {
    let standing = GOOD_STANDING
    const owed: number[] = []
    for (let fall = 0; fall < 10; fall++) {
      standing = fail(fail(standing))
      owed.push(standing.owed)
      while (!isTrusted(standing)) standing = afterDelivery(standing)
    }
    expect(owed).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 256])
  })

  it('forgives one fall after 32 rounds without a failure', () => {
    let standing = afterDelivery(fail(fail(GOOD_STANDING)))
    for (let round = 0; round < 31; round++) standing = afterDelivery(standing)
    expect(isSuspect(standing)).toBe(true)
    expect(afterDelivery(standing)).toEqual(GOOD_STANDING)
  })

  it('lets a peer that serves only to be trusted again cost less and less', () => {
    expect(costlyRounds(100)).toBe(14)
    expect(costlyRounds(1_000)).toBeLessThan(24)
  })
})
