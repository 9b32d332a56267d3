import { describe, expect, it } from 'vitest'
import { faultSchema } from '../../../src/faults/fault-schema.js'
import { createFaultTimeline, type FaultAction, partedPairs } from '../../../src/faults/fault-timeline.js'

const timeline = (faults: readonly unknown[], nodes = 6) =>
  createFaultTimeline(
    faults.map((fault) => faultSchema.parse(fault)),
    { nodes },
  )

/** `kill 3`, `partition` … */
const brief = (actions: readonly FaultAction[]) =>
  actions.map((action) => ('node' in action ? `${action.type} ${action.node}` : action.type))

describe('createFaultTimeline', () => {
  it('kills, stops and slows a node when it has published the round itself, not before', () => {
    const faults = timeline([
      { at: 3, kill: [1] },
      { at: 3, leave: [2] },
      { at: 3, slowTrainer: { nodes: [4], factor: 2 } },
    ])
    expect(faults.start()).toEqual([])
    expect(faults.published(0, 2, true)).toEqual([])
    expect(faults.published(1, 1, true)).toEqual([])
    expect(brief(faults.published(1, 2, true))).toEqual(['kill 1'])
    expect(brief(faults.published(2, 2, false))).toEqual(['leave 2'])
    expect(faults.published(4, 2, true)).toEqual([{ at: 3, type: 'slow-trainer', node: 4, factor: 2 }])
    expect(faults.published(1, 2, true)).toEqual([])
    expect(faults.pending()).toEqual([])
  })

  it('does the rest when the first honest node has published the round; attackers move nothing', () => {
    const groups = [[0, 1], [2]]
    const faults = timeline([
      { at: 2, partition: groups },
      { at: 2, join: [5] },
      { at: 4, heal: true },
      { at: 4, slowLink: { between: [0, 1], latencyMs: 5 } },
    ])
    expect(faults.absentAtStart).toEqual([5])
    expect(faults.start()).toEqual([])
    expect(faults.published(3, 1, false)).toEqual([])
    expect(faults.published(0, 0, true)).toEqual([])
    expect(brief(faults.published(0, 1, true))).toEqual(['partition', 'join 5'])
    expect(faults.published(1, 1, true)).toEqual([])
    expect(brief(faults.pending())).toEqual(['heal', 'slow-link'])
    expect(faults.published(1, 3, true)).toEqual([
      { at: 4, type: 'heal', groups },
      { at: 4, type: 'slow-link', between: [0, 1], latencyMs: 5, bytesPerSecond: undefined },
    ])
  })

  it('has partitions, slow links and slow trainers of round 1 in place before anything begins', () => {
    const faults = timeline([
      { at: 1, kill: [3] },
      { at: 1, slowTrainer: { nodes: [1], factor: 4 } },
      { at: 1, partition: [[0], [1]] },
      { at: 1, slowLink: { between: [2, 3], bytesPerSecond: 1000 } },
    ])
    expect(brief(faults.start())).toEqual(['slow-trainer 1', 'partition', 'slow-link'])
    expect(brief(faults.published(3, 0, true))).toEqual(['kill 3'])
  })

  it('takes a jump over a round as that round', () => {
    const faults = timeline([
      { at: 2, kill: [1] },
      { at: 3, heal: true },
    ])
    expect(brief(faults.published(1, 6, true))).toEqual(['kill 1', 'heal'])
  })

  it('keeps the order of what is done to one node: a restart that is due waits for the kill', () => {
    const faults = timeline([
      { at: 3, restart: [1] },
      { at: 2, kill: [1] },
      { at: 4, kill: [1] },
    ])
    expect(faults.published(0, 5, true)).toEqual([])
    expect(brief(faults.pending())).toEqual(['kill 1', 'restart 1', 'kill 1'])
    // Killed and at once restarted; what it published before says nothing of the second life.
    expect(brief(faults.published(1, 5, true))).toEqual(['kill 1', 'restart 1'])
    expect(brief(faults.published(1, 5, true))).toEqual(['kill 1'])
  })

  it('a node that is slowed before it joins is absent at the start', () => {
    expect(
      timeline([
        { at: 1, slowTrainer: { nodes: [2], factor: 2 } },
        { at: 3, join: [2] },
      ]).absentAtStart,
    ).toEqual([2])
  })

  it('refuses a node that is not there', () => {
    expect(() => timeline([{ at: 1, kill: [6] }])).toThrow(RangeError)
  })
})

describe('partedPairs', () => {
  it('gives every pair of different groups once', () => {
    expect(partedPairs([[0, 1], [2], [3]]).map(String)).toEqual(['0,2', '0,3', '1,2', '1,3', '2,3'])
  })
})
