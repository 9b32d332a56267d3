import { describe, expect, it } from 'vitest'
import { groupsOf } from '../../src/groups/groups.js'

describe('groups', () => {
  it('hold each member once, in sizes from the least to less than twice of it', () => {
    for (let members = 3; members <= 40; members++)
      for (let size = 3; size <= members; size++)
        for (const round of [0, 1]) {
          const groups = groupsOf(members, size, 7, round)
          expect(groups.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: members }, (_, k) => k))
          const sizes = groups.map(({ length }) => length)
          expect(Math.min(...sizes)).toBeGreaterThanOrEqual(size)
          expect(Math.max(...sizes)).toBeLessThan(2 * size)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        }
  })

  it('are others in each round and run, and the same for whoever draws them', () => {
    const drawn = (seed: number, round: number) => JSON.stringify(groupsOf(24, 6, seed, round))
    expect(drawn(1, 0)).toBe(drawn(1, 0))
    expect(new Set([drawn(1, 0), drawn(1, 1), drawn(2, 0), drawn(1, 2)]).size).toBe(4)
    // Any two members meet about as often as chance has it: 5 of 23 others.
    let met = 0
    for (let round = 0; round < 2_000; round++)
      if (groupsOf(24, 6, 3, round).some((group) => group.includes(3) && group.includes(17))) met += 1
    expect(met / 2_000).toBeGreaterThan(0.18)
    expect(met / 2_000).toBeLessThan(0.26)
  })

  it.each([
    [10, 2],
    [2, 3],
    [10, 11],
    [10, 3.5],
  ])('of %s members in groups of %s are refused', (members, size) => {
    expect(() => groupsOf(members, size, 1, 0)).toThrow(/cannot be drawn/)
  })
})
