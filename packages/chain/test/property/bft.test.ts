import { describe, expect, it } from 'vitest'
import { sized } from '../../../../test-support/tier.js'
import { type BftParams, bft } from '../../src/architectures/bft.js'
import { parts, playSchedule, randomOf, type Schedule, WRONG } from '../support/schedule.js'

const DELTA = 50
const HEAL = 3_000

/** 0 … count − 1 in random order. */
function shuffled(count: number, below: (bound: number) => number): number[] {
  const all = Array.from({ length: count }, (_, k) => k)
  for (let k = count - 1; k > 0; k--) {
    const other = below(k + 1)
    ;[all[k], all[other]] = [all[other]!, all[k]!]
  }
  return all
}

function scheduleOf(seed: number): Schedule<BftParams, null> {
  const random = randomOf(seed * 7919 + 1)
  const below = (bound: number): number => Math.floor(random() * bound)
  const members = 4 + below(4)
  const faulty = Math.ceil(members / 3) - 1
  const chosen = shuffled(members, below)
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
  // In parts, each of which has a time limit of its own.
  it.each(parts(sized(200, 2_500), 250))(
    'never has two final blocks at a height, and goes on after healing, in schedules %d to %d',
    (from, to) => {
      for (let seed = from; seed <= to; seed++) {
        const { violation, least } = playSchedule(scheduleOf(seed))
        expect(violation, `seed ${seed}`).toBeUndefined()
        expect(least, `seed ${seed}: final blocks of the slowest member`).toBeGreaterThanOrEqual(3)
      }
    },
  )

  it('takes no block of a member that aggregates wrongly, and goes on without it', () => {
    for (let seed = 1; seed <= sized(10, 150); seed++) {
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
