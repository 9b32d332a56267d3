import { afterEach, describe, expect, it } from 'vitest'
import type { NodeGuard } from '../../../src/guard/node-guard.js'
import { openGuard } from '../../support/guards.js'
import { createManualClock } from '../../support/manual-clock.js'
import { run, signers } from '../../support/run-fixture.js'

const [alice, bob] = signers.map(({ peerId }) => peerId) as [string, string]
const never = new AbortController().signal

let guard: NodeGuard
afterEach(() => guard.stop())

/** Whether a promise has settled, after all that is due was done. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}
const rejected = (kind: string) =>
  guard.report().rejects.filter((one) => one.kind === kind && one.code === 'E_RATE')

describe('what one peer may have answered', () => {
  it('is its burst of requests at once, and then so many per second', async () => {
    const clock = createManualClock()
    guard = await openGuard(run, { clock })
    const { burst, perSecond } = guard.budgets.streams.requests
    for (let k = 0; k < burst; k++) expect(guard.streams.turn(alice, never)).toBeUndefined()
    expect(rejected('request')).toEqual([])
    const next = guard.streams.turn(alice, never)!
    const afterNext = guard.streams.turn(alice, never)!
    expect(rejected('request')).toMatchObject([{ count: 2 }])
    // Another peer has its own.
    expect(guard.streams.turn(bob, never)).toBeUndefined()
    expect(await isSettled(next)).toBe(false)
    clock.advance(Math.ceil(1000 / perSecond))
    expect([await isSettled(next), await isSettled(afterNext)]).toEqual([true, false])
    clock.advance(Math.ceil(1000 / perSecond))
    expect(await isSettled(afterNext)).toBe(true)
  })

  it('is its burst of bytes at once, and then so many per second', async () => {
    const clock = createManualClock()
    guard = await openGuard(run, { clock })
    const { burst, perSecond } = guard.budgets.streams.answers
    expect(burst).toBeGreaterThan(8 * run.modelBytes)
    expect(guard.streams.answer(alice, burst, never)).toBeUndefined()
    const half = guard.streams.answer(alice, perSecond / 2, never)!
    expect(guard.streams.answer(bob, burst, never)).toBeUndefined()
    expect(rejected('answer')).toMatchObject([{ count: 1 }])
    clock.advance(499)
    expect(await isSettled(half)).toBe(false)
    clock.advance(1)
    expect(await isSettled(half)).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('is not waited for when what it is for ends', async () => {
    const clock = createManualClock()
    guard = await openGuard(run, { clock })
    const stopping = new AbortController()
    guard.streams.answer(alice, guard.budgets.streams.answers.burst, never)
    const waits = guard.streams.answer(alice, 1, stopping.signal)!
    stopping.abort(new Error('over'))
    await expect(waits).rejects.toThrow('over')
    await expect(guard.streams.answer(alice, 1, stopping.signal)).rejects.toThrow('over')
    expect(clock.pending).toBe(0)
  })
})
