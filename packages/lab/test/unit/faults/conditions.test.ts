import { createTopology } from '@tempered/robust-agg/topology'
import { describe, expect, it } from 'vitest'
import { afterFault, calm, linkName } from '../../../src/faults/conditions.js'
import { createPresence } from '../../../src/faults/presence.js'

describe('afterFault', () => {
  it('cuts the links between groups and mends the same ones', () => {
    const groups = [[0, 2], [1]]
    const cut = afterFault(calm, { at: 1, type: 'partition', groups })
    expect(cut.cut).toEqual([linkName(0, 1), linkName(2, 1)])
    expect(afterFault(cut, { at: 2, type: 'heal', groups }).cut).toEqual([])
  })

  it('a slow link replaces what was, whichever end is named first', () => {
    const slow = { at: 1, type: 'slow-link', bytesPerSecond: undefined } as const
    const first = afterFault(calm, { ...slow, between: [3, 1], latencyMs: 5 })
    const second = afterFault(first, { ...slow, between: [1, 3], latencyMs: 7 })
    expect(second.slow).toEqual({ '1 3': { latencyMs: 7, bytesPerSecond: undefined } })
  })

  it('kills and restarts leave links and trainers as they are', () => {
    const slowed = afterFault(calm, { at: 1, type: 'slow-trainer', node: 2, factor: 3 })
    expect(slowed.trainers).toEqual({ 2: 3 })
    expect(afterFault(slowed, { at: 2, type: 'kill', node: 2 })).toBe(slowed)
  })
})

describe('presence', () => {
  const nobody = () => false

  it('finds a node that waits for neighbours who will never come', () => {
    const presence = createPresence(createTopology({ name: 'complete' }, 3, 1), 5)
    for (const index of [0, 1, 2]) presence.started(index)
    expect(presence.stranded(nobody)).toEqual([])
    presence.published(0, 4)
    presence.gone(0)
    presence.gone(2)
    expect(presence.stranded(nobody)).toEqual([1])
    expect(presence.stranded((index) => index === 2)).toEqual([])
    presence.started(2)
    expect(presence.stranded(nobody)).toEqual([])
  })

  it('a node in its last round may end alone, one with rounds before it cannot, one without neighbours waits for nobody', () => {
    const presence = createPresence(createTopology({ name: 'complete' }, 2, 1), 5)
    presence.started(0)
    presence.gone(1)
    presence.published(0, 3)
    expect(presence.stranded(nobody)).toEqual([0])
    presence.published(0, 4)
    expect(presence.stranded(nobody)).toEqual([])
    const single = createPresence(createTopology({ name: 'complete' }, 1, 1), 5)
    single.started(0)
    expect(single.stranded(nobody)).toEqual([])
  })
})
