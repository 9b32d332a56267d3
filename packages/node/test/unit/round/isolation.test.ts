import { describe, expect, it } from 'vitest'
import { createIsolationWatch } from '../../../src/round/isolation.js'
import type { RoundReport } from '../../../src/round/report.js'

type Neighbours = RoundReport['neighbours']
const neighbour = (accepted: boolean, arrival: number | null = 0): Neighbours[number] => ({
  peer: 'p',
  announcement: null,
  accepted,
  weight: 0,
  score: null,
  threshold: null,
  reason: 'distance-above-threshold',
  arrival,
  latenessMs: 0,
})

describe('isolation', () => {
  it('is noticed once, after three rounds in which everything that arrived was refused', () => {
    const watch = createIsolationWatch()
    const rounds: Neighbours[] = [
      [neighbour(false), neighbour(true)],
      [neighbour(false), neighbour(false)],
      // Nothing arrived: that says nothing about the rule.
      [neighbour(false, null)],
      [neighbour(false), neighbour(false, null)],
      [neighbour(false)],
      [neighbour(false)],
      [neighbour(true)],
      [neighbour(false)],
      [neighbour(false)],
      [neighbour(false)],
    ]
    const noticed = rounds.map((neighbours) => watch.note({ neighbours }))
    expect(noticed.flatMap((yes, round) => (yes ? [round] : []))).toEqual([4, 9])
  })
})
