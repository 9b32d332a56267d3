import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { pofl } from '../../src/architectures/pofl.js'
import { pos } from '../../src/architectures/pos.js'
import { pow } from '../../src/architectures/pow.js'
import { vbfl } from '../../src/architectures/vbfl.js'
import { vbflParams } from '../support/fixture.js'
import { parts, playSchedule, randomOf, type Schedule, WRONG } from '../support/schedule.js'

/** Milliseconds that a message takes at most. */
const DELTA = 50

/** No parts and no liars: what such chains promise holds while blocks travel faster than they are made. */
function calm(seed: number): Omit<Schedule<never, never>, 'architecture' | 'params'> {
  const random = randomOf(seed * 104_729 + 3)
  return {
    members: 4 + Math.floor(random() * 3),
    rounds: 5,
    seed,
    deltaMs: DELTA,
    healMs: 0,
    endMs: 200_000,
    loss: 0,
    liars: [],
    crashes: random() < 0.5 ? [{ member: 0, atMs: 1 + Math.floor(random() * 2_000), forMs: 1_000 }] : [],
    secondFace: () => false,
  }
}

const CHAINS = [
  ['pow', pow, { difficulty: 4_000, blockMs: 1_000, retargetEvery: 4, confirmations: 3, miners: [] }],
  ['pos', pos, { slotMs: 400, stake: 100, reward: 10, confirmations: 3, drawByBlock: 0 }],
  ['vbfl', vbfl, vbflParams({ voteMs: 400, slotMs: 400, confirmations: 3 })],
  ['pofl', pofl, { miners: [], target: 0, tolerance: 0.001, windowMs: 250, confirmations: 3 }],
] as const

describe.each(CHAINS)('%s', (_, architecture, params) => {
  // The schedule does not care which of the two it is.
  const chain = { architecture, params } as unknown as Pick<
    Schedule<object, unknown>,
    'architecture' | 'params'
  >

  it.each(parts(sized(5, 80), 20))(
    'comes to the same final blocks everywhere in schedules %d to %d',
    (from, to) => {
      for (let seed = from; seed <= to; seed++) {
        const { violation, least } = playSchedule({ ...calm(seed), ...chain })
        expect(violation, `seed ${seed}`).toBeUndefined()
        expect(least, `seed ${seed}`).toBeGreaterThanOrEqual(5)
      }
    },
  )

  it('takes no block of a member that aggregates wrongly, and goes on without it', () => {
    for (let seed = 1; seed <= sized(2, 20); seed++) {
      const { chain: blocks, least } = playSchedule({ ...calm(seed), ...chain, crashes: [], wrong: 1 })
      expect(least, `seed ${seed}`).toBeGreaterThanOrEqual(5)
      expect(blocks.filter(({ body }) => body.aggregate.equals(WRONG))).toEqual([])
    }
  })

  it('breaks when the network is parted for longer than it waits, and the checker sees it', () => {
    const parted = (member: number): number => member % 2
    const { violation } = playSchedule({ ...calm(1), ...chain, healMs: 150_000, parted, crashes: [] })
    expect(violation).toMatch(/^two final blocks at height/)
  })
})

describe('pofl with a window that nobody lives to see the end of', () => {
  const params = { miners: [], target: 0, tolerance: 0.001, windowMs: 86_400_000, confirmations: 3 }

  it('goes on as long as all members offer, though some hear of the next block before the last of this one', () => {
    for (let seed = 1; seed <= sized(20, 200); seed++) {
      const { violation, least } = playSchedule({
        ...calm(seed),
        ...{ architecture: pofl, params, crashes: [], deltaMs: 1_000 },
      })
      expect(violation, `seed ${seed}`).toBeUndefined()
      expect(least, `seed ${seed}`).toBeGreaterThanOrEqual(5)
    }
  })
})
