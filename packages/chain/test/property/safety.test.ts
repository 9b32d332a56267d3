import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { type BftParams, bft } from '../../src/architectures/bft.js'
import { pos } from '../../src/architectures/pos.js'
import { pow } from '../../src/architectures/pow.js'
import { playSchedule, randomOf, type Schedule, WRONG } from '../support/schedule.js'

const DELTA = 50
const HEAL = 3_000

function scheduleOf(seed: number): Schedule<BftParams, null> {
  const random = randomOf(seed * 7919 + 1)
  const below = (bound: number): number => Math.floor(random() * bound)
  const members = 4 + below(4)
  const faulty = Math.ceil(members / 3) - 1
  const chosen = Array.from({ length: members }, (_, k) => k).sort(() => random() - 0.5)
  const side = Array.from({ length: members }, () => below(2))
  const face = Array.from({ length: members }, () => below(2) === 1)
  return {
    architecture: bft,
    params: { deltaMs: DELTA },
    members,
    rounds: 3,
    seed,
    deltaMs: DELTA,
    healMs: HEAL,
    endMs: HEAL + 400 * DELTA,
    loss: random() * 0.4,
    liars: chosen.slice(0, below(faulty + 1)),
    crashes: random() < 0.5 ? [{ member: chosen[members - 1]!, atMs: below(HEAL), forMs: below(HEAL) }] : [],
    parted: random() < 0.5 ? (member) => side[member]! : undefined,
    secondFace: (member) => face[member]!,
  }
}

describe('bft', () => {
  const COUNT = sized(500, 10_000)

  it(`never has two final blocks at a height, and goes on after healing, in ${COUNT} schedules`, () => {
    for (let seed = 1; seed <= COUNT; seed++) {
      const { violation, least } = playSchedule(scheduleOf(seed))
      expect(violation, `seed ${seed}`).toBeUndefined()
      expect(least, `seed ${seed}: final blocks of the slowest member`).toBeGreaterThanOrEqual(3)
    }
  })

  it('takes no block of a member that aggregates wrongly, and goes on without it', () => {
    for (let seed = 1; seed <= sized(20, 500); seed++) {
      const { chain, least } = playSchedule({ ...scheduleOf(seed), liars: [], crashes: [], wrong: 1 })
      expect(least, `seed ${seed}`).toBeGreaterThanOrEqual(3)
      expect(chain.filter(({ body }) => body.aggregate.equals(WRONG))).toEqual([])
    }
  })

  it('breaks with a third of liars and a parted network, and the checker sees it', () => {
    const found = Array.from({ length: 40 }, (_, seed) =>
      playSchedule({
        ...scheduleOf(seed + 1),
        members: 4,
        liars: [0, 1],
        crashes: [],
        loss: 0,
        parted: (member) => (member < 2 ? undefined : member),
        secondFace: (member) => member === 3,
      }),
    )
    expect(found.some(({ violation }) => violation !== undefined)).toBe(true)
  })
})

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
  ['pos', pos, { slotMs: 400, stake: 100, reward: 10, confirmations: 3 }],
] as const

describe.each(CHAINS)('%s', (_, architecture, params) => {
  const COUNT = sized(20, 1_000)
  // The schedule does not care which of the two it is.
  const chain = { architecture, params } as unknown as Pick<
    Schedule<object, unknown>,
    'architecture' | 'params'
  >

  it(`comes to the same final blocks everywhere in ${COUNT} schedules`, () => {
    for (let seed = 1; seed <= COUNT; seed++) {
      const { violation, least } = playSchedule({ ...calm(seed), ...chain })
      expect(violation, `seed ${seed}`).toBeUndefined()
      expect(least, `seed ${seed}`).toBeGreaterThanOrEqual(5)
    }
  })

  it('takes no block of a member that aggregates wrongly, and goes on without it', () => {
    for (let seed = 1; seed <= sized(5, 100); seed++) {
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
