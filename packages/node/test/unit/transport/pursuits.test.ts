import { expect, it } from 'vitest'
import { silentLogger } from '../../../src/logger.js'
import { createPursuits } from '../../../src/transport/pursuits.js'
import { createManualClock } from '../../support/manual-clock.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('attempts that fail in a row are counted, and counted anew after one that succeeds', async () => {
  const clock = createManualClock()
  const stopping = new AbortController()
  const pursuits = createPursuits(clock, silentLogger, stopping.signal)
  const failures: number[] = []
  let attempts = 0
  void pursuits.pursue(
    'target',
    async () => {
      attempts += 1
      if (attempts === 4) return true
      throw new Error('refused')
    },
    0,
    (_, inARow) => failures.push(inARow),
  )
  for (let k = 0; k < 8; k++) {
    clock.advance(8_000)
    await turn()
  }
  stopping.abort()
  expect(failures.slice(0, 5)).toEqual([1, 2, 3, 1, 2])
})
