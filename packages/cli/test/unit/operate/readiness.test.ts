import { describe, expect, it } from 'vitest'
import { MOST_STALL_SECONDS, stallReasons } from '../../../src/operate/event-loop-watch.js'
import { unreadiness } from '../../../src/operate/readiness.js'
import { sampleStatus } from '../../support/sample-status.js'

describe('readiness', () => {
  it('is given while a node works on a round with a neighbour', () => {
    for (const phase of ['training', 'publishing', 'collecting', 'aggregating', 'lingering'] as const)
      expect(unreadiness(sampleStatus({ phase }))).toEqual([])
  })

  it.each([
    [{ isListening: false, phase: 'idle' }, 'the network is not open yet'],
    [{ phase: 'idle' }, 'the rounds have not begun yet'],
    [{ phase: 'joining' }, 'waits for its neighbours'],
    [{ phase: 'syncing' }, 'catches up'],
    [{ phase: 'done' }, 'all rounds of the run are done'],
    [{ neighbours: sampleStatus().neighbours.slice(1) }, 'none of 1 neighbours is connected'],
  ] as const)('is not given with %o', (changes, reason) => {
    expect(unreadiness(sampleStatus(changes)).join('; ')).toContain(reason)
  })
})

describe('health', () => {
  it('is lost by an event loop that stood still for too long', () => {
    expect(stallReasons(MOST_STALL_SECONDS)).toEqual([])
    expect(stallReasons(MOST_STALL_SECONDS + 0.1)).toEqual([
      'the event loop stood still for 10.1 s: the machine is overloaded, or swaps',
    ])
  })
})
