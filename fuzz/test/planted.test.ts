import { describe, expect, it } from 'vitest'
import { fuzzTarget } from '../engine/fuzz-target.js'
import { TARGETS } from '../targets/all.js'

/** Inputs within which a planted fault must be found. */
const CASES = 2000

describe.each(TARGETS)('$name', ({ name, open }) => {
  it('finds every fault that is put into its decoder', async () => {
    const target = await open()
    try {
      expect(target.plants.length).toBeGreaterThan(0)
      for (const { what, plant } of target.plants) {
        const faulty = { ...target, decode: plant(target.decode), mostMs: 100 }
        const { failures } = await fuzzTarget({
          name,
          target: faulty,
          seed: 1,
          cases: CASES,
          mostFailures: 1,
          replays: false,
        })
        expect(failures.length, what).toBeGreaterThan(0)
      }
    } finally {
      await target.close?.()
    }
  })
})
