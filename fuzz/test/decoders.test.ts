import { describe, expect, it } from 'vitest'
import { sized } from '../../test-support/tier.js'
import { fuzzTarget } from '../engine/fuzz-target.js'
import { MOST_MS } from '../engine/judge.js'
import { startWatch } from '../engine/watch.js'
import { TARGETS } from '../targets/all.js'

/** Inputs of a fixed seed that each decoder gets, the kept ones first. */
const CASES = sized(200, 2_000)

describe.each(TARGETS)('$name', ({ name, about, open }) => {
  it(`gives a value or a typed error for ${CASES} inputs: ${about}`, async () => {
    const target = await open()
    // A machine can be 20 times slower than usual.
    const patient = { ...target, mostMs: 20 * (target.mostMs ?? MOST_MS) }
    const watch = startWatch()
    try {
      const { failures } = await fuzzTarget({
        name,
        target: patient,
        seed: 1,
        cases: CASES,
        onCase: (from, input) => watch.note(name, from, input),
      })
      expect(failures.map(({ from, what }) => `${from}: ${what}`)).toEqual([])
    } finally {
      await watch.stop()
      await target.close?.()
    }
  })
})
