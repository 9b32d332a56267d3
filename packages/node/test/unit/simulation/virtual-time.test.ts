import { describe, expect, it } from 'vitest'
import { sleep } from '../../../src/clock.js'
import { createVirtualTime } from '../../../src/simulation/virtual-time.js'

/** Work that is over after some turns of the event loop. */
async function realWork(turns: number): Promise<void> {
  for (let k = 0; k < turns; k++) await new Promise((resolve) => setImmediate(resolve))
}

describe('virtual time', () => {
  it('jumps from timer to timer, in order of time, then owner, then creation', async () => {
    const time = createVirtualTime()
    const [a, b] = [time.clockOf(0), time.clockOf(1)]
    const fired: string[] = []
    const done = new Promise<void>((resolve) => {
      b.after(5, () => fired.push('b5'))
      a.after(5, () => fired.push('a5'))
      a.after(5, () => fired.push('a5 again'))
      a.after(3_600_000, () => {
        fired.push('an hour')
        resolve()
      })
      a.after(1, () => fired.push('a1'))
    })
    await time.run(done)
    expect(fired).toEqual(['a1', 'a5', 'a5 again', 'b5', 'an hour'])
    expect(time.nowMs).toBe(3_600_000)
  })

  it('fires nothing that was cancelled and runs timers that are made on the way', async () => {
    const time = createVirtualTime()
    const clock = time.clockOf(0)
    const fired: number[] = []
    const cancel = clock.after(2, () => fired.push(-1))
    clock.after(1, () => {
      cancel()
      clock.after(0, () => fired.push(clock.monotonicMs()))
    })
    await time.run(sleep(clock, 10))
    expect(fired).toEqual([1])
  })

  it('stands still during real work, and delivers outcomes in order of owners', async () => {
    const time = createVirtualTime()
    const log: string[] = []
    const node = async (owner: number, turns: number): Promise<void> => {
      const clock = time.clockOf(owner)
      await sleep(clock, 5)
      await time.hold(owner, () => realWork(turns))
      log.push(`${owner} at ${clock.monotonicMs()}`)
      await sleep(clock, 1)
      log.push(`${owner} at ${clock.monotonicMs()}`)
    }
    // The first owner's work takes longest, and is handed on first all the same.
    await time.run(Promise.all([node(2, 1), node(1, 5), node(0, 20)]))
    expect(log).toEqual(['0 at 5', '1 at 5', '2 at 5', '0 at 6', '1 at 6', '2 at 6'])
  })

  it('hands failures of held work on', async () => {
    const time = createVirtualTime()
    const failing = time.hold(0, async () => {
      await realWork(2)
      throw new RangeError('no')
    })
    await expect(time.run(failing)).rejects.toThrow('no')
  })

  it('aborts deadlines when their time has come, or their parent does', async () => {
    const time = createVirtualTime()
    const clock = time.clockOf(0)
    const parent = new AbortController()
    const late = clock.deadline(10)
    const child = clock.deadline(10, parent.signal)
    clock.after(3, () => parent.abort(new Error('stop')))
    await time.run(sleep(clock, 5))
    expect(child.signal.reason).toMatchObject({ message: 'stop' })
    expect(late.signal.aborted).toBe(false)
    await time.run(sleep(clock, 6))
    expect(late.signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('says so when nothing can happen any more', async () => {
    const time = createVirtualTime()
    await expect(time.run(new Promise(() => undefined))).rejects.toMatchObject({ code: 'E_STUCK' })
  })
})
