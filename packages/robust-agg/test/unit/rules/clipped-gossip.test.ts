/** ClippedGossip: its radii and what it refuses to be built with. */

import { describe, expect, test } from 'vitest'
import { createRule } from '../../../src/index.js'

const vectors = (...rows: number[][]) => rows.map((row) => Float32Array.from(row))

describe('clipped-gossip', () => {
  const codeOf = (params: Record<string, number>) => {
    try {
      createRule('clipped-gossip', params)
    } catch (error) {
      const { code, details } = error as { code: string; details: object }
      return { code, details }
    }
    return undefined
  }

  test('takes exactly one of its radii', () => {
    const details = { owner: "rule 'clipped-gossip'", parameters: ['tau', 'b', 'oracle'] }
    expect(codeOf({})).toMatchObject({ code: 'E_MISSING_PARAMETER', details })
    expect(codeOf({ oracle: 0 })).toMatchObject({ code: 'E_MISSING_PARAMETER', details })
    for (const both of [
      { tau: 1, b: 0.1 },
      { tau: 1, oracle: 1 },
      { b: 0.1, oracle: 1 },
      { tau: 0, b: 0.1, oracle: 1 },
    ])
      expect(codeOf(both)).toMatchObject({ code: 'E_CONFLICTING_PARAMETERS', details })
    for (const one of [{ tau: 0 }, { b: 0.1 }, { oracle: 1 }, { tau: 1, oracle: 0 }])
      expect(codeOf(one)).toBeUndefined()
  })

  test('says how many attackers b allows for, and nothing of a fixed radius', () => {
    expect(createRule('clipped-gossip', { b: 0.2 }).tolerated(10)).toBe(2)
    expect(createRule('clipped-gossip', { b: 0.18 }).tolerated(10)).toBe(1)
    expect(createRule('clipped-gossip', { tau: 1 }).tolerated(10)).toBeNull()
    expect(createRule('clipped-gossip', { oracle: 1 }).tolerated(10)).toBeNull()
  })

  test('needs as many models as its bound b asks for, and one for a fixed radius', () => {
    const refuses = (params: Record<string, number>, neighbours: number) => {
      try {
        createRule('clipped-gossip', params).checkNeighbourhood(neighbours)
        return false
      } catch {
        return true
      }
    }
    // n ≥ 2/(1 − b) = 4.
    expect([0, 1, 2, 3, 4].map((neighbours) => refuses({ b: 0.5 }, neighbours))).toEqual([
      ...[true, true, true, false, false],
    ])
    expect([0, 1, 2].map((neighbours) => refuses({ tau: 1 }, neighbours))).toEqual([false, false, false])
  })

  test('with the oracle, clips at the radius of those who are honest', () => {
    const [own, ...neighbours] = vectors([0], [1], [2], [8])
    const { verdicts, vector } = createRule('clipped-gossip', { oracle: 1 }).aggregate({
      ...{ own, neighbours, round: 0, rounds: 1 },
      honest: [true, true, false],
    })
    const radius = Math.sqrt((0.25 * 1 + 0.25 * 4) / 0.25)
    expect(verdicts.map(({ threshold }) => threshold)).toEqual([radius, radius, radius])
    expect(verdicts.map(({ reason }) => reason)).toEqual(['accepted', 'accepted', 'clipped'])
    expect(vector[0]).toBeCloseTo(0.25 + 0.5 + 0.25 * radius, 6)
  })
})
